#include "ops/batond/wiring/broker_watch.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace baton::batond {
namespace {

using std::chrono::milliseconds;

/// How often the streams are looked at, and remembered, though nobody reports one missing.
constexpr milliseconds look_every{10'000};
/// Between two looks, whoever asks for them.
constexpr milliseconds look_pause{100};
/// A loss that this many looks in a row have found is one: a new leader of a stream may know less for a moment.
constexpr int looks_that_convince = 3;
/// What the connection complains of is said once in this time; the rest is counted.
constexpr milliseconds trouble_every{10'000};
/// That a stream is full is said once in this time.
constexpr milliseconds full_every{600'000};

} // namespace

struct broker_watch::state final : nats::link_listener {
  state(const clock& t, operator_log& l, std::function<void(const std::string&)> b)
      : time{t}, log{l}, broke{std::move(b)} {}

  void disconnected() override {
    if (!std::exchange(is_away, true)) log.say(severity::warning, "the broker is away: tasks wait there, and this node for it");
  }
  void reconnected() override {
    if (std::exchange(is_away, false)) log.say(severity::info, "the broker is back");
    ask_for_look();
  }
  void closed() override {
    broke("the broker does not let this node in any more: its user, credentials file or seed file is refused");
  }
  void trouble(const std::string& text) override {
    const auto now = time.monotonic_now();
    if (quiet_until && now < *quiet_until) {
      ++unsaid;
      return;
    }
    quiet_until = now + trouble_every;
    const auto count = std::exchange(unsaid, 0U);
    const auto more = count == 0 ? std::string{} : " (and " + std::to_string(count) + " more since the last such line)";
    log.say(severity::warning, "the broker's client: " + text + more);
  }

  void full(std::string_view stream) {
    const auto now = time.monotonic_now();
    {
      const std::lock_guard lock{mutex};
      const auto told = full_told.find(stream);
      if (told != full_told.end() && now < told->second + full_every) return;
      full_told.insert_or_assign(std::string{stream}, now);
    }
    log.say(severity::warning,
            "stream " + std::string{stream} + " is full: sessions that need room there wait for it (raise its limit, or delete sessions)");
  }

  void ask_for_look() {
    const std::lock_guard lock{mutex};
    due = true;
    changed.notify_all();
  }
  void stop() {
    const std::lock_guard lock{mutex};
    stopping = true;
    changed.notify_all();
  }
  /// False: the watch ends.
  [[nodiscard]] bool rest(milliseconds longest) {
    std::unique_lock lock{mutex};
    changed.wait_for(lock, longest, [this] { return stopping; });
    return !stopping;
  }
  /// Until a look is asked for, or the next one is due. False: the watch ends.
  [[nodiscard]] bool wait_for_look() {
    std::unique_lock lock{mutex};
    changed.wait_for(lock, look_every, [this] { return stopping || due; });
    due = false;
    return !stopping;
  }

  const clock& time;
  operator_log& log;
  const std::function<void(const std::string&)> broke;

  // Of the connection's callback thread.
  bool is_away = false;
  std::optional<monotonic_instant> quiet_until;
  std::uint64_t unsaid = 0;

  std::mutex mutex;
  std::condition_variable changed;
  /// When it was last said of each stream.
  std::map<std::string, monotonic_instant, std::less<>> full_told;
  bool due = false;
  bool stopping = false;
};

broker_watch::broker_watch(nats::requester& over, nats::stream_memory kept, const clock& time, operator_log& log,
                           std::function<void(const std::string&)> broke)
    : over_{over}, kept_{std::move(kept)}, state_{std::make_shared<state>(time, log, std::move(broke))} {
  over_.link().listen(state_);
  watcher_ = std::thread{[this] { run(); }};
}

broker_watch::~broker_watch() {
  state_->stop();
  watcher_.join();
}

std::function<void()> broker_watch::missing_stream() const {
  return [at = std::weak_ptr{state_}] {
    if (const auto still = at.lock()) still->ask_for_look();
  };
}

std::function<void(std::string_view)> broker_watch::full_stream() const {
  return [at = std::weak_ptr{state_}](std::string_view stream) {
    if (const auto still = at.lock()) still->full(stream);
  };
}

void broker_watch::run() {
  std::string told;
  int lost_looks = 0;
  do {
    // One that is away is told of by the connection.
    if (!over_.link().connected()) continue;
    const auto why = nats::remember_streams(over_, kept_);
    const bool is_loss = why && why->what == nats::streams_refused::kind::lost;
    lost_looks = is_loss ? lost_looks + 1 : 0;
    if (lost_looks == looks_that_convince) return state_->broke(why->text);
    if (is_loss) {
      state_->ask_for_look();
    } else if (const auto before = std::exchange(told, why ? why->text : std::string{}); told != before && why) {
      state_->log.say(severity::warning, "cannot look after the streams: " + why->text);
    }
  } while (state_->rest(look_pause) && state_->wait_for_look());
}

} // namespace baton::batond
