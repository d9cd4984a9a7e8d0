#include <algorithm>

#include "actors/session/delayed.hpp"
#include "actors/session/draft.hpp"
#include "actors/session/transcript.hpp"

namespace baton::session {
namespace {

const turn& turn_of(const draft& d) { return std::get<turn>(d.hand().current->task.what); }

bool is_current(const draft& d, const execution_id& execution) {
  return d.hand().execution && d.hand().execution->id == execution && d.hand().run && d.hand().current;
}

/// Its reports count: it was launched, and nothing came after it.
bool runs_now(const draft& d, const execution_id& execution) {
  return is_current(d, execution) && d.hand().execution->at == in_flight::stage::launched;
}

/// A waiting task's run, before anything has happened to it.
run_record record_of(const held_task& message, instant now) {
  run_record run;
  run.id = message.task.id;
  run.message = message.seq;
  run.digest = message.task.digest;
  run.runner = std::get<turn>(message.task.what).runner;
  run.tenant = message.task.tenant;
  run.accepted_at = message.stored_at;
  run.started_at = now;
  run.deadline = message.task.deadline;
  run.has_waited = message.has_waited;
  return run;
}

milliseconds backoff(const limits& l, std::uint32_t attempts, std::uint32_t chance) {
  auto wait = l.retry_first;
  for (std::uint32_t i = 1; i < attempts && wait < l.retry_longest; ++i) wait *= 2;
  wait = std::min(wait, l.retry_longest);
  // Up to a quarter longer, so that runs that failed together do not come back together.
  return wait + milliseconds{wait.count() / 4 * (chance % 1024) / 1024};
}

/// The run as it stands after `end` left entries and perhaps a checkpoint.
run_record advanced(const draft& d, std::optional<value> checkpoint_state) {
  auto run = *d.hand().run;
  run.input_stored = true;
  if (checkpoint_state) {
    run.last_checkpoint = checkpoint{std::move(*checkpoint_state), std::nullopt, run.slice, d.time()};
    run.attempts = 0;
    run.crashes = 0;
  }
  return run;
}

void give_back_slot(draft& d) {
  if (d.hand().execution) d.order(free_slot{d.hand().execution->id});
}

/// Of the next slice: its own limit, or what the deadline leaves of it.
milliseconds time_left(const draft& d) {
  const auto& limits = d.with().limits;
  const auto& run = *d.hand().run;
  auto end = std::min(d.time() + limits.slice_time_limit, run.started_at + limits.run_wall_limit);
  if (run.deadline) end = std::min(end, *run.deadline);
  return std::max(end - d.time(), milliseconds{1});
}

bool is_late(const draft& d) { return d.hand().run->deadline && *d.hand().run->deadline <= d.time(); }

slice_request request_for(const draft& d) {
  const auto& s = d.now();
  const auto& run = *s.hand.run;
  slice_request request;
  request.input = {said_together(turn_of(d).input, joined_words(s, run.id, joined_message::manner::merged)), turn_of(d).options,
                   joined_words(s, run.id, joined_message::manner::injected)};
  request.routing = {s.id, run.id, run.execution, s.partition, s.epoch, run.runner, run.tenant};
  request.policy = {time_left(d), run.deadline, run.crashes > 1};
  request.state = {run.slice, run.attempts, run.last_checkpoint, s.head.context_from, s.last};
  request.observers = {true, s.hand.current->task.traceparent};
  return request;
}

void want_next_slice(draft& d) {
  const auto& run = *d.hand().run;
  const auto priority = d.hand().current->task.priority;
  d.order(want_slot{d.with().fresh_execution, {run.tenant, priority, supervisor::standing_after(run.crashes)}});
  d.happened(slot_was_wanted{d.with().fresh_execution, d.hand().current->after_crash});
}

/// Why the run may not have another slice.
std::optional<final_end> overdue(const draft& d) {
  const auto& run = *d.hand().run;
  if (run.attempts >= d.with().limits.max_attempts) {
    return final_end{{}, settlement::failed, reason::max_attempts, run.last_error, {}, {}};
  }
  if (is_late(d)) {
    return final_end{{}, settlement::failed, reason::deadline_passed, "the deadline passed before the run was done", {}, {}};
  }
  if (d.time() - run.started_at >= d.with().limits.run_wall_limit) {
    return final_end{{}, settlement::failed, reason::run_too_long, "session.run_wall_limit", {}, {}};
  }
  if (run.slice.value >= d.with().limits.slices_max) {
    return final_end{{}, settlement::failed, reason::too_many_slices, "session.slices_max", {}, {}};
  }
  return std::nullopt;
}

/// The run in hand goes on, if its time has come.
void go_on(draft& d) {
  if (waits_for_joined(d, d.hand().run->id)) return;
  if (is_stopped(d)) {
    end_cancelled(d, {});
    return proceed(d);
  }
  if (const auto* waiting = std::get_if<phases::retry_wait>(&d.durable().phase); waiting != nullptr && d.time() < waiting->due) {
    if (d.hand().retry_timer == waiting->due) return;
    d.order(set_timer{timer::retry_due, waiting->due, {}});
    d.happened(retry_was_timed{waiting->due});
    return;
  }
  if (auto over = overdue(d)) {
    end_run(d, std::move(*over));
    return proceed(d);
  }
  want_next_slice(d);
}

/// In stream order, one at a time.
void read_backlog(draft& d) {
  const auto& hand = d.hand();
  const auto& limits = d.with().limits;
  const auto ahead = std::min(limits.in_memory_max, limits.crowded_max) / 2;
  if (hand.backlog.empty() || held_turns(hand) > ahead) return;
  const message_place first{message_kind::task, hand.backlog.front().seq};
  if (hand.reading.contains(first)) return;
  d.order(read_back{first});
  d.happened(read_back_was_asked{first});
}

void refuse_late(draft& d) {
  const auto& queue = d.hand().queue;
  while (!queue.empty() && queue.front().task.deadline && *queue.front().task.deadline <= d.time()) {
    const auto late = queue.front();
    d.happened(task_was_dropped{late.seq});
    refuse(d, late, {reason::deadline_passed, "deadline"});
    turn_is_over(d, late.task.id, settlement::refused);
  }
}

void start_next(draft& d) {
  const auto& hand = d.hand();
  if (hand.run || stored_run(d.durable()) != nullptr) {
    // After a restart the run waits for its message, which comes before all newer ones.
    if (hand.current) return go_on(d);
    return read_delayed_run(d);
  }
  if (delayed_goes_first(d)) return;
  refuse_late(d);
  // What is replaced is settled when there is room in the commit for it.
  if (hand.queue.empty() || gives_way(d, hand.queue.front()) || !is_front_ready(d)) return;
  d.happened(run_was_taken_up{record_of(hand.queue.front(), d.time())});
  if (!waits_for_joined(d, hand.run->id)) want_next_slice(d);
}

void on_completed(draft& d, completed c, std::vector<entry> entries) {
  close_open_calls(entries, "the run ended");
  if (!c.result.is_null()) entries.push_back({entry_kind::assistant, {}, {}, false, c.result, std::nullopt});
  end_run(d, {{}, settlement::completed, std::nullopt, {}, std::move(c.result), std::move(entries)});
}

void on_failed(draft& d, const failed& f, std::vector<entry> entries) {
  auto run = *d.hand().run;
  run.attempts += 1;
  run.last_error = stored_error(f.text);
  if (f.code == reason::time_limit && is_late(d)) {
    return end_run(d, {std::move(run), settlement::failed, reason::deadline_passed, f.text, {}, std::move(entries)});
  }
  if (!f.retryable) return end_run(d, {std::move(run), settlement::failed, f.code, f.text, {}, std::move(entries)});
  if (run.attempts >= d.with().limits.max_attempts) {
    return end_run(d, {std::move(run), settlement::failed, reason::max_attempts, f.text, {}, std::move(entries)});
  }
  const auto due = d.time() + backoff(d.with().limits, run.attempts, d.with().chance);
  give_back_slot(d);
  d.happened(retry_was_scheduled{std::move(run), f.code, due, d.time()});
}

void on_lost(draft& d, const lost& l) {
  auto run = *d.hand().run;
  const auto execution = run.execution;
  run.attempts += 1;
  run.last_error = stored_error(l.because);
  if (run.attempts >= d.with().limits.max_attempts) {
    return end_run(d, {std::move(run), settlement::failed, reason::max_attempts, l.because, {}, {}});
  }
  give_back_slot(d);
  run.execution = {};
  d.happened(execution_was_lost{std::move(run), execution, stored_error(l.because), d.time()});
}

/// Fails the run if what it wants stored before it goes on cannot be; true if it did.
bool is_unstorable(draft& d, const std::vector<entry>& entries) {
  if (!open_calls(entries).empty()) {
    end_run(d, {{}, settlement::failed, reason::program_protocol, "it stopped at a boundary with a tool call open", {}, {}});
    return true;
  }
  if (fits(entries, d.with().limits)) return false;
  end_run(d, {{}, settlement::failed, reason::record_too_large, "session.record_bytes_max", {}, {}});
  return true;
}

void on_yielded(draft& d, const yielded& y, slice_end& end) {
  auto entries = with_input(d, std::move(end.entries));
  if (is_unstorable(d, entries)) return;
  auto run = advanced(d, std::move(end.checkpoint));
  give_back_slot(d);
  run.execution = {};
  d.happened(run_was_yielded{std::move(run), std::move(entries), y.because, d.time()});
}

/// Its time was over, and it had left a checkpoint: not a failure. What came since is dropped, and comes again.
bool has_timed_out(const draft& d, const outcome& proposed) {
  const auto* f = std::get_if<failed>(&proposed);
  return f != nullptr && f->code == reason::time_limit && f->retryable && d.hand().run->last_checkpoint && !is_late(d);
}

void on_cancelled(draft& d, const std::string& by, const std::string& because, std::vector<entry> entries) {
  auto text = by.empty() ? because : by + (because.empty() ? "" : ": " + because);
  end_run(d, {{}, settlement::cancelled, std::nullopt, std::move(text), {}, std::move(entries)});
}

void answer_producer(draft& d, const held_task& message, const final_end& end) {
  if (message.task.reply_to.empty()) return;
  const auto code = end.code ? to_text(*end.code) : std::string_view{};
  auto status = final_status(end.ended, end.result, code, end.text);
  d.order(send_answer{message.task.reply_to, message.task.encoding,
                      answer_to(message.task.id, verdict::accepted, std::move(status))});
}

/// What the end adds to the transcript. If that does not fit into one commit, all but the input and the last note is left
/// out; a completion then is none.
std::vector<entry> last_entries(const draft& d, final_end& end) {
  const auto complete = [&](std::vector<entry> said) {
    add_last_words(d, said, end);
    if (!end.message_is_gone) return with_input(d, std::move(said));
    stamp(said, d.hand().run->id, d.time());
    return said;
  };
  auto entries = complete(std::move(end.entries));
  if (fits(entries, d.with().limits)) return entries;
  if (end.ended == settlement::completed) {
    end = {std::move(end.run), settlement::failed, reason::record_too_large, "session.record_bytes_max", {}, {}};
  }
  return complete({});
}

} // namespace

bool may_start(const draft& d) {
  const auto& hand = d.hand();
  const bool may_ever = !hand.draining && !hand.delayed.removal && !std::holds_alternative<phases::deleted>(d.durable().phase);
  const bool owes_much = d.durable().outbox.size() >= outbox_max || is_held_up(d);
  return may_ever && !hand.execution && !owes_much;
}

void take_up(draft& d, held_task delayed) {
  auto run = record_of(delayed, d.time());
  d.happened(delayed_was_taken_up{std::move(run), std::move(delayed)});
}

void end_run(draft& d, final_end end) {
  auto entries = last_entries(d, end);
  const auto message = *d.hand().current;
  const auto cancels = d.hand().cancels;
  const auto run = end.run.value_or(*d.hand().run);
  run_has_ended ended{run, end.ended, end.code, std::move(entries),       {}, {}, settled_controls(cancels),
                      false, message.task.traceparent, d.time()};
  ended.evicted = room_for(d.now(), 1 + ended.controls.size());
  const auto id = hash_of_id(message_kind::task, run.id);
  const bool is_delayed_one = was_delayed(d.durable(), id);
  if (end.ended == settlement::failed) {
    ended.outbox.push_back(dead_letter_item(d, run, end));
    if (!end.message_is_gone && !is_delayed_one) d.happened(ack_was_put_off{ended.outbox.front().id, message.seq});
  }
  give_back_slot(d);
  answer_producer(d, message, end);
  const auto outbox = ended.outbox;
  d.happened(std::move(ended));
  for (const auto& item : outbox) {
    auto letter = letter_of(d.now(), item);
    if (is_delayed_one && !end.message_is_gone) letter = with_payload(std::move(letter), message.task);
    d.order(bury{message_kind::task, std::move(letter), item.id});
  }
  if (is_delayed_one) {
    let_wake_go(d, id);
  } else if (outbox.empty()) {
    settle_ack(d, message_kind::task, message.seq, id);
  }
  settle_cancels(d, cancels, end.ended);
  if (end.ended != settlement::cancelled && !run.stopped_by.empty()) {
    // It was done first: who wanted to stop it has only waited.
    d.happened(message_was_disposed{run.stopped_by, disposition::queued, run.id, d.time()});
  }
  turn_is_over(d, run.id, end.ended);
}

void end_cancelled(draft& d, std::vector<entry> entries) {
  if (d.hand().cancels.empty()) {
    const auto& run = *d.hand().run;
    return on_cancelled(d, run.stopped_by.text(), run.is_rolled_back ? "rollback" : "interrupt", std::move(entries));
  }
  const auto asked = std::get<cancel>(d.hand().cancels.front().control.what);
  on_cancelled(d, asked.by, asked.because, std::move(entries));
}

void proceed(draft& d) {
  if (d.hand().draining) return;
  if (std::holds_alternative<phases::deleted>(d.durable().phase)) return read_backlog(d);
  carry_out_pending(d);
  drop_replaced(d);
  go_on_removing(d);
  if (may_start(d)) start_next(d);
  read_backlog(d);
}

void take_over(draft& d) {
  const auto& s = d.now();
  if (s.last_epoch == s.epoch) return;
  for (const auto& e : d.events_so_far()) {
    if (std::holds_alternative<session_was_taken>(e)) return;
  }
  session_was_taken taken{std::nullopt, d.time()};
  if (const auto* running = std::get_if<phases::running>(&s.head.phase); running != nullptr && !s.hand.run) {
    taken.cut_off = running->run;
    // A lease lost in good health burns no attempt; neither does a run that had not started.
    if (s.last_node != s.node && !running->run.execution.empty()) {
      taken.cut_off->attempts += 1;
      taken.cut_off->crashes += 1;
      taken.cut_off->last_error = "the node died while the run was under way";
    }
    taken.cut_off->execution = {};
  }
  d.happened(std::move(taken));
}

void on_slot(draft& d, const slot_granted& in) {
  if (!is_current(d, in.execution)) return d.order(free_slot{in.execution});
  if (d.hand().execution->at != in_flight::stage::queued) return;
  if (auto over = overdue(d)) {
    end_run(d, std::move(*over));
    return proceed(d);
  }
  d.happened(slice_was_launched{});
  if (d.hand().run->hears && has_steers(d)) {
    auto entries = with_input(d, {});
    const auto room = room_left(entries, d.with().limits);
    auto run = *d.hand().run;
    run.input_stored = true;
    d.happened(slice_was_started{std::move(run), std::move(entries), d.time()});
    (void)inject(d, room);
  } else if (d.hand().execution->store_first || !d.durable().spilled.empty()) {
    // A delayed turn that falls due meanwhile must not go before it after a crash; and of its own start nothing but the log tells.
    d.happened(slice_was_started{*d.hand().run, {}, d.time()});
  }
  d.order(launch{request_for(d)});
}

void on_old_slice(draft& d, const slice_grew_old& in) {
  if (!runs_now(d, in.execution) || d.hand().execution->stored) return;
  d.happened(slice_was_started{*d.hand().run, {}, d.time()});
}

void on_boundary(draft& d, boundary_reached in) {
  if (!runs_now(d, in.execution)) return;
  const auto order = d.hand().execution->asked.value_or(boundary_order::go_on);
  // Steering first, then yield, then cancel; but what is told to stop at once hears it at the start of its next slice.
  const bool is_steered = order == boundary_order::go_on && in.at.heard && has_steers(d);
  if (d.hand().execution->stored && in.at.entries.empty() && !in.at.checkpoint && !is_steered) {
    d.order(answer_boundary{in.execution, {order, {}}});
    return;
  }
  auto entries = with_input(d, std::move(in.at.entries));
  if (is_unstorable(d, entries)) return proceed(d);
  const auto room = room_left(entries, d.with().limits);
  auto run = advanced(d, std::move(in.at.checkpoint));
  run.hears = in.at.heard.has_value();
  d.happened(checkpoint_was_stored{std::move(run), std::move(entries), d.time()});
  if (in.at.heard) release_heard(d, *in.at.heard);
  boundary_answer answer{order, {}};
  if (is_steered) answer.steers = inject(d, room);
  d.order(answer_boundary{in.execution, std::move(answer)});
}

void on_slice_end(draft& d, slice_ended in) {
  if (!runs_now(d, in.execution)) return;
  auto& end = in.end;
  const bool is_completed = std::holds_alternative<completed>(end.proposed);
  // What is to be rolled back must not be stored as done.
  if (is_stopped(d) && (!is_completed || d.hand().run->is_rolled_back)) {
    // Whatever else it says, it was told to stop; only a completion that was already made wins.
    end_cancelled(d, std::move(end.entries));
    return proceed(d);
  }
  if (has_timed_out(d, end.proposed)) end = {yielded{std::string{to_text(reason::time_limit)}}, {}, std::nullopt};
  std::visit(overloaded{[&](completed& c) { on_completed(d, std::move(c), std::move(end.entries)); },
                        [&](failed& f) { on_failed(d, f, std::move(end.entries)); },
                        [&](yielded& y) { on_yielded(d, y, end); },
                        [&](cancelled& c) { on_cancelled(d, c.by, c.because, std::move(end.entries)); },
                        [&](lost& l) { on_lost(d, l); }},
             end.proposed);
  proceed(d);
}

void on_settle_over(draft& d, const execution_id& execution) {
  if (!runs_now(d, execution) || d.hand().execution->asked != boundary_order::cancel) return;
  d.order(abort_execution{execution, "did not settle after a cancel"});
}

} // namespace baton::session
