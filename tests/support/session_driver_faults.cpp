// What outlives a session in memory, and what befalls it: its wakes, its log, the end of its owner.
#include "actors/session/draft.hpp"
#include "tests/support/session_driver.hpp"

namespace baton::support {

void session_driver::carry_out_wake_order() {
  if (!wakes_.has_order()) throw cannot("no wake is wanted or unwanted");
  take(wakes_.carry_out());
}

bool session_driver::fire_wake() {
  auto fired = wakes_.fire(now_);
  if (fired) take(*std::move(fired));
  return fired.has_value();
}

void session_driver::answer_log_read() {
  if (log_reads_.empty()) throw cannot("nothing is read out of the log");
  const auto seq = log_reads_.front();
  log_reads_.pop_front();
  auto message = session::delayed_task_in(log_.at(seq.value - 1).entries);
  if (!message) throw rule_broken("no delayed task lies where it is read");
  take(session::delayed_was_read{seq, *std::move(message)});
}

void session_driver::answer_log_read_unreadable(const std::vector<entry>& left) {
  if (log_reads_.empty()) throw cannot("nothing is read out of the log");
  const auto seq = log_reads_.front();
  log_reads_.pop_front();
  if (const auto lost = session::delayed_task_in(log_.at(seq.value - 1).entries)) {
    rules_.task_was_taken_away(lost->seq);
    awaited_.erase(lost->task.id.text());
  }
  take(session::left_of_delayed(seq, left));
}

void session_driver::crash_and_reload(life next_life) {
  planned_.reset();
  end_execution();
  if (wish_) old_.push_back(wish_->execution);
  wish_.reset();
  acks_.clear();
  read_back_.clear();
  burials_.clear();
  timers_.clear();
  wakes_.owner_died();
  log_reads_.clear();
  for (auto& [place, message] : queue_) {
    message.is_delivered = false;
    if (!next_life.new_epoch) continue;
    message.before_open = true;
    message.after_crash = next_life.after_crash;
  }
  session::state fresh;
  fresh.id = state_.id;
  fresh.partition = state_.partition;
  fresh.node = state_.node;
  if (next_life.new_node) fresh.node = node_id::parse("node-" + std::to_string(++nodes_made_)).value();
  fresh.epoch = next_life.new_epoch ? next(state_.epoch) : state_.epoch;
  fresh.head = stored_;
  fresh.last = {log_.size()};
  session::settle_delayed(fresh.head, fresh.last);
  fresh.number = {log_.size()};
  if (!log_.empty()) {
    fresh.last_epoch = log_.back().epoch;
    fresh.last_node = log_.back().node;
  }
  state_ = std::move(fresh);
  rules_.life_began(state_, next_life.after_crash);
  take(session::loaded{log_.empty() ? std::vector<open_ack>{} : log_.back().open_acks, next_life.after_crash});
}

void session_driver::crash_in_next_commit(bool is_stored, std::size_t performed, life next_life) {
  planned_ = planned_crash{is_stored, performed, next_life};
}

} // namespace baton::support
