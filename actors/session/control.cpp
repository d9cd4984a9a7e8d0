#include <algorithm>

#include "actors/session/draft.hpp"

namespace baton::session {
namespace {

id_hash hash_of(const held_control& m) { return hash_of_id(message_kind::control, m.control.id); }

ledger_item item_of(const held_control& m) { return {hash_of(m), m.control.digest, settlement::applied}; }

void reply(draft& d, const held_control& m, verdict v, value body = {}) {
  if (m.control.reply_to.empty()) return;
  d.order(send_answer{m.control.reply_to, m.control.encoding, answer_to(m.control.id, v, std::move(body))});
}

void reply_and_ack(draft& d, const held_control& m, verdict v, value body = {}) {
  reply(d, m, v, std::move(body));
  settle_ack(d, message_kind::control, m.seq, hash_of(m));
}

/// Answers a message that changes nothing. A session that the log does not know needs no record of that.
void settle_without_effect(draft& d, const held_control& m, verdict v, value body = {}) {
  if (d.now().last != stream_seq{}) d.happened(control_was_settled{item_of(m), room_for(d.now(), 1), d.time()});
  reply_and_ack(d, m, v, std::move(body));
}

/// The body under which an id waits for the end of a run, if it does.
std::optional<body_digest> waiting_digest(const hand& h, const task_id& id) {
  for (const auto& c : h.cancels) {
    if (c.control.id == id) return c.control.digest;
  }
  for (const auto& c : h.early_cancels) {
    if (c.message.control.id == id) return c.message.control.digest;
  }
  return std::nullopt;
}

/// The session has this very message in hand, or has settled it and waits for the confirmation.
bool holds(const hand& h, stream_seq seq) {
  return std::ranges::any_of(h.cancels, [&](const held_control& c) { return c.seq == seq; }) ||
         std::ranges::any_of(h.early_cancels, [&](const early_cancel& c) { return c.message.seq == seq; }) ||
         std::ranges::any_of(h.put_off, [&](const held_control& c) { return c.seq == seq; }) ||
         h.unconfirmed_controls.contains(seq) || h.refused_controls.contains(seq);
}

/// A run that waits in the queue ends without having started.
void end_queued(draft& d, const run_record& run, std::vector<entry> entries, const std::vector<held_control>& by,
                std::string traceparent = {}) {
  run_has_ended ended{run,  settlement::cancelled, std::nullopt,           std::move(entries), {}, {}, settled_controls(by),
                      true, std::move(traceparent), d.time()};
  ended.evicted = room_for(d.now(), 1 + ended.controls.size());
  d.happened(std::move(ended));
  settle_ack(d, message_kind::task, run.message, hash_of_id(message_kind::task, run.id));
  settle_cancels(d, by, settlement::cancelled);
}

void cancel_held(draft& d, const held_task& waiting, const std::vector<held_control>& by) {
  run_record run;
  run.id = waiting.task.id;
  run.message = waiting.seq;
  run.digest = waiting.task.digest;
  if (!waiting.task.reply_to.empty()) {
    d.order(send_answer{waiting.task.reply_to, waiting.task.encoding,
                        answer_to(run.id, verdict::accepted, final_status(settlement::cancelled))});
  }
  std::vector<entry> entries{
      {entry_kind::user, run.id, waiting.stored_at, false, std::get<turn>(waiting.task.what).input, std::nullopt},
      {entry_kind::note, run.id, d.time(), false, value::object{{"ended", "cancelled"}}, std::nullopt}};
  end_queued(d, run, std::move(entries), by, waiting.task.traceparent);
}

bool cancel_waiting(draft& d, const task_id& id, const held_control& by) {
  const auto& hand = d.hand();
  const auto queued = std::ranges::find_if(hand.queue, [&](const held_task& m) { return m.task.id == id; });
  if (queued != hand.queue.end()) {
    cancel_held(d, held_task{*queued}, {by});
    return true;
  }
  const auto stubbed = std::ranges::find(hand.backlog, hash_of_id(message_kind::task, id), &stub::id);
  if (stubbed == hand.backlog.end()) return false;
  run_record run;
  run.id = id;
  run.message = stubbed->seq;
  run.digest = stubbed->digest;
  end_queued(d, run, {}, {by});
  return true;
}

/// The run in hand: told to stop if it runs, ended at once if it does not.
void cancel_current(draft& d, held_control message) {
  const auto& execution = d.hand().execution;
  if (d.hand().cancels.size() >= d.with().limits.cancels_max) return settle_without_effect(d, message, verdict::duplicate);
  d.happened(cancel_was_kept{std::move(message)});
  if (execution && execution->at == in_flight::stage::launched) {
    // It was told already, and its time to settle runs.
    if (execution->asked == boundary_order::cancel) return;
    const auto id = execution->id;
    d.order(ask_execution{id, boundary_order::cancel});
    d.order(set_timer{timer::settle_over, d.time() + d.with().limits.settle, id});
    d.happened(execution_was_asked{boundary_order::cancel});
    return;
  }
  end_cancelled(d, {});
  proceed(d);
}

void keep_early(draft& d, held_control message, const task_id& run) {
  if (d.hand().early_cancels.size() >= d.with().limits.early_cancels_max) {
    return settle_without_effect(d, message, verdict::unknown);
  }
  const auto until = d.time() + d.with().limits.early_cancel_kept;
  d.happened(early_cancel_was_kept{{std::move(message), run, until}});
  d.order(set_timer{timer::early_cancels, until, {}});
}

void on_cancel(draft& d, held_control message) {
  const auto& hand = d.hand();
  const auto* stored = stored_run(d.durable());
  auto target = std::get<cancel>(message.control.what).run;
  if (!target && hand.run) target = hand.run->id;
  if (!target && stored != nullptr) target = stored->id;
  if (!target) return settle_without_effect(d, message, verdict::unknown);
  if (hand.current && hand.run && *target == hand.run->id) return cancel_current(d, std::move(message));
  if (cancel_waiting(d, *target, message)) return proceed(d);
  if (const auto* known = find_settled(d.durable(), hash_of_id(message_kind::task, *target))) {
    return settle_without_effect(d, message, verdict::conflict, final_status(known->ended));
  }
  keep_early(d, std::move(message), *target);
}

value current_edit_state(const head& h) {
  value::object fields{{"title", h.title}, {"title_version", h.title_version}, {"pinned", h.pinned}};
  value::object marks;
  for (const auto& [name, text] : h.labels) marks.emplace_back(name, text);
  fields.emplace_back("labels", std::move(marks));
  return fields;
}

labels labels_after(const head& h, const edit& change) {
  auto after = h.labels;
  for (const auto& [name, text] : change.labels) {
    if (text.empty()) {
      after.erase(name);
    } else {
      after[name] = text;
    }
  }
  return after;
}

void on_edit(draft& d, const held_control& message) {
  const auto& change = std::get<edit>(message.control.what);
  if (change.title && change.title_version && *change.title_version != d.durable().title_version) {
    return settle_without_effect(d, message, verdict::conflict, current_edit_state(d.durable()));
  }
  const auto marks = labels_after(d.durable(), change);
  if (marks.size() > d.with().limits.labels_max) return refuse(d, message, {reason::too_many_labels, "session.labels_max"});
  if (bytes_of(marks) > labels_bytes_max) return refuse(d, message, {reason::too_large, std::string{labels_together}});
  d.happened(session_was_edited{change, item_of(message), room_for(d.now(), 1), d.time()});
  reply_and_ack(d, message, verdict::accepted, current_edit_state(d.durable()));
}

void answer_cancelled(draft& d, const held_task& m) {
  if (m.task.reply_to.empty()) return;
  d.order(send_answer{m.task.reply_to, m.task.encoding, answer_to(m.task.id, verdict::accepted, final_status(settlement::cancelled))});
}

/// The tombstone: the run under way ends cancelled, waiting tasks are refused, the contents go.
void on_remove(draft& d, const held_control& message) {
  const auto before = d.hand();
  session_was_deleted gone{before.run, {}, settled_controls(before.cancels), d.time()};
  gone.controls.push_back(item_of(message));
  // After a restart the run's message may not have come yet: it is cancelled too, and its message is settled when it comes.
  if (const auto* stored = stored_run(d.durable()); stored != nullptr && !gone.run) gone.run = *stored;
  gone.evicted = room_for(d.now(), 1 + gone.controls.size());
  if (before.execution) {
    if (before.execution->at == in_flight::stage::launched) {
      d.order(abort_execution{before.execution->id, "the session was deleted"});
    }
    d.order(free_slot{before.execution->id});
  }
  d.happened(std::move(gone));
  if (before.current) {
    answer_cancelled(d, *before.current);
    settle_ack(d, message_kind::task, before.current->seq, hash_of_id(message_kind::task, before.current->task.id));
  }
  settle_cancels(d, before.cancels, settlement::cancelled);
  for (const auto& waiting : before.queue) refuse(d, waiting, {reason::deleted, {}});
  for (const auto& waiting : before.backlog) refuse_stub(d, waiting, {reason::deleted, {}});
  reply_and_ack(d, message, verdict::accepted);
}

} // namespace

std::vector<ledger_item> settled_controls(const std::vector<held_control>& cancels) {
  std::vector<ledger_item> items;
  for (const auto& c : cancels) items.push_back(item_of(c));
  return items;
}

void settle_cancels(draft& d, const std::vector<held_control>& cancels, settlement ended) {
  for (const auto& c : cancels) {
    reply_and_ack(d, c, ended == settlement::cancelled ? verdict::accepted : verdict::conflict, final_status(ended));
  }
}

/// The early cancels of this run, which now are no longer early.
std::vector<held_control> take_early(draft& d, const task_id& run) {
  std::vector<held_control> taken;
  for (const auto& c : d.hand().early_cancels) {
    if (c.run == run) taken.push_back(c.message);
  }
  for (const auto& c : taken) d.happened(early_cancel_was_used{c.seq});
  return taken;
}

bool cancel_if_asked_early(draft& d, const held_task& message) {
  const auto asked = take_early(d, message.task.id);
  if (asked.empty()) return false;
  cancel_held(d, message, asked);
  return true;
}

void cancel_resumed_if_asked_early(draft& d) {
  const auto asked = take_early(d, d.hand().run->id);
  if (asked.empty()) return;
  for (const auto& by : asked) d.happened(cancel_was_kept{by});
  end_cancelled(d, {});
}

void drop_old_early_cancels(draft& d) {
  const auto kept = d.hand().early_cancels;
  std::optional<instant> first_left;
  bool is_any_due = false;
  for (const auto& c : kept) {
    if (c.until > d.time()) {
      first_left = std::min(first_left.value_or(c.until), c.until);
      continue;
    }
    is_any_due = true;
    d.happened(early_cancel_was_used{c.message.seq});
    settle_without_effect(d, c.message, verdict::unknown);
  }
  // It fired too early, by a clock that was set back. Whoever is not due yet has a timer of its own otherwise.
  if (first_left && !is_any_due) d.order(set_timer{timer::early_cancels, *first_left, {}});
}

void carry_out(draft& d, const held_control& message) {
  if (auto why = recorded_refusal(d.durable(), message_kind::control, message.seq)) {
    return refuse(d, message, std::move(*why));
  }
  if (const auto* known = find_settled(d.durable(), hash_of(message))) {
    if (known->digest != message.control.digest) return refuse(d, message, {reason::task_conflict, "id"});
    return reply_and_ack(d, message, verdict::duplicate);
  }
  const auto waiting = waiting_digest(d.hand(), message.control.id);
  if (waiting && *waiting != message.control.digest) return refuse(d, message, {reason::task_conflict, "id"});
  if (std::holds_alternative<phases::deleted>(d.durable().phase)) return refuse(d, message, {reason::deleted, {}});
  std::visit(overloaded{[&](const cancel&) { on_cancel(d, message); }, [&](const edit&) { on_edit(d, message); },
                        [&](const remove&) { on_remove(d, message); }},
             message.control.what);
}

void on_control(draft& d, held_control message) {
  if (holds(d.hand(), message.seq)) return;
  if (d.hand().put_off.empty() && !is_ledger_crowded(d, d.with().limits.open_acks_max)) return carry_out(d, message);
  d.happened(control_was_put_off{std::move(message)});
}

void take_put_off(draft& d) {
  while (!d.hand().put_off.empty() && !is_ledger_crowded(d, d.with().limits.open_acks_max)) {
    const auto message = d.hand().put_off.front();
    d.happened(control_was_taken_up{});
    carry_out(d, message);
  }
}

} // namespace baton::session
