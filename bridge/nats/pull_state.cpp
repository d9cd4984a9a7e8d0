#include "bridge/nats/pull_state.hpp"

#include <algorithm>
#include <utility>

namespace baton::nats {
namespace {

constexpr milliseconds silence_slack{1'000};
/// How long after its end a request is kept whose end was not told.
constexpr milliseconds expiry_slack{2'000};

/// What a status message means (nats-server, server/consumer.go).
enum class meaning : std::uint8_t { alive, request_ended, consumer_deleted, leader_moved, request_refused };

meaning meaning_of(const pull_status& s) {
  const auto says = [&](std::string_view text) { return s.description.find(text) != std::string_view::npos; };
  if (s.code == 100) return meaning::alive;
  if (s.code == 404 || s.code == 408) return meaning::request_ended;
  if (s.code == 503) return meaning::consumer_deleted; // nobody listens on its subject
  // 409 ends a request also when its batch is complete, or when the next message is too large for what is left of it.
  if (s.code != 409 || says("Exceeded")) return meaning::request_refused;
  if (says("Consumer Deleted")) return meaning::consumer_deleted;
  return says("Leadership Change") ? meaning::leader_moved : meaning::request_ended;
}

milliseconds backoff(const pull_limits& limits, std::uint32_t attempts) {
  auto delay = limits.ack_retry_first;
  for (std::uint32_t i = 1; i < attempts && delay < limits.ack_retry_longest; ++i)
    delay *= 2;
  return std::min(delay, limits.ack_retry_longest);
}

/// Both are called: whoever asked twice hears twice.
std::function<void()> both(std::function<void()> first, std::function<void()> second) {
  if (!first) return second;
  if (!second) return first;
  return [a = std::move(first), b = std::move(second)] {
    a();
    b();
  };
}

} // namespace

// --- consumers ---------------------------------------------------------------------------------------------------------

void pull_state::began(std::string consumer, monotonic_instant now) {
  ended();
  consumer_ = std::move(consumer);
  ++generation_;
  last_consumer_seq_ = 0;
  passed_ = {};
  heard_ = now;
  paused_until_ = {};
  awaited_.clear();
  for (auto& [seq, kept] : held_) {
    kept.awaited = true;
    awaited_.push_back(seq);
  }
  std::ranges::sort(awaited_);
  awaited_heavy_ = heavy_;
}

void pull_state::ended() {
  consumer_.clear();
  requests_.clear();
  outstanding_ = 0;
  saving_up_ = false;
}

void pull_state::lose(consumer_loss why, pull_orders& out) {
  ended();
  out.loss = why;
}

// --- what arrives ------------------------------------------------------------------------------------------------------

pull_fate pull_state::message(const pulled& m, monotonic_instant now, pull_orders& out) {
  if (consumer_.empty() || m.at.consumer != consumer_) return pull_fate::stale;
  if (m.at.consumer_seq != last_consumer_seq_ + 1) {
    lose(consumer_loss::gap, out);
    return pull_fate::stale;
  }
  last_consumer_seq_ = m.at.consumer_seq;
  heard_ = now;
  if (outstanding_ > 0) --outstanding_;
  settle_passed(m.at.seq, out);
  if (!awaited_.empty() && awaited_.front() == m.at.seq) awaited_.pop_front();
  passed_ = std::max(passed_, m.at.seq);
  highest_ = std::max(highest_, m.at.seq);

  auto [at, fresh] = held_.try_emplace(m.at.seq);
  auto& kept = at->second;
  if (kept.generation != 0 && kept.stored_at != m.at.stored_at) {
    lose(consumer_loss::replaced, out);
    return pull_fate::stale;
  }
  kept.stored_at = m.at.stored_at;
  kept.reply = m.reply;
  kept.generation = generation_;
  kept.gone = false;
  no_longer_awaited(kept);
  if (fresh) {
    kept.session = m.session;
    kept.bytes = m.bytes;
    ++heavy_;
    heavy_bytes_ += m.bytes;
  } else if (kept.ack_wanted) {
    kept.ack_attempts = 0;
    kept.retry_at = {};
    out.acknowledge.push_back({m.at.seq, kept.reply});
  }
  ask(now, true, out);
  return fresh ? pull_fate::deliver : pull_fate::held;
}

void pull_state::status(const pull_status& s, monotonic_instant now, pull_orders& out) {
  if (!requests_.contains(s.token)) return; // of an older consumer, or ended already
  heard_ = now;
  switch (meaning_of(s)) {
  case meaning::alive:
    if (s.last_consumer_seq > last_consumer_seq_) return lose(consumer_loss::gap, out);
    if (s.last_consumer_seq == last_consumer_seq_) {
      settle_passed(next(s.last_stream_seq), out);
      passed_ = std::max(passed_, s.last_stream_seq);
    }
    break;
  case meaning::request_ended: end_request(s); break;
  case meaning::consumer_deleted: return lose(consumer_loss::deleted, out);
  case meaning::leader_moved: return lose(consumer_loss::moved, out);
  case meaning::request_refused:
    paused_until_ = now + limits_.refused_pause;
    not_asked(s.token);
    break;
  }
  ask(now, true, out);
}

void pull_state::end_request(const pull_status& s) {
  outstanding_ -= std::min<std::size_t>(outstanding_, s.pending_messages);
  requests_.erase(s.token);
  if (requests_.empty()) outstanding_ = 0;
}

void pull_state::not_asked(std::uint64_t token) {
  const auto found = requests_.find(token);
  if (found == requests_.end()) return;
  outstanding_ -= std::min<std::size_t>(outstanding_, found->second.batch);
  requests_.erase(found);
  if (requests_.empty()) outstanding_ = 0;
  saving_up_ = true; // the next tick asks again
}

/// Rows below that the consumer at hand did not deliver are not in the queue any more.
void pull_state::settle_passed(stream_seq below, pull_orders& out) {
  for (; !awaited_.empty() && awaited_.front() < below; awaited_.pop_front()) {
    const auto at = held_.find(awaited_.front());
    if (at == held_.end()) continue;
    no_longer_awaited(at->second);
    if (!at->second.ack_wanted) {
      at->second.gone = true;
      continue;
    }
    out.confirmed.push_back(std::move(at->second.confirmed));
    drop(at);
  }
}

void pull_state::tick(monotonic_instant now, pull_orders& out) {
  for (auto at = retries_.begin(); at != retries_.end() && at->first <= now; at = retries_.erase(at)) {
    const auto found = held_.find(at->second);
    if (found == held_.end() || found->second.gone || found->second.retry_at != at->first) continue;
    out.acknowledge.push_back({at->second, found->second.reply});
  }
  if (consumer_.empty()) return;
  if (!requests_.empty() && now - heard_ > 2 * limits_.heartbeat + silence_slack)
    return lose(consumer_loss::silent, out);
  std::erase_if(requests_, [&](const auto& r) { return r.second.expires + expiry_slack < now; });
  if (requests_.empty()) outstanding_ = 0;
  ask(now, false, out);
}

// --- acknowledging -----------------------------------------------------------------------------------------------------

void pull_state::acknowledge(stream_seq seq, std::function<void()> confirmed, monotonic_instant now, pull_orders& out) {
  auto at = held_.find(seq);
  const bool passed = !consumer_.empty() && seq <= passed_;
  if (at == held_.end() ? passed : at->second.gone) {
    out.confirmed.push_back(std::move(confirmed));
    if (at != held_.end()) drop(at);
    return ask(now, true, out);
  }
  if (at == held_.end()) {
    at = held_.try_emplace(seq).first;
    at->second.light = true;
    at->second.awaited = true;
    awaited_.insert(std::ranges::lower_bound(awaited_, seq), seq);
  }
  auto& kept = at->second;
  kept.confirmed = both(std::move(kept.confirmed), std::move(confirmed));
  if (std::exchange(kept.ack_wanted, true) || kept.reply.empty()) return;
  out.acknowledge.push_back({seq, kept.reply});
}

void pull_state::ack_confirmed(stream_seq seq, monotonic_instant now, pull_orders& out) {
  const auto at = held_.find(seq);
  if (at == held_.end() || !at->second.ack_wanted) return;
  out.confirmed.push_back(std::move(at->second.confirmed));
  drop(at);
  ask(now, true, out);
}

void pull_state::ack_failed(const ack_order& sent, bool nobody, monotonic_instant now, pull_orders& out) {
  const auto at = held_.find(sent.seq);
  if (at == held_.end() || !at->second.ack_wanted || at->second.reply != sent.reply) return;
  auto& kept = at->second;
  if (!nobody) {
    kept.retry_at = now + backoff(limits_, ++kept.ack_attempts);
    retries_.emplace(kept.retry_at, sent.seq);
  } else if (!consumer_.empty() && kept.generation == generation_) {
    lose(consumer_loss::deleted, out); // the next consumer delivers it again, and it is acknowledged there
  }
}

void pull_state::lighten(stream_seq seq, monotonic_instant now, pull_orders& out) {
  const auto at = held_.find(seq);
  if (at == held_.end() || at->second.light) return;
  if (at->second.awaited) --awaited_heavy_;
  at->second.light = true;
  --heavy_;
  heavy_bytes_ -= at->second.bytes;
  ask(now, true, out);
}

bool pull_state::forget(const session_id& session) {
  bool any = false;
  for (auto at = held_.begin(); at != held_.end();) {
    const bool whose = at->second.session == session;
    any = any || whose;
    at = whose ? drop(at) : std::next(at);
  }
  if (any) ended();
  return any;
}

void pull_state::no_longer_awaited(held_message& kept) {
  if (std::exchange(kept.awaited, false) && !kept.light) --awaited_heavy_;
}

pull_state::rows::iterator pull_state::drop(rows::iterator at) {
  no_longer_awaited(at->second);
  if (!at->second.light) {
    --heavy_;
    heavy_bytes_ -= at->second.bytes;
  }
  return held_.erase(at);
}

// --- asking ------------------------------------------------------------------------------------------------------------

bool pull_state::crowded() const noexcept {
  return heavy_ > limits_.credit / 2 || heavy_bytes_ > limits_.held_bytes / 2;
}

/// What may come without breaking a limit. What is awaited is held already, but light ones that left the queue make room for
/// new ones: so they only get a place of their own when nothing else is asked for.
std::size_t pull_state::room() const noexcept {
  const bool full = heavy_ >= limits_.credit || heavy_bytes_ >= limits_.held_bytes
      || held_.size() - heavy_ >= limits_.light_max;
  const auto places = (full ? 0 : limits_.credit - heavy_) + awaited_heavy_;
  return places == 0 && !awaited_.empty() && heavy_ <= limits_.credit ? 1 : places;
}

/// Keeps up to two batches under way and asks again when half of that has come. When credit comes back in drops, they are
/// saved up until the next tick rather than asked for one by one. While many light ones are held, some session has a long queue:
/// what comes then mostly waits, and is not to stand before others' messages in the thread that all partitions share.
void pull_state::ask(monotonic_instant now, bool save_up, pull_orders& out) {
  saving_up_ = false;
  if (consumer_.empty()) return;
  const bool is_queue_long = held_.size() - heavy_ > 2 * limits_.batch;
  const auto batch = is_queue_long ? std::max<std::size_t>(limits_.batch / 4, 1) : limits_.batch;
  const auto window = std::min(room(), 2 * batch);
  if (window == 0 || outstanding_ * 2 > window) return;
  const auto wanted = window - outstanding_;
  if (now < paused_until_ || (save_up && wanted < std::min(batch, limits_.credit) / 4)) {
    saving_up_ = true;
    return;
  }
  const bool resync = !awaited_.empty();
  const auto expires = resync ? limits_.resync_expires : limits_.expires;
  const auto heartbeat = resync ? limits_.resync_heartbeat : limits_.heartbeat;
  if (requests_.empty()) heard_ = now;
  ++last_token_;
  requests_.emplace(last_token_, request{wanted, now + expires});
  outstanding_ += wanted;
  out.ask.push_back({last_token_, wanted, limits_.request_bytes, expires, heartbeat});
}

} // namespace baton::nats
