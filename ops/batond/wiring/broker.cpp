#include "ops/batond/wiring/broker.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "bridge/nats/streams.hpp"
#include "bridge/process/private_server.hpp"
#include "ops/batond/wiring/settings.hpp"

namespace baton::batond {
namespace {

/// How long a broker may be away, or without a leader, when the node starts.
constexpr std::chrono::seconds start_patience{60};

/// Says what goes wrong, once for each new text.
class patience {
public:
  patience(const clock& time, operator_log& log, const stop_signals& signals)
      : time_(time), log_(log), signals_(signals), until_(time.monotonic_now() + start_patience) {}
  /// False: it has run out, or the node was asked to stop.
  bool wait_after(const std::string& trouble) {
    if (time_.monotonic_now() >= until_) return false;
    if (trouble != std::exchange(told_, trouble)) log_.say(severity::warning, trouble + "; trying again");
    return !signals_.wait_for(std::chrono::milliseconds{500});
  }

private:
  const clock& time_;
  operator_log& log_;
  const stop_signals& signals_;
  monotonic_instant until_;
  std::string told_;
};

} // namespace

/// In the order of construction; destroyed the other way round.
struct broker::parts {
  std::unique_ptr<private_server> own;
  std::string url;
  std::string shown_url;
  std::unique_ptr<nats::connection> link;
  std::unique_ptr<nats::requester> requests;
  std::unique_ptr<nats::requester> acks;
  std::uint64_t partitions = 0;

  std::optional<std::string> find(const options& o, const home& at, operator_log& log, const stop_signals& signals);
  std::optional<std::string> connect(const options& o, const clock& time, operator_log& log, const stop_signals& signals);
  std::optional<std::string> prepare(const options& o, const home& at, const clock& time, operator_log& log,
                                     const stop_signals& signals);
};

std::optional<std::string> broker::parts::find(const options& o, const home& at, operator_log& log,
                                               const stop_signals& signals) {
  url = o.broker.url;
  if (url.empty()) {
    private_server_options how;
    how.folder = at.broker_store();
    how.program = o.broker.server_program;
    how.guard = at.guard_program();
    how.port = static_cast<std::uint16_t>(o.broker.port);
    how.sync_interval = o.broker.sync_interval;
    how.max_payload = std::max(how.max_payload, message_bytes_needed(o));
    const auto asked_to_stop = [&signals] { return signals.wait_for(std::chrono::milliseconds{0}); };
    auto started = private_server::start(std::move(how), log, asked_to_stop);
    if (!started) return std::move(started).error();
    own = *std::move(started);
    url = own->url();
  }
  shown_url = nats::without_secrets(url);
  return std::nullopt;
}

std::optional<std::string> broker::parts::connect(const options& o, const clock& time, operator_log& log,
                                                  const stop_signals& signals) {
  patience left{time, log, signals};
  for (;;) {
    auto opened = nats::connection::open(connect_options_of(o, url));
    if (opened) {
      link = *std::move(opened);
      break;
    }
    const auto& why = opened.error();
    const bool may_pass = why.what == nats::connect_failure::kind::cannot_connect;
    if (!may_pass || !left.wait_after(why.text)) return why.text;
  }
  if (const auto takes = link->max_payload(); takes < message_bytes_needed(o)) {
    return "the NATS server at " + shown_url + " takes messages of at most " + std::to_string(takes)
        + " bytes, but payload.size_max and session.record_bytes_max, with what goes with them, need "
        + std::to_string(message_bytes_needed(o)) + ": raise its max_payload, or lower these options";
  }
  for (auto* each : {&requests, &acks}) {
    auto opened = nats::requester::open(*link, time);
    if (!opened) return "cannot subscribe at the broker: " + std::string{to_text(opened.error())};
    *each = *std::move(opened);
  }
  return std::nullopt;
}

std::optional<std::string> broker::parts::prepare(const options& o, const home& at, const clock& time, operator_log& log,
                                                  const stop_signals& signals) {
  patience left{time, log, signals};
  for (;;) {
    auto ready = nats::prepare_streams(*requests, stream_plan_of(o), {at.stream_memory(), o.broker.accept_loss});
    if (ready) {
      partitions = ready->partitions;
      for (const auto& name : ready->made) log.say(severity::info, "made the stream " + name);
      return std::nullopt;
    }
    const auto& why = ready.error();
    if (why.what == nats::streams_refused::kind::lost) return why.text + " (--broker.accept-loss says so, for one start)";
    const bool may_pass = why.what == nats::streams_refused::kind::unreachable;
    if (!may_pass || !left.wait_after(why.text)) return why.text;
  }
}

broker::broker(std::unique_ptr<parts> made) : parts_(std::move(made)) {}
broker::broker(broker&&) noexcept = default;
broker::~broker() = default;

expected<broker, std::string> broker::reach(const options& o, const home& at, const clock& time, operator_log& log,
                                            const stop_signals& signals) {
  auto made = std::make_unique<parts>();
  if (auto failed = made->find(o, at, log, signals)) return unexpected{*failed};
  if (auto failed = made->connect(o, time, log, signals)) return unexpected{*failed};
  if (auto failed = made->prepare(o, at, time, log, signals)) return unexpected{*failed};
  return broker{std::move(made)};
}

nats::connection& broker::link() { return *parts_->link; }
nats::requester& broker::requests() { return *parts_->requests; }
nats::requester& broker::acks() { return *parts_->acks; }
std::uint64_t broker::partitions() const { return parts_->partitions; }
std::string broker::client_url() const { return parts_->url; }
const std::string& broker::shown_url() const { return parts_->shown_url; }

} // namespace baton::batond
