#include "tests/simulation/broker.hpp"

#include <algorithm>
#include <utility>

#include "messages/subjects.hpp"

namespace baton::simulation {
namespace {

/// As the streams are made (bridge/nats/stream_shapes).
constexpr sim_time queue_window = 120'000;
constexpr sim_time letter_window = 3'600'000;

std::string stored_subject(message_kind kind, partition_id partition, const session_id& session) {
  auto subject = kind == message_kind::task ? subjects::stored_tasks_of(partition) : subjects::stored_control_of(partition);
  subject.pop_back(); // the wildcard
  return subject + session.text();
}

std::int64_t nanoseconds_of(instant at) { return std::chrono::nanoseconds{at.time_since_epoch()}.count(); }

} // namespace

// ---- producers

partition_id broker::partition_of(const session_id& session) const { return subjects::partition_of(session, partitions_); }

broker::published broker::publish(
    message_kind kind, const session_id& session, std::string payload, const std::string& message_id) {
  auto& q = queues_[index(kind)];
  if (!message_id.empty()) {
    const auto known = q.recent_ids.find(message_id);
    if (known != q.recent_ids.end() && world_.now() - known->second.first < queue_window) return {known->second.second, true};
  }
  q.last = next(q.last);
  if (!message_id.empty()) q.recent_ids[message_id] = {world_.now(), q.last};
  const auto partition = partition_of(session);
  auto& m = q.messages[q.last];
  m = {stored_subject(kind, partition, session), std::move(payload), world_.true_time()};
  q.partition_at[q.last] = partition;
  seen_by->accepted(kind, q.last, session, m);
  for (auto& [name, c] : q.consumers) {
    if (c.partition == partition) serve(kind, name);
  }
  return {q.last, false};
}

// ---- consumers

broker::consumer* broker::find(message_kind kind, const std::string& name) {
  auto& all = queues_[index(kind)].consumers;
  const auto found = all.find(name);
  return found == all.end() ? nullptr : &found->second;
}

std::vector<std::string> broker::consumers(message_kind kind) const {
  std::vector<std::string> names;
  for (const auto& [name, c] : queues_[index(kind)].consumers) names.push_back(name);
  return names;
}

bool broker::remove_consumer(message_kind kind, const std::string& name) {
  auto* c = find(kind, name);
  if (c == nullptr) return false;
  for (auto& r : c->requests) tell(r, 409, "Consumer Deleted", *c, r.left);
  queues_[index(kind)].consumers.erase(name);
  return true;
}

bool broker::make_consumer(message_kind kind, const std::string& name, partition_id partition, milliseconds ack_wait) {
  auto& all = queues_[index(kind)].consumers;
  if (all.contains(name)) return true;
  for (const auto& [other, c] : all) {
    if (c.partition == partition) return false;
  }
  auto& made = all[name];
  made.partition = partition;
  made.ack_wait = ack_wait;
  return true;
}

void broker::lose_consumer(std::uint64_t chance) {
  const auto kind = chance % 2 == 0 ? message_kind::task : message_kind::control;
  const auto names = consumers(kind);
  if (!names.empty()) remove_consumer(kind, names[chance / 2 % names.size()]);
}

bool broker::pull(message_kind kind, const std::string& name, const nats::pull_request& asked, network::link& by, inbox to) {
  auto* c = find(kind, name);
  if (c == nullptr) return false;
  const auto number = ++requests_made_;
  c->requests.push_back({asked, asked.batch, world_.now() + asked.expires.count(), &by, by.generation(), std::move(to), number});
  world_.after(asked.expires.count(), [this, kind, name, number] { expire(kind, name, number); });
  world_.after(asked.heartbeat.count(), [this, kind, name, number] { beat(kind, name, number); });
  serve(kind, name);
  return true;
}

void broker::tell(request& to, int code, std::string description, const consumer& c, std::uint64_t pending) {
  if (to.by->generation() != to.generation) return;
  pushed out;
  out.status = {to.asked.token, code, {}, pending, c.delivered, c.passed};
  out.description = std::move(description);
  to.by->push([out = std::move(out), inbox = to.to] { inbox(out); });
}

void broker::expire(message_kind kind, const std::string& name, std::uint64_t number) {
  auto* c = find(kind, name);
  if (c == nullptr) return;
  const auto found = std::ranges::find(c->requests, number, &request::number);
  if (found == c->requests.end()) return;
  tell(*found, 408, "Request Timeout", *c, found->left);
  c->requests.erase(found);
}

void broker::beat(message_kind kind, const std::string& name, std::uint64_t number) {
  auto* c = find(kind, name);
  if (c == nullptr) return;
  const auto found = std::ranges::find(c->requests, number, &request::number);
  if (found == c->requests.end()) return;
  world_.after(found->asked.heartbeat.count(), [this, kind, name, number] { beat(kind, name, number); });
  // Only the first request that waits is told that nothing came.
  if (found == c->requests.begin()) tell(*found, 100, "Idle Heartbeat", *c);
}

std::optional<stream_seq> broker::next_for(queue& q, consumer& c) {
  while (!c.again.empty()) {
    const auto seq = c.again.front();
    c.again.pop_front();
    if (c.pending.contains(seq) && q.messages.contains(seq)) return seq;
  }
  for (auto at = q.messages.upper_bound(c.passed); at != q.messages.end(); ++at) {
    if (q.partition_at[at->first] == c.partition) return at->first;
  }
  c.passed = std::max(c.passed, q.last);
  return std::nullopt;
}

void broker::serve(message_kind kind, const std::string& name) {
  auto& q = queues_[index(kind)];
  auto* c = find(kind, name);
  while (c != nullptr && !c->requests.empty()) {
    auto& first = c->requests.front();
    if (first.by->generation() != first.generation) {
      c->requests.pop_front();
      continue;
    }
    const auto seq = next_for(q, *c);
    if (!seq) return;
    send(kind, name, *c, first, *seq);
    if (--first.left > 0) continue;
    tell(first, 409, "Batch Completed", *c);
    c->requests.pop_front();
  }
}

void broker::send(message_kind kind, const std::string& name, consumer& c, request& to, stream_seq seq) {
  const auto& m = queues_[index(kind)].messages.at(seq);
  auto& [due, times] = c.pending[seq];
  times += 1;
  due = world_.now() + c.ack_wait.count();
  c.passed = std::max(c.passed, seq);
  c.delivered += 1;
  pushed out;
  out.reply = "$JS.ACK." + std::string{nats::stream_of(kind)} + "." + name + "." + std::to_string(times) + "."
      + std::to_string(seq.value) + "." + std::to_string(c.delivered) + "." + std::to_string(nanoseconds_of(m.stored_at)) + ".0";
  out.what = m;
  to.by->push([out = std::move(out), inbox = to.to] { inbox(out); });
  world_.after(c.ack_wait.count(), [this, kind, name, seq] { resend(kind, name, seq); });
}

void broker::resend(message_kind kind, const std::string& name, stream_seq seq) {
  auto* c = find(kind, name);
  if (c == nullptr) return;
  const auto found = c->pending.find(seq);
  if (found == c->pending.end() || found->second.first > world_.now()) return;
  world_.told().fault("redelivery");
  c->again.push_back(seq);
  serve(kind, name);
}

bool broker::acknowledge(message_kind kind, const std::string& reply) {
  const auto at = nats::parse_ack(reply);
  auto* c = find(kind, std::string{at->consumer});
  if (c == nullptr) return false;
  auto& q = queues_[index(kind)];
  if (c->pending.erase(at->seq) > 0 && q.messages.erase(at->seq) > 0) {
    q.partition_at.erase(at->seq);
    seen_by->removed(kind, at->seq);
  }
  return true;
}

std::optional<broker::message> broker::read(message_kind kind, stream_seq seq) const {
  const auto& all = queues_[index(kind)].messages;
  const auto found = all.find(seq);
  return found == all.end() ? std::nullopt : std::optional{found->second};
}

// ---- log, letters, restart

broker::append_answer broker::append(const session_id& session, stream_seq expected, std::string body, bool rolls_up) {
  auto& of = log_[session];
  const auto last = of.empty() ? stream_seq{} : of.back().seq;
  if (last != expected) return {false, last};
  last_logged_ = next(last_logged_);
  if (rolls_up) of.clear();
  of.push_back({last_logged_, std::move(body), world_.true_time()});
  seen_by->logged(session, of.back());
  return {true, last_logged_};
}

std::optional<broker::log_record> broker::last_commit(const session_id& session) const {
  const auto found = log_.find(session);
  if (found == log_.end() || found->second.empty()) return std::nullopt;
  return found->second.back();
}

std::optional<broker::log_record> broker::commit_at(const session_id& session, stream_seq seq) const {
  const auto found = log_.find(session);
  if (found == log_.end()) return std::nullopt;
  const auto at = std::ranges::find(found->second, seq, &log_record::seq);
  return at == found->second.end() ? std::nullopt : std::optional{*at};
}

void broker::bury(const std::string& dedupe, std::string body) {
  const auto known = letters_.find(dedupe);
  const bool is_repeated = known != letters_.end() && world_.now() - known->second < letter_window;
  if (!is_repeated) letters_[dedupe] = world_.now();
  seen_by->letter_stored(dedupe, body, is_repeated);
}

void broker::restarted() {
  for (auto& q : queues_) {
    for (auto& [name, c] : q.consumers) c.requests.clear();
  }
}

} // namespace baton::simulation
