#include "tests/support/session_driver.hpp"

#include <algorithm>

#include "actors/session/draft.hpp"
#include "tests/support/session_names.hpp"

namespace baton::support {

using session::overloaded;

task_id id_of(std::string_view text) { return task_id::parse(text).value(); }

cancel cancel_of(std::string_view run, std::string_view because) {
  return {task_id::parse(run), "tester", std::string{because}};
}

steer steer_of(std::string_view words, std::string_view run) { return {task_id::parse(run), words, "tester"}; }

entry said(std::string_view text) { return {entry_kind::assistant, {}, {}, false, text, std::nullopt}; }

entry called(std::string_view call) {
  return {entry_kind::tool_call, {}, {}, false, value::object{{"id", call}, {"name", "look"}}, std::nullopt};
}

entry result_of(std::string_view call) {
  return {entry_kind::tool_result, {}, {}, false, value::object{{"id", call}, {"output", "seen"}}, std::nullopt};
}

/// Carries out one effect: notes what the machine ordered.
struct session_driver::performing {
  session_driver& world;

  void operator()(const session::want_slot& e) const { world.wish_ = wanted{e.execution, false}; }
  void operator()(const session::free_slot& e) const {
    if (!world.wish_ || world.wish_->execution != e.execution) return;
    world.end_execution();
    world.wish_.reset();
  }
  void operator()(const session::launch& e) const {
    const auto& id = e.request.routing.execution;
    if (!world.wish_ || world.wish_->execution != id || !world.wish_->is_granted)
      throw rule_broken("launched without a slot");
    if (world.running_) throw rule_broken("rule 1: launched while another slice runs");
    world.running_ = e.request;
    const auto& run = e.request.routing.run.text();
    if (std::ranges::find(world.started_, run) == world.started_.end()) world.started_.push_back(run);
  }
  void operator()(const session::answer_boundary& e) const {
    world.asked_.push_back(e.answer.order);
    for (const auto& said : e.answer.steers) world.steered_.push_back(said);
  }
  void operator()(const session::ask_execution& e) const { world.asked_.push_back(e.order); }
  void operator()(const session::abort_execution&) const { world.is_aborted_ = true; }
  void operator()(const session::acknowledge& e) const {
    const auto message = world.queue_.find({e.kind, e.seq});
    if (e.kind == message_kind::task && message != world.queue_.end()) {
      const auto id = hash_of_id(message_kind::task, std::get<baton::task>(message->second.body).id);
      const bool is_delayed = session::find_delayed(world.stored_, id) != nullptr && world.rules_.final_records(e.seq) == 0;
      if (is_delayed && !world.wakes_.holds_turn(id)) throw rule_broken("rule 4: a delayed turn is acknowledged before its wake is stored");
    }
    world.acks_.insert({e.kind, e.seq});
  }
  void operator()(const session::lighten&) const {}
  void operator()(const session::read_back& e) const {
    if (!world.read_back_.insert(e.message).second) throw rule_broken("a message is read back twice at once");
  }
  void operator()(const session::send_answer& e) const { world.answers_.push_back(e); }
  void operator()(const session::bury& e) const { world.burials_.push_back(e); }
  void operator()(const session::set_timer& e) const { world.timers_.push_back(e); }
  void operator()(const session::read_delayed& e) const { world.log_reads_.push_back(e.stored); }
  void operator()(const session::want_wake& e) const { world.wakes_.order(e); }
  void operator()(const session::unwant_wake& e) const {
    const auto waits = [&](const spilled_turn& turn) {
      return session_wakes::key_of(turn.id) == e.key && session::find_delayed(world.stored_, turn.id) != nullptr;
    };
    if (std::ranges::any_of(world.stored_.spilled, waits)) throw rule_broken("the wake of a turn that has not ended is removed");
    if (!world.stored_.outbox.empty()) throw rule_broken("a wake is removed while the outbox owes something");
    world.wakes_.order(e);
  }
};

session_driver::session_driver(session::limits limits) : limits_{std::move(limits)}, rules_{limits_} {
  state_.id = session_id::parse("s1").value();
  state_.partition = {7};
  state_.node = node_id::parse("node-1").value();
  state_.epoch = {1};
  take(session::loaded{{}, false});
}

session::limits session_driver::usual_limits() {
  session::limits l;
  l.runners = {"echo"};
  return l;
}

// ---- producers

stream_seq session_driver::publish(std::string_view id, const task_options& how) {
  baton::task t;
  t.id = id_of(id);
  t.deadline = how.deadline;
  t.tenant = how.tenant;
  t.not_before = how.not_before;
  t.reply_to = how.reply_to;
  const auto text_of = [](const std::optional<instant>& at) { return at ? std::to_string(at->time_since_epoch().count()) : std::string{}; };
  const auto due = text_of(how.deadline) + "/" + text_of(how.not_before);
  t.digest = digest_of_body(how.body + "/" + how.runner + "/" + due + "/" + how.reply_to + "/" + std::string{to_text(how.when_busy)});
  t.what = turn{how.body, how.runner, {}, how.when_busy};
  last_seq_ = next(last_seq_);
  if (!how.reply_to.empty()) awaited_.insert(std::string{id});
  rules_.task_was_published(t, last_seq_);
  queue_[{message_kind::task, last_seq_}] = {std::move(t), now_, false, false, how.bytes, how.crowded};
  return last_seq_;
}

stream_seq session_driver::publish_control(
    std::string_view id, control_body what, const std::string& reply_to) {
  baton::control c;
  c.id = id_of(id);
  c.reply_to = reply_to;
  const auto* as_cancel = std::get_if<cancel>(&what);
  const auto* as_edit = std::get_if<edit>(&what);
  const auto* as_steer = std::get_if<steer>(&what);
  const auto* words = as_steer != nullptr ? as_steer->input.as<std::string>() : nullptr;
  c.digest = digest_of_body(std::to_string(what.index())
      + (as_cancel != nullptr && as_cancel->run ? as_cancel->run->text() : "")
      + (as_cancel != nullptr ? as_cancel->because : "") + (as_edit != nullptr ? as_edit->title.value_or("") : "") + (words != nullptr ? *words : "")
      + (as_steer != nullptr && as_steer->run ? as_steer->run->text() : ""));
  c.what = std::move(what);
  last_seq_ = next(last_seq_);
  rules_.control_was_published(c, last_seq_);
  queue_[{message_kind::control, last_seq_}] = {std::move(c), now_, false, false};
  return last_seq_;
}

stream_seq session_driver::task(std::string_view id, const task_options& how) {
  const auto seq = publish(id, how);
  deliver();
  return seq;
}

stream_seq session_driver::control(std::string_view id, control_body what) {
  const auto seq = publish_control(id, std::move(what));
  deliver();
  return seq;
}

stream_seq session_driver::cancel_run(std::string_view id, std::string_view run) {
  return control(id, cancel_of(run, "enough"));
}

void session_driver::take_away(stream_seq task) {
  const auto gone = queue_.find({message_kind::task, task});
  if (gone != queue_.end()) awaited_.erase(std::get<baton::task>(gone->second.body).id.text());
  queue_.erase({message_kind::task, task});
  rules_.task_was_taken_away(task);
}

// ---- the queue

void session_driver::hand_over(message_kind kind, stream_seq seq, queued& message) {
  message.is_delivered = true;
  if (kind == message_kind::task) {
    const auto& t = std::get<baton::task>(message.body);
    return take(session::task_arrived{{t, seq, message.stored_at, message.after_crash, message.bytes}, message.crowded});
  }
  take(session::control_arrived{{std::get<baton::control>(message.body), seq, message.stored_at, message.before_open}});
}

std::size_t session_driver::undelivered(message_kind kind) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(queue_, [&](const auto& q) { return q.first.first == kind && !q.second.is_delivered; }));
}

std::vector<std::pair<message_kind, stream_seq>> session_driver::delivered() const {
  std::vector<std::pair<message_kind, stream_seq>> found;
  for (const auto& [place, message] : queue_) {
    if (message.is_delivered) found.push_back(place);
  }
  return found;
}

bool session_driver::deliver_next(message_kind kind) {
  const auto found =
      std::ranges::find_if(queue_, [&](const auto& q) { return q.first.first == kind && !q.second.is_delivered; });
  if (found == queue_.end()) return false;
  hand_over(kind, found->first.second, found->second);
  return true;
}

void session_driver::deliver() {
  while (deliver_next(message_kind::task)) {
  }
  while (deliver_next(message_kind::control)) {
  }
}

void session_driver::redeliver(message_kind kind, stream_seq seq) {
  const auto found = queue_.find({kind, seq});
  if (found == queue_.end()) throw cannot("redeliver: it is not in the queue");
  hand_over(kind, seq, found->second);
}

void session_driver::confirm_ack(message_kind kind, stream_seq seq) {
  if (acks_.erase({kind, seq}) == 0) throw cannot("confirm: it was not acknowledged");
  queue_.erase({kind, seq});
  take(session::ack_confirmed{kind, seq});
}

void session_driver::confirm_acks() {
  while (!acks_.empty()) {
    const auto [kind, seq] = *acks_.begin();
    confirm_ack(kind, seq);
  }
}

void session_driver::answer_read_back() {
  if (read_back_.empty()) throw cannot("nothing is read back");
  const auto place = *read_back_.begin();
  read_back_.erase(read_back_.begin());
  const auto seq = place.seq;
  const auto found = queue_.find({place.kind, seq});
  if (found == queue_.end()) return take(session::message_was_gone{place});
  if (place.kind == message_kind::control) return take(session::control_read_back{{std::get<baton::control>(found->second.body), seq}});
  take(session::task_read_back{{std::get<baton::task>(found->second.body), seq, found->second.stored_at, false, found->second.bytes}});
}

// ---- the slots and the runner

void session_driver::grant() {
  if (!wish_ || wish_->is_granted) throw cannot("no slot is wanted");
  wish_->is_granted = true;
  take(session::slot_granted{wish_->execution});
}

const execution_id& session_driver::current() const {
  if (!running_) throw cannot("no slice runs");
  return running_->routing.execution;
}

void session_driver::boundary(std::vector<entry> entries, std::optional<value> checkpoint) {
  std::optional<std::vector<task_id>> heard;
  if (hears) {
    heard.emplace();
    // A checkpoint has all that was said before it.
    if (checkpoint) {
      for (const auto& said : running_->input.steers) heard->push_back(said.id);
      for (const auto& said : steered_) heard->push_back(said.id);
    }
  }
  take(session::boundary_reached{current(), {std::move(entries), std::move(checkpoint), std::move(heard)}});
}

void session_driver::grew_old() { take(session::slice_grew_old{current()}); }

void session_driver::end(outcome how, std::vector<entry> entries, std::optional<value> checkpoint) {
  const auto execution = current();
  end_execution();
  take(session::slice_ended{execution, {std::move(how), std::move(entries), std::move(checkpoint)}});
}

void session_driver::end_execution() {
  if (running_) old_.push_back(running_->routing.execution);
  steered_.clear();
  running_.reset();
  asked_.clear();
  is_aborted_ = false;
}

void session_driver::report_late(const execution_id& old) {
  take(session::slot_granted{old});
  take(session::slice_grew_old{old});
  take(session::boundary_reached{old, {{said("late")}, value{"late"}}});
  take(session::slice_ended{old, {completed{"late"}, {}, {}}});
  take(session::timer_fired{session::timer::settle_over, old});
}

// ---- dead letters, time

void session_driver::store_letter(bool confirmed) {
  if (burials_.empty()) throw cannot("no letter waits");
  const auto what = burials_.front();
  if (letters_.emplace(what.letter.dedupe, what.letter).second) {
    rules_.letter_was_stored(what.letter, what.kind, what.item.empty());
  }
  if (!confirmed) return;
  burials_.erase(burials_.begin());
  if (what.item.empty()) return take(session::refusal_buried{what.kind, what.letter.seq});
  take(session::outbox_delivered{what.item});
}

void session_driver::store_letters() {
  while (!burials_.empty())
    store_letter();
}

void session_driver::confirm_letter_again(std::size_t which) {
  if (letters_.empty()) throw cannot("no letter is stored");
  const auto at = std::next(letters_.begin(), static_cast<std::ptrdiff_t>(which % letters_.size()));
  const auto& [dedupe, letter] = *at;
  if (dedupe.starts_with("task.")) return take(session::refusal_buried{message_kind::task, letter.seq});
  if (dedupe.starts_with("control.")) return take(session::refusal_buried{message_kind::control, letter.seq});
  take(session::outbox_delivered{dedupe.substr(dedupe.find('.') + 1)});
}

std::optional<instant> session_driver::next_timer() const {
  const auto first = std::ranges::min_element(timers_, {}, &session::set_timer::due);
  return first == timers_.end() ? std::nullopt : std::optional{first->due};
}

void session_driver::advance(milliseconds by) {
  const auto until = now_ + by;
  for (auto due = next_timer(); due && *due <= until; due = next_timer()) {
    const auto first = std::ranges::min_element(timers_, {}, &session::set_timer::due);
    const auto fired = *first;
    timers_.erase(first);
    now_ = std::max(now_, fired.due);
    take(session::timer_fired{fired.timer, fired.execution});
  }
  now_ = until;
}

void session_driver::want_yield() { take(session::yield_wanted{current()}); }

void session_driver::drain() { take(session::drain_asked{}); }

// ---- the shell

void session_driver::take(session::input in) {
  const auto fresh = execution_id::parse("x" + std::to_string(++executions_made_)).value();
  const auto before = state_;
  const session::context with{now_, chance, fresh, limits_};
  auto made = session::step(before, in, with);
  if (on_step) on_step(in, made);
  rules_.step_was_made(before, in, made);
  last_events_ = made.events;
  last_effects_ = made.effects;
  for (const auto& e : made.events)
    seen_.insert(name_of(e));
  for (const auto& e : made.effects)
    seen_.insert(name_of(e));
  auto c = session::commit_of(made.next, made.events);
  const auto crash = c ? std::exchange(planned_, std::nullopt) : std::nullopt;
  if (crash && !crash->is_stored) return crash_and_reload(crash->next);
  state_ = std::move(made.next);
  if (c) store(std::move(*c));
  if (crash) {
    auto first = made.effects;
    first.resize(std::min(first.size(), crash->performed));
    perform(first);
    return crash_and_reload(crash->next);
  }
  perform(made.effects);
  check_slots();
}

void session_driver::store(commit c) {
  rules_.commit_was_stored(c, last_events_);
  stored_ = c.head;
  state_.last = {log_.size() + 1};
  session::settle_delayed(state_.head, state_.last);
  state_.number = c.number;
  state_.last_epoch = c.epoch;
  state_.last_node = c.node;
  log_.push_back(std::move(c));
}

void session_driver::perform(const std::vector<session::effect>& effects) {
  for (const auto& e : effects)
    std::visit(performing{*this}, e);
}

void session_driver::check_slots() const {
  const auto& execution = state_.hand.execution;
  if (wish_ && (!execution || execution->id != wish_->execution))
    throw rule_broken("a slot is wanted, or held, for nothing");
  if (execution && !wish_) throw rule_broken("stuck: an execution waits for a slot that nobody was asked for");
}

// ---- to the end

bool session_driver::settle_once() {
  if (undelivered(message_kind::task) + undelivered(message_kind::control) > 0) return deliver(), true;
  if (!burials_.empty()) return store_letters(), true;
  if (!acks_.empty()) return confirm_acks(), true;
  if (!read_back_.empty()) return answer_read_back(), true;
  if (wakes_.has_order()) return carry_out_wake_order(), true;
  if (has_log_read()) return answer_log_read(), true;
  if (fire_wake()) return true;
  if (running_) return end(is_aborted_ ? outcome{lost{"aborted"}} : outcome{completed{"done"}}), true;
  if (wish_ && !wish_->is_granted) return grant(), true;
  if (const auto due = next_timer()) return advance(std::max(*due - now_, milliseconds{0})), true;
  if (const auto due = wakes_.next_due()) return advance(std::max(*due - now_, milliseconds{0})), true;
  return false;
}

void session_driver::settle() {
  planned_.reset();
  if (state_.hand.draining) crash_and_reload(after_a_release);
  // Far more than any test holds; each round carries out at least one order.
  for (std::size_t rounds = 0; settle_once(); ++rounds) {
    if (rounds > 100'000) throw rule_broken("stuck: the session never comes to rest");
  }
  std::set<stream_seq> left;
  for (const auto& [place, message] : queue_) {
    if (place.first == message_kind::task) left.insert(place.second);
  }
  rules_.all_has_ended(state_, left);
  if (!queue_.empty()) throw rule_broken("stuck: a control message is still in the queue");
  if (wakes_.size() > 0) throw rule_broken("stuck: a wake is left that nothing waits for");
  for (const auto& t : awaited_) {
    const auto is_told = [&](const session::send_answer& a) { return a.answer.to.text() == t; };
    if (std::ranges::none_of(answers_, is_told)) throw rule_broken("a producer is never answered: " + t);
  }
}

std::string session_driver::ending_of(std::string_view run) const {
  for (const auto& c : log_) {
    for (const auto& e : c.events) {
      const bool is_final = e.kind == event_kind::run_completed || e.kind == event_kind::run_failed
          || e.kind == event_kind::run_cancelled;
      if (is_final && e.run.text() == run) return std::string{to_text(e.kind)};
    }
  }
  return {};
}

std::vector<reason> session_driver::refusals_of(stream_seq seq) const {
  std::vector<reason> found;
  for (const auto& [dedupe, letter] : letters_) {
    if (letter.seq == seq) found.push_back(letter.why);
  }
  return found;
}

std::vector<verdict> session_driver::verdicts_on(std::string_view id) const {
  std::vector<verdict> found;
  for (const auto& a : answers_) {
    if (a.answer.to.text() == id) found.push_back(a.answer.verdict);
  }
  return found;
}

} // namespace baton::support
