#include "tests/support/fake_task_source.hpp"

#include <algorithm>
#include <utility>

#include "messages/subjects.hpp"

namespace baton::support {
namespace {

std::string subject_of(partition_id partition, message_kind kind, const std::string& token) {
  auto subject =
      kind == message_kind::task ? subjects::stored_tasks_of(partition) : subjects::stored_control_of(partition);
  subject.pop_back(); // the wildcard
  return subject + token;
}

} // namespace

partition_id fake_queue::partition_of(const session_id& session) const {
  return subjects::partition_of(session, partitions_);
}

stream_seq fake_queue::publish(const session_id& session, task t) {
  return store(message_kind::task, partition_of(session), session.text(), std::move(t));
}

stream_seq fake_queue::publish(const session_id& session, control c) {
  return store(message_kind::control, partition_of(session), session.text(), std::move(c));
}

stream_seq fake_queue::publish_refused(
    partition_id partition, message_kind kind, const std::string& token, refusal why, std::optional<answer_place> answer_to) {
  const auto seq = store(kind, partition, token, std::move(why));
  messages_.at({kind, seq}).answer_to = std::move(answer_to);
  return seq;
}

stream_seq fake_queue::store(
    message_kind kind, partition_id partition, const std::string& token, std::variant<task, control, refusal> body) {
  auto& last = last_[kind];
  last = next(last);
  delivery d;
  d.partition = partition;
  d.kind = kind;
  d.seq = last;
  d.session = session_id::parse(token).value_or(session_id{});
  d.subject = subject_of(partition, kind, token);
  d.stored_at = now_;
  d.bytes = bytes_;
  d.body = std::move(body);
  messages_.emplace(place{kind, last}, std::move(d));
  return last;
}

std::vector<stream_seq> fake_queue::left(message_kind kind) const {
  std::vector<stream_seq> found;
  for (const auto& [at, message] : messages_) {
    if (at.first == kind) found.push_back(at.second);
  }
  return found;
}

void fake_queue::supersede(partition_id partition, epoch by) {
  auto& holder = openers_[partition];
  if (holder.source != nullptr) holder.source->stop(partition, source_failure::superseded);
  holder = {by, nullptr};
}

fake_task_source::~fake_task_source() {
  for (auto& [partition, opener] : queue_.openers_) {
    if (opener.source == this) opener.source = nullptr;
  }
}

void fake_task_source::open(partition_id partition, epoch of, std::shared_ptr<task_listener> to,
    std::function<void(expected<opened, source_failure>)> done) {
  due_.emplace_back(
      [this, partition, of, to = std::move(to), done = std::move(done)] { open_now(partition, of, to, done); });
}

void fake_task_source::open_now(partition_id partition, epoch of, std::shared_ptr<task_listener> to,
    const std::function<void(expected<opened, source_failure>)>& done) {
  ++calls_;
  if (!queue_.reachable_) return done(unexpected{source_failure::unreachable});
  auto& holder = queue_.openers_[partition];
  if (holder.of > of) return done(unexpected{source_failure::superseded});
  if (holder.source != nullptr && holder.source != this) queue_.supersede(partition, of);
  holder = {of, this};
  open_[partition] = {.of = of, .to = std::move(to), .last_at_open = queue_.last_, .held = {}, .round = {}};
  done(opened{});
}

void fake_task_source::acknowledge(
    partition_id partition, message_kind kind, stream_seq seq, std::function<void()> confirmed) {
  const place at{kind, seq};
  ++acknowledged_[at];
  const auto found = open_.find(partition);
  if (found == open_.end()) return;
  auto& row = found->second.held[at];
  row.ack_wanted = true;
  row.confirmed = std::move(confirmed);
  due_.emplace_back([this, partition, at] { acknowledge_now(partition, at); });
}

void fake_task_source::acknowledge_now(partition_id partition, place at) {
  const auto found = open_.find(partition);
  if (found == open_.end() || !queue_.reachable_) return;
  const auto row = found->second.held.find(at);
  if (row == found->second.held.end() || !row->second.ack_wanted) return;
  if (acks_to_lose_ > 0) {
    --acks_to_lose_;
    return;
  }
  if (auto taken = queue_.messages_.extract(at)) queue_.removed_.insert(std::move(taken));
  if (confirmations_to_lose_ > 0) {
    --confirmations_to_lose_;
    return;
  }
  const auto confirmed = std::move(row->second.confirmed);
  found->second.held.erase(row);
  ++calls_;
  if (confirmed) confirmed();
}

void fake_task_source::repeat_acks() {
  for (const auto& [partition, of] : open_) {
    for (const auto& [at, row] : of.held) {
      if (row.ack_wanted) due_.emplace_back([this, id = partition, place = at] { acknowledge_now(id, place); });
    }
  }
}

void fake_task_source::lighten(partition_id partition, message_kind kind, stream_seq seq) {
  const auto found = open_.find(partition);
  if (found == open_.end()) return;
  const auto row = found->second.held.find({kind, seq});
  if (row != found->second.held.end()) row->second.light = true;
}

delivery_round fake_task_source::forget(partition_id partition, const session_id& session) {
  const auto found = open_.find(partition);
  if (found == open_.end()) return {};
  std::erase_if(found->second.held, [&](const auto& held) { return held.second.session == session; });
  return found->second.round = next(found->second.round);
}

void fake_task_source::read_back(
    partition_id partition, message_kind kind, stream_seq seq, std::function<void(read_result)> done) {
  due_.emplace_back([this, partition, at = place{kind, seq}, done = std::move(done)] {
    ++calls_;
    const auto found_open = open_.find(partition);
    const auto found = queue_.messages_.find(at);
    if (!queue_.reachable_) return done(unexpected{source_failure::unreachable});
    if (found_open == open_.end()) return done(unexpected{source_failure::superseded});
    std::optional<delivery> read;
    if (found != queue_.messages_.end()) {
      read = found->second;
      read->before_open = at.second <= found_open->second.last_at_open[at.first];
    }
    done(std::move(read));
  });
}

void fake_task_source::close(partition_id partition) {
  open_.erase(partition);
  auto& holder = queue_.openers_[partition];
  if (holder.source == this) holder.source = nullptr;
}

void fake_task_source::redeliver(partition_id partition, message_kind kind, stream_seq seq) {
  const place at{kind, seq};
  if (auto taken = queue_.removed_.extract(at)) queue_.messages_.insert(std::move(taken));
  const auto found = open_.find(partition);
  if (found != open_.end()) found->second.held.erase(at);
}

void fake_task_source::supersede(partition_id partition) {
  queue_.supersede(partition, next(queue_.openers_[partition].of));
}

void fake_task_source::give_up(partition_id partition) { stop(partition, source_failure::unreachable); }

void fake_task_source::stop(partition_id partition, source_failure why) {
  const auto found = open_.find(partition);
  if (found == open_.end()) return;
  due_.emplace_back([this, partition, of = found->second.of, to = found->second.to, why] {
    ++calls_;
    to->stopped(partition, of, why);
  });
  open_.erase(found);
}

bool fake_task_source::deliver_to(partition_id partition) {
  const auto found = open_.find(partition);
  if (found == open_.end() || !queue_.reachable_) return false;
  auto& partition_now = found->second;
  std::vector<delivery> batch;
  for (const auto kind : {message_kind::control, message_kind::task}) {
    auto heavy = static_cast<std::size_t>(std::count_if(partition_now.held.begin(), partition_now.held.end(),
        [&](const auto& held) { return held.first.first == kind && !held.second.light; }));
    for (const auto& [at, message] : queue_.messages_) {
      if (at.first != kind || message.partition != partition || partition_now.held.contains(at)) continue;
      if (heavy++ >= credit_) break;
      batch.push_back(message);
      batch.back().before_open = at.second <= partition_now.last_at_open[kind];
      batch.back().round = partition_now.round;
      batch.back().crowded = heavy > credit_ / 2;
      partition_now.held[at].session = message.session;
    }
  }
  if (batch.empty()) return false;
  on_the_way_.emplace_back([this, partition, to = partition_now.to, batch = std::move(batch)]() mutable {
    const auto still = open_.find(partition);
    if (still == open_.end() || still->second.to != to) return;
    ++calls_;
    to->delivered(std::move(batch));
  });
  return true;
}

std::size_t fake_task_source::run() {
  calls_ = 0;
  bool busy = true;
  while (busy) {
    busy = !due_.empty();
    while (!due_.empty()) {
      const auto call = std::move(due_.front());
      due_.pop_front();
      call();
    }
    std::vector<partition_id> partitions;
    for (const auto& [partition, of] : open_)
      partitions.push_back(partition);
    for (const auto partition : partitions)
      busy = deliver_to(partition) || busy;
    while (!holds_deliveries_ && !on_the_way_.empty()) {
      const auto arrive = std::move(on_the_way_.front());
      on_the_way_.pop_front();
      arrive();
      busy = true;
    }
  }
  return calls_;
}

std::vector<stream_seq> fake_task_source::held(partition_id partition, message_kind kind) const {
  std::vector<stream_seq> found;
  const auto at_partition = open_.find(partition);
  if (at_partition == open_.end()) return found;
  for (const auto& [at, row] : at_partition->second.held) {
    if (at.first == kind) found.push_back(at.second);
  }
  return found;
}

bool fake_task_source::is_light(partition_id partition, message_kind kind, stream_seq seq) const {
  const auto at_partition = open_.find(partition);
  if (at_partition == open_.end()) return false;
  const auto row = at_partition->second.held.find({kind, seq});
  return row != at_partition->second.held.end() && row->second.light;
}

std::size_t fake_task_source::acknowledged(message_kind kind, stream_seq seq) const {
  const auto found = acknowledged_.find({kind, seq});
  return found == acknowledged_.end() ? 0 : found->second;
}

} // namespace baton::support
