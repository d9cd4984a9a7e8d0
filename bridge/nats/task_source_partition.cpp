#include "bridge/nats/task_source_partition.hpp"

#include <algorithm>
#include <utility>

namespace baton::nats {
namespace {

/// A deleted consumer mostly means that a new owner is at work: it gets the time to make its own before we look.
constexpr milliseconds look_delay{100};

std::string_view to_text(consumer_loss why) {
  switch (why) {
  case consumer_loss::none: return "";
  case consumer_loss::gap: return "a delivery was lost";
  case consumer_loss::silent: return "the server fell silent";
  case consumer_loss::deleted: return "it was deleted";
  case consumer_loss::moved: return "its leader changed";
  case consumer_loss::replaced: return "the stream holds other messages than it did";
  }
  return "";
}

} // namespace

partition_pull::partition_pull(partition_id id, epoch of, std::shared_ptr<task_listener> to, open_callback done,
    const partition_limits& limits, monotonic_instant now)
    : id_{id},
      epoch_{of},
      limits_{limits},
      born_{now},
      listener_{std::move(to)},
      done_{std::move(done)},
      lanes_{lane{limits.pull}, lane{limits.pull}} {}

// --- consumers ---------------------------------------------------------------------------------------------------------

void partition_pull::want(lane& l, monotonic_instant due) {
  abandon(l);
  l.state.ended();
  l.wanted = true;
  l.due = due;
}

void partition_pull::abandon(lane& l) {
  if (!l.abandoned) return;
  l.abandoned->store(true);
  l.abandoned = nullptr;
}

std::vector<partition_pull::wanted_setup> partition_pull::take_setups(monotonic_instant now, std::size_t most) {
  std::vector<wanted_setup> taken;
  const std::lock_guard lock{mutex_};
  for (const auto kind : both_kinds) {
    auto& l = of(kind);
    if (closed_ || !l.wanted || l.due > now || taken.size() >= most) continue;
    l.wanted = false;
    l.abandoned = std::make_shared<std::atomic<bool>>(false);
    taken.push_back({++l.mark, {kind, {id_, epoch_}, limits_.ack_wait, limits_.setup_timeout, l.abandoned}});
  }
  return taken;
}

std::size_t partition_pull::setups_under_way() const {
  const std::lock_guard lock{mutex_};
  return static_cast<std::size_t>(std::ranges::count_if(lanes_, [](const lane& l) { return l.abandoned != nullptr; }));
}

partition_pull::setup_outcome partition_pull::setup_ended(
    message_kind kind, std::uint64_t mark, setup_result result, monotonic_instant now) {
  setup_outcome outcome;
  const std::lock_guard lock{mutex_};
  auto& l = of(kind);
  if (closed_ || l.mark != mark || !l.abandoned) {
    if (const auto* late = std::get_if<consumer_made>(&result)) outcome.orphan = late->name;
    return outcome;
  }
  l.abandoned = nullptr;
  if (auto* done = std::get_if<consumer_made>(&result)) {
    made(l, std::move(*done), now, outcome);
  } else if (const auto* why = std::get_if<setup_failed>(&result)) {
    failed(l, kind, *why, now, outcome);
  } else {
    outcome.failed = source_failure::superseded;
  }
  return outcome;
}

void partition_pull::made(lane& l, consumer_made made, monotonic_instant now, setup_outcome& outcome) {
  if (l.stream_made.empty()) {
    l.last_at_open = made.last;
    l.stream_made = made.stream_made;
  } else if (l.stream_made != made.stream_made || made.last < l.state.highest()) {
    outcome.failed = source_failure::superseded;
    outcome.orphan = made.name;
    outcome.trouble = "the stream is not what it was: made anew, or without its end; what is held has no meaning in it";
    return;
  }
  l.failing.reset();
  l.retry = {};
  l.state.began(std::move(made.name), now);
  if (!opened_ && std::ranges::any_of(lanes_, [](const lane& one) { return one.stream_made.empty(); })) return;
  if (!std::exchange(opened_, true)) outcome.opened = std::exchange(done_, {});
  for (const auto kind : both_kinds) {
    auto& state = of(kind).state;
    outgoing out{kind, state.consumer(), {}};
    state.tick(now, out.orders);
    outcome.out.push_back(std::move(out));
  }
}

void partition_pull::failed(
    lane& l, message_kind kind, const setup_failed& why, monotonic_instant now, setup_outcome& outcome) {
  outcome.trouble =
      std::string{stream_of(kind)} + ": no consumer for partition " + std::to_string(id_.value) + ": " + why.why;
  if (!l.failing) l.failing = now;
  if (now - *l.failing >= limits_.patience) {
    outcome.failed = source_failure::unreachable;
    return;
  }
  l.retry = l.retry == milliseconds{0} ? limits_.setup_retry_first : std::min(l.retry * 2, limits_.setup_retry_longest);
  want(l, now + l.retry);
}

void partition_pull::connection_changed(monotonic_instant now) {
  const std::lock_guard lock{mutex_};
  for (auto& l : lanes_) {
    l.retry = {};
    l.failing.reset();
    want(l, now);
  }
}

std::string partition_pull::note_loss(message_kind kind, consumer_loss why, monotonic_instant now) {
  if (why == consumer_loss::none) return {};
  const std::lock_guard lock{mutex_};
  auto& l = of(kind);
  if (closed_ || l.wanted || l.abandoned) return {};
  want(l, why == consumer_loss::deleted ? now + look_delay : now);
  return std::string{stream_of(kind)} + ": lost the consumer of partition " + std::to_string(id_.value) + ": "
      + std::string{to_text(why)};
}

bool partition_pull::overdue(monotonic_instant now) const {
  const std::lock_guard lock{mutex_};
  return !opened_ && !closed_ && now - born_ > limits_.patience;
}

std::vector<outgoing> partition_pull::tick(monotonic_instant now, bool& soon) {
  std::vector<outgoing> all;
  const std::lock_guard lock{mutex_};
  if (closed_) return all;
  for (const auto kind : both_kinds) {
    auto& l = of(kind);
    soon = soon || l.wanted;
    if (!opened_) continue;
    outgoing out{kind, l.state.consumer(), {}};
    l.state.tick(now, out.orders);
    soon = soon || l.state.wants_tick_soon();
    all.push_back(std::move(out));
  }
  return all;
}

// --- from the server ---------------------------------------------------------------------------------------------------

bool partition_pull::message(
    message_kind kind, const pulled& m, monotonic_instant now, bool& before_open, outgoing& out) {
  const std::lock_guard lock{mutex_};
  if (closed_) return false;
  auto& l = of(kind);
  out.kind = kind;
  const auto fate = l.state.message(m, now, out.orders);
  if (!out.orders.ask.empty()) out.consumer = l.state.consumer();
  before_open = m.at.seq <= l.last_at_open;
  return fate == pull_fate::deliver;
}

void partition_pull::status(message_kind kind, const pull_status& s, monotonic_instant now, outgoing& out) {
  const std::lock_guard lock{mutex_};
  if (closed_) return;
  auto& state = of(kind).state;
  out.kind = kind;
  out.consumer = state.consumer();
  state.status(s, now, out.orders);
}

bool partition_pull::stage(delivery d) {
  const std::lock_guard lock{mutex_};
  if (closed_ || !of(d.kind).state.holds(d.seq)) return false;
  d.round = round_;
  d.crowded = of(d.kind).state.crowded();
  staged_.push_back(std::move(d));
  return staged_.size() == 1;
}

void partition_pull::flush() {
  std::vector<delivery> batch;
  std::shared_ptr<task_listener> to;
  {
    const std::lock_guard lock{mutex_};
    if (closed_ || staged_.empty()) return;
    batch.swap(staged_);
    to = listener_;
    delivering_ = std::this_thread::get_id();
  }
  to->delivered(std::move(batch));
  const std::lock_guard lock{mutex_};
  delivering_ = {};
  delivered_.notify_all();
}

void partition_pull::not_asked(message_kind kind, const std::vector<pull_request>& requests) {
  const std::lock_guard lock{mutex_};
  for (const auto& request : requests)
    of(kind).state.not_asked(request.token);
}

void partition_pull::ack_confirmed(message_kind kind, stream_seq seq, monotonic_instant now, outgoing& out) {
  const std::lock_guard lock{mutex_};
  if (closed_) return;
  auto& state = of(kind).state;
  out.kind = kind;
  state.ack_confirmed(seq, now, out.orders);
  if (!out.orders.ask.empty()) out.consumer = state.consumer();
}

void partition_pull::ack_failed(
    message_kind kind, const ack_order& sent, bool nobody, monotonic_instant now, outgoing& out) {
  const std::lock_guard lock{mutex_};
  if (closed_) return;
  out.kind = kind;
  of(kind).state.ack_failed(sent, nobody, now, out.orders);
}

// --- from the listener -------------------------------------------------------------------------------------------------

void partition_pull::acknowledge(
    message_kind kind, stream_seq seq, std::function<void()> confirmed, monotonic_instant now, outgoing& out) {
  const std::lock_guard lock{mutex_};
  if (closed_) return;
  auto& state = of(kind).state;
  out.kind = kind;
  state.acknowledge(seq, std::move(confirmed), now, out.orders);
  if (!out.orders.ask.empty()) out.consumer = state.consumer();
}

void partition_pull::lighten(message_kind kind, stream_seq seq, monotonic_instant now, outgoing& out) {
  const std::lock_guard lock{mutex_};
  if (closed_) return;
  auto& state = of(kind).state;
  out.kind = kind;
  state.lighten(seq, now, out.orders);
  if (!out.orders.ask.empty()) out.consumer = state.consumer();
}

delivery_round partition_pull::forget(const session_id& session, monotonic_instant now) {
  const std::lock_guard lock{mutex_};
  if (closed_) return round_;
  std::erase_if(staged_, [&](const delivery& d) { return d.session == session; });
  for (auto& l : lanes_) {
    if (l.state.forget(session)) want(l, now);
  }
  return round_ = next(round_);
}

bool partition_pull::was_before_open(message_kind kind, stream_seq seq) const {
  const std::lock_guard lock{mutex_};
  return seq <= of(kind).last_at_open;
}

partition_pull::closing partition_pull::close() {
  closing result;
  std::unique_lock lock{mutex_};
  result.of = epoch_;
  result.first = !std::exchange(closed_, true);
  result.done = std::exchange(done_, {});
  result.listener = std::exchange(listener_, nullptr);
  staged_.clear();
  for (const auto kind : both_kinds) {
    auto& l = of(kind);
    abandon(l);
    result.consumers[static_cast<std::size_t>(kind)] = l.state.consumer();
    result.held.push_back(std::exchange(l.state, pull_state{limits_.pull}));
  }
  delivered_.wait(
      lock, [this] { return delivering_ == std::thread::id{} || delivering_ == std::this_thread::get_id(); });
  return result;
}

bool partition_pull::closed() const {
  const std::lock_guard lock{mutex_};
  return closed_;
}

} // namespace baton::nats
