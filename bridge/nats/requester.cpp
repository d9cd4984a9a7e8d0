#include "bridge/nats/requester.hpp"

#include <array>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace baton::nats {
namespace {

/// After so many sweeps with nothing pending the sweeper sleeps until the next request.
constexpr int idle_sweeps_max = 100;

/// Slot and generation, so that a late reply never finds a slot's next tenant.
struct token {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
};

std::string text_of(token t) {
  std::array<char, 16> digits{};
  const auto number = static_cast<std::uint64_t>(t.generation) << 32U | t.slot;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  return {digits.data(), end};
}

std::optional<token> parse_token(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return token{static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32U)};
}

} // namespace

// --- reply -------------------------------------------------------------------------------------------------------------

std::string_view reply::subject() const { return natsMsg_GetSubject(message_.get()); }

std::string_view reply::payload() const {
  return {natsMsg_GetData(message_.get()), static_cast<std::size_t>(natsMsg_GetDataLength(message_.get()))};
}

std::optional<std::string_view> reply::header(const char* name) const {
  const char* value = nullptr;
  if (natsMsgHeader_Get(message_.get(), name, &value) != NATS_OK || value == nullptr) return std::nullopt;
  return value;
}

std::vector<std::string_view> reply::header_values(const char* name) const {
  const char** values = nullptr;
  int count = 0;
  if (natsMsgHeader_Values(message_.get(), name, &values, &count) != NATS_OK) return {};
  std::vector<std::string_view> all{values, values + count};
  std::free(static_cast<void*>(values)); // the array is the caller's, the texts are the message's
  return all;
}

std::vector<header_line> reply::headers() const {
  const char** names = nullptr;
  int count = 0;
  if (natsMsgHeader_Keys(message_.get(), &names, &count) != NATS_OK) return {};
  std::vector<header_line> all;
  for (int i = 0; i < count; ++i) {
    for (const auto value : header_values(names[i]))
      all.push_back({names[i], std::string{value}});
  }
  std::free(static_cast<void*>(names));
  return all;
}

int reply::status() const {
  const auto text = header("Status");
  int number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

// --- requester ---------------------------------------------------------------------------------------------------------

struct requester::state {
  struct slot {
    callback done; // empty: free
    std::uint32_t generation = 0;
  };
  struct expiry {
    monotonic_instant at;
    token whose;
  };
  struct failed_call {
    callback done;
    failure why;
  };

  state(connection& o, const clock& t, requester_limits l)
      : over{o}, time{t}, limits{l}, prefix{connection::new_inbox() + "."} {}

  std::optional<token> admit(milliseconds timeout, callback& done);
  callback take(token whose);
  void fail_soon(callback done, failure why);
  void arrived(message_handle message);
  void sweep();
  void collect(monotonic_instant now, std::vector<failed_call>& due);

  connection& over;
  const clock& time;
  const requester_limits limits;
  const std::string prefix;

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<slot> slots;
  std::vector<std::uint32_t> free_slots;
  std::size_t pending = 0;
  /// By timeout: within one, deadlines come in order, so that only the fronts need a look.
  std::map<milliseconds, std::deque<expiry>> deadlines;
  /// Known already, but not to be told from inside `request`.
  std::vector<failed_call> failed;
  bool sweeper_sleeps = false;
  bool stopping = false;

  std::optional<subscription> inbox;
  std::thread sweeper;
};

/// Nothing, and `done` untouched, if there are too many.
std::optional<token> requester::state::admit(milliseconds timeout, callback& done) {
  const auto deadline = time.monotonic_now() + timeout;
  const std::lock_guard lock{mutex};
  if (pending >= limits.pending_max) return std::nullopt;
  token whose;
  if (free_slots.empty()) {
    whose.slot = static_cast<std::uint32_t>(slots.size());
    slots.emplace_back();
  } else {
    whose.slot = free_slots.back();
    free_slots.pop_back();
  }
  auto& place = slots[whose.slot];
  whose.generation = ++place.generation;
  place.done = std::move(done);
  ++pending;
  deadlines[timeout].push_back({deadline, whose});
  if (std::exchange(sweeper_sleeps, false)) changed.notify_one();
  return whose;
}

/// Empty, if it has ended already.
requester::callback requester::state::take(token whose) {
  const std::lock_guard lock{mutex};
  if (whose.slot >= slots.size()) return {};
  auto& place = slots[whose.slot];
  if (place.generation != whose.generation || !place.done) return {};
  --pending;
  free_slots.push_back(whose.slot);
  return std::exchange(place.done, {});
}

void requester::state::fail_soon(callback done, failure why) {
  const std::lock_guard lock{mutex};
  failed.push_back({std::move(done), why});
  // No wake-up unless it sleeps for good: a caller that asks again at once is thereby held to the sweeper's pace.
  if (std::exchange(sweeper_sleeps, false)) changed.notify_one();
}

void requester::state::arrived(message_handle message) {
  const std::string_view subject = natsMsg_GetSubject(message.get());
  const auto whose = parse_token(subject.substr(std::min(prefix.size(), subject.size())));
  if (!whose) return;
  auto done = take(*whose);
  if (!done) return;
  if (natsMsg_IsNoResponders(message.get())) return done(unexpected{failure::no_responders});
  done(reply{std::move(message)});
}

/// With the lock held: what has timed out or failed; ended requests leave the deadline queues as they come to their front.
void requester::state::collect(monotonic_instant now, std::vector<failed_call>& due) {
  due.swap(failed);
  for (auto& [timeout, queue] : deadlines) {
    while (!queue.empty()) {
      const auto& [at, whose] = queue.front();
      auto& place = slots[whose.slot];
      const bool lives = place.generation == whose.generation && place.done;
      if (lives && at > now && !stopping) break;
      if (lives) {
        due.push_back({std::exchange(place.done, {}), stopping ? failure::closed : failure::timed_out});
        free_slots.push_back(whose.slot);
        --pending;
      }
      queue.pop_front();
    }
  }
}

void requester::state::sweep() {
  std::vector<failed_call> due;
  int idle_sweeps = 0;
  std::unique_lock lock{mutex};
  while (true) {
    if (idle_sweeps >= idle_sweeps_max) {
      sweeper_sleeps = true;
      changed.wait(lock, [this] { return stopping || !sweeper_sleeps; });
      idle_sweeps = 0;
    }
    changed.wait_for(lock, limits.sweep_every, [this] { return stopping; });
    const bool last = stopping;
    collect(time.monotonic_now(), due);
    idle_sweeps = pending == 0 && due.empty() ? idle_sweeps + 1 : 0;
    lock.unlock();
    for (auto& one : due)
      one.done(unexpected{one.why});
    due.clear();
    lock.lock();
    if (last && failed.empty() && pending == 0) return;
  }
}

expected<std::unique_ptr<requester>, failure> requester::open(
    connection& over, const clock& time, requester_limits limits) {
  auto held = std::make_unique<state>(over, time, limits);
  auto* self = held.get();
  auto inbox =
      over.subscribe(self->prefix + "*", [self](message_handle message) { self->arrived(std::move(message)); });
  if (!inbox) return unexpected{inbox.error()};
  self->inbox.emplace(*std::move(inbox));
  self->sweeper = std::thread{[self] { self->sweep(); }};
  return std::unique_ptr<requester>{new requester{std::move(held)}};
}

requester::requester(std::unique_ptr<state> held) : state_{std::move(held)} {}

requester::~requester() {
  state_->inbox.reset();
  {
    const std::lock_guard lock{state_->mutex};
    state_->stopping = true;
    state_->changed.notify_one();
  }
  state_->sweeper.join();
}

void requester::request(
    const std::string& subject, header_list with, std::string_view payload, milliseconds timeout, callback done) {
  const auto whose = state_->admit(timeout, done);
  if (!whose) return state_->fail_soon(std::move(done), failure::overloaded);
  const auto refused = state_->over.publish(subject, state_->prefix + text_of(*whose), with, payload);
  if (!refused) return;
  if (auto mine = state_->take(*whose)) state_->fail_soon(std::move(mine), *refused);
}

std::optional<failure> requester::publish(const std::string& subject, header_list with, std::string_view payload) {
  return state_->over.publish(subject, {}, with, payload);
}

connection& requester::link() const noexcept { return state_->over; }

std::size_t requester::pending() const {
  const std::lock_guard lock{state_->mutex};
  return state_->pending;
}

} // namespace baton::nats
