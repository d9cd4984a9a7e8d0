#include <algorithm>

#include "actors/session/delayed.hpp"
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

/// The body under which an id waits for the end of a run, if it does.
std::optional<body_digest> waiting_digest(const hand& h, const task_id& id) {
  for (const auto& c : h.cancels) {
    if (c.control.id == id) return c.control.digest;
  }
  for (const auto& c : h.early) {
    if (c.message.control.id == id) return c.message.control.digest;
  }
  for (const auto& c : h.pending_cancels) {
    if (c.message.control.id == id) return c.message.control.digest;
  }
  for (const auto& waiting : h.steers) {
    const auto* c = std::get_if<held_control>(&waiting.message);
    if (c != nullptr && c->control.id == id) return c->control.digest;
  }
  return std::nullopt;
}

/// The session has this very message in hand, or has settled it and waits for the confirmation.
bool holds(const hand& h, stream_seq seq) {
  return std::ranges::any_of(h.cancels, [&](const held_control& c) { return c.seq == seq; }) ||
         std::ranges::any_of(h.pending_cancels, [&](const pending_cancel& c) { return c.message.seq == seq; }) ||
         std::ranges::any_of(h.early, [&](const early_message& c) { return c.message.seq == seq; }) ||
         std::ranges::any_of(h.put_off, [&](const held_control& c) { return c.seq == seq; }) ||
         std::ranges::find(h.steers, message_place{message_kind::control, seq}, place_of) != h.steers.end() ||
         (h.delayed.removal && h.delayed.removal->seq == seq) || h.joined.contains({message_kind::control, seq}) || h.unconfirmed_controls.contains(seq) || h.refused_controls.contains(seq);
}

void put_aside(draft& d, held_control by, const task_id& run) {
  if (d.hand().pending_cancels.size() >= d.with().limits.early_max) {
    return refuse(d, by, {reason::too_many_waiting, std::string{too_many_waiting_detail}});
  }
  d.happened(cancel_was_put_aside{{std::move(by), run}});
}

/// Carried out at once, or when all of the turn was read back: its producer is to be answered, and what it says to be kept.
bool cancel_waiting(draft& d, const task_id& id, held_control by) {
  const bool waits = find_waiting(d.hand(), id) != nullptr || d.hand().backlog.find(hash_of_id(message_kind::task, id)) != nullptr;
  if (!waits && !delayed_status(d, id)) return false;
  put_aside(d, std::move(by), id);
  carry_out_pending(d);
  return true;
}

/// Tells the execution to stop, if it was not told before.
void ask_to_stop(draft& d, const in_flight& execution) {
  if (execution.asked == boundary_order::cancel) return;
  const auto id = execution.id;
  d.order(ask_execution{id, boundary_order::cancel});
  d.order(set_timer{timer::settle_over, d.time() + d.with().limits.settle, id});
  d.happened(execution_was_asked{boundary_order::cancel});
}

/// The run in hand: told to stop if it runs, ended at once if it does not.
void cancel_current(draft& d, held_control message) {
  if (d.hand().cancels.size() >= d.with().limits.cancels_max) return settle_without_effect(d, message, verdict::duplicate);
  d.happened(cancel_was_kept{std::move(message)});
  end_stopped(d);
}

void on_cancel(draft& d, held_control message) {
  const auto& hand = d.hand();
  const auto* stored = stored_run(d.durable());
  auto target = std::get<cancel>(message.control.what).run;
  if (!target && hand.run) target = hand.run->id;
  if (!target && stored != nullptr) target = stored->id;
  if (!target) return meant_none(d, std::move(message));
  if (hand.current && hand.run && *target == hand.run->id) return cancel_current(d, std::move(message));
  if (cancel_waiting(d, *target, message)) return;
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

void on_unstick(draft& d, const held_control& message) {
  const auto& by = std::get<unstick>(message.control.what).by;
  const auto& execution = d.hand().execution;
  std::string_view did = "nothing waits that need not";
  if (const auto* waiting = std::get_if<phases::retry_wait>(&d.durable().phase)) {
    did = "the next attempt starts";
    d.happened(retry_was_hastened{waiting->run, d.time()});
  } else if (execution && execution->at == in_flight::stage::launched) {
    did = "the slice is killed";
    d.order(abort_execution{execution->id, "unstuck" + (by.empty() ? "" : " by " + by)});
  } else if (!d.hand().queue.empty() && d.hand().queue.front().ready_at) {
    did = "the next turn starts";
    d.happened(turn_was_made_ready{});
  }
  settle_without_effect(d, message, verdict::accepted, value::object{{"did", did}});
}

void answer_cancelled(draft& d, const held_task& m) {
  if (m.task.reply_to.empty()) return;
  d.order(send_answer{m.task.reply_to, m.task.encoding, answer_to(m.task.id, verdict::accepted, final_status(settlement::cancelled))});
}

/// Delayed turns end first: once the contents are gone, nobody knows who waits for them.
void on_remove(draft& d, const held_control& message) {
  if (!puts_off_removal(d, message)) remove_session(d, message);
}

/// The early messages about this run, which now are no longer early.
std::vector<held_control> take_early(draft& d, const task_id& run) {
  std::vector<held_control> taken;
  for (const auto& c : d.hand().early) {
    if (c.run == run) taken.push_back(c.message);
  }
  for (const auto& c : taken) d.happened(early_was_used{c.seq});
  return taken;
}

bool is_steer(const held_control& m) { return std::holds_alternative<steer>(m.control.what); }

/// The cancels among the early messages about this run; steers among them wait to join it from now on.
std::vector<held_control> take_early_cancels(draft& d, const task_id& run) {
  auto taken = take_early(d, run);
  for (const auto& one : taken) {
    if (is_steer(one)) keep_steer(d, one, run);
  }
  std::erase_if(taken, is_steer);
  return taken;
}

} // namespace

std::vector<held_control> take_pending(draft& d, const task_id& run) {
  std::vector<held_control> taken;
  for (const auto& c : d.hand().pending_cancels) {
    if (c.run == run) taken.push_back(c.message);
  }
  for (const auto& c : taken) d.happened(cancel_was_taken_back{c.seq});
  return taken;
}

void remove_session(draft& d, const held_control& message) {
  const auto before = d.hand();
  const auto before_joined = d.durable().busy.joined;
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
  for (const auto& one : before_joined) {
    const auto known = before.joined.find(one.place);
    if (known != before.joined.end() && known->second) settle_ack(d, one.place.kind, one.place.seq, one.id);
    if (known == before.joined.end()) d.happened(acks_were_left_open{{{one.place.kind, one.place.seq, one.id}}});
  }
  for (const auto& waiting : before.queue) refuse(d, waiting, {reason::deleted, {}});
  for (const auto& waiting : before.steers) {
    std::visit([&](const auto& m) { refuse(d, m, {reason::deleted, {}}); }, waiting.message);
  }
  for (const auto& c : before.pending_cancels) settle_without_effect(d, c.message, verdict::conflict, final_status(settlement::refused));
  reply_and_ack(d, message, verdict::accepted);
}

void settle_without_effect(draft& d, const held_control& m, verdict v, value body) {
  if (d.now().last != stream_seq{}) d.happened(control_was_settled{item_of(m), room_for(d.now(), 1), d.time()});
  reply_and_ack(d, m, v, std::move(body));
}

void end_waiting(draft& d, const held_task& waiting, const std::vector<held_control>& by, std::optional<reason> code) {
  run_record run;
  run.id = waiting.task.id;
  run.message = waiting.seq;
  run.digest = waiting.task.digest;
  run.has_waited = waiting.has_waited;
  const auto why = code ? to_text(*code) : std::string_view{};
  if (!waiting.task.reply_to.empty()) {
    d.order(send_answer{waiting.task.reply_to, waiting.task.encoding,
                        answer_to(run.id, verdict::accepted, final_status(settlement::cancelled, {}, why))});
  }
  value::object note{{"ended", "cancelled"}};
  if (code) note.emplace_back("code", why);
  std::vector<entry> entries{
      {entry_kind::user, run.id, waiting.stored_at, false, std::get<turn>(waiting.task.what).input, std::nullopt}};
  for (const auto& merged : joined_words(d.now(), run.id, joined_message::manner::merged)) {
    entries.push_back({entry_kind::user, run.id, waiting.stored_at, false, merged.input, std::nullopt});
  }
  entries.push_back({entry_kind::note, run.id, d.time(), false, std::move(note), std::nullopt});
  run_has_ended ended{run,  settlement::cancelled, code, std::move(entries), {}, {}, settled_controls(by),
                      true, waiting.task.traceparent, d.time()};
  ended.evicted = room_for(d.now(), 1 + ended.controls.size());
  d.happened(std::move(ended));
  const auto id = hash_of_id(message_kind::task, run.id);
  if (was_delayed(d.durable(), id)) {
    let_wake_go(d, id);
  } else {
    settle_ack(d, message_kind::task, run.message, id);
  }
  settle_cancels(d, by, settlement::cancelled);
  turn_is_over(d, run.id, settlement::cancelled);
}

void meant_none(draft& d, held_control message) {
  if (message.before_open) return keep_early(d, std::move(message), {});
  settle_without_effect(d, message, verdict::unknown);
}

void aim_early(draft& d, const held_task& first) {
  // One that is delayed was not under way.
  if (first.task.not_before && *first.task.not_before > d.time()) return;
  const auto kept = d.hand().early;
  for (const auto& c : kept) {
    if (!c.run.empty()) continue;
    d.happened(early_was_used{c.message.seq});
    if (first.stored_at > c.message.stored_at) {
      settle_without_effect(d, c.message, verdict::unknown);
    } else {
      d.happened(early_was_kept{{c.message, first.task.id, c.until}});
    }
  }
}

void keep_early(draft& d, held_control message, const task_id& run) {
  if (d.hand().early.size() >= d.with().limits.early_max) {
    return settle_without_effect(d, message, verdict::unknown);
  }
  const auto until = d.time() + d.with().limits.early_kept;
  d.happened(early_was_kept{{std::move(message), run, until}});
  d.order(set_timer{timer::early, until, {}});
}

void carry_out_pending(draft& d) {
  if (d.hand().pending_cancels.empty()) return;
  const auto pending = d.hand().pending_cancels;
  for (const auto& c : pending) {
    if (std::ranges::find(d.hand().pending_cancels, c.message.seq, [](const pending_cancel& p) { return p.message.seq; }) ==
        d.hand().pending_cancels.end())
      continue;
    if (const auto* waiting = find_waiting(d.hand(), c.run)) {
      if (!waits_for_joined(d, c.run)) end_waiting(d, held_task{*waiting}, take_pending(d, c.run));
      continue;
    }
    if (const auto* stubbed = d.hand().backlog.find(hash_of_id(message_kind::task, c.run))) {
      const message_place place{message_kind::task, stubbed->seq};
      if (d.hand().reading.contains(place) || waits_for_joined(d, c.run)) continue;
      d.order(read_back{place});
      d.happened(read_back_was_asked{place});
      continue;
    }
    if (read_delayed_turn(d, c.run)) continue;
    // It has started meanwhile, has ended, or is gone.
    for (const auto& by : take_pending(d, c.run)) on_cancel(d, by);
  }
}

bool cancel_read_back(draft& d, const held_task& message) {
  const bool is_cancelled = std::ranges::find(d.hand().pending_cancels, message.task.id, &pending_cancel::run) != d.hand().pending_cancels.end();
  if (d.hand().backlog.find(message.seq) == nullptr || !is_cancelled) return false;
  d.happened(read_back_was_idle{{message_kind::task, message.seq}});
  if (waits_for_joined(d, message.task.id)) return true;
  const auto by = take_pending(d, message.task.id);
  d.happened(stub_was_taken{message.seq});
  end_waiting(d, message, by);
  return true;
}

void stub_is_gone(draft& d, stream_seq seq) {
  const auto* known = d.hand().backlog.find(seq);
  if (known == nullptr) return;
  const auto turn = known->id;
  const auto waiting = d.hand().pending_cancels;
  for (const auto& c : waiting) {
    if (hash_of_id(message_kind::task, c.run) != turn) continue;
    d.happened(cancel_was_taken_back{c.message.seq});
    settle_without_effect(d, c.message, verdict::unknown);
  }
  turn_is_over(d, turn, settlement::refused);
}

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

bool cancel_if_asked_early(draft& d, const held_task& message) {
  const auto asked = take_early_cancels(d, message.task.id);
  if (asked.empty()) return false;
  if (waits_for_joined(d, message.task.id)) {
    for (const auto& by : asked) put_aside(d, by, message.task.id);
    return false;
  }
  end_waiting(d, message, asked);
  return true;
}

void cancel_resumed_if_asked_early(draft& d) {
  const auto asked = take_early_cancels(d, d.hand().run->id);
  for (const auto& by : asked) d.happened(cancel_was_kept{by});
  if (is_stopped(d)) end_stopped(d);
}

bool is_stopped(const draft& d) { return !d.hand().cancels.empty() || !d.hand().run->stopped_by.empty(); }

void end_stopped(draft& d) {
  const auto& execution = d.hand().execution;
  if (execution && execution->at == in_flight::stage::launched) return ask_to_stop(d, in_flight{*execution});
  // The transcript is to hold all that the run was asked.
  if (!waits_for_joined(d, d.hand().run->id)) end_cancelled(d, {});
}

void drop_old_early(draft& d) {
  const auto kept = d.hand().early;
  std::optional<instant> first_left;
  bool is_any_due = false;
  for (const auto& c : kept) {
    if (c.until > d.time()) {
      first_left = std::min(first_left.value_or(c.until), c.until);
      continue;
    }
    is_any_due = true;
    d.happened(early_was_used{c.message.seq});
    settle_without_effect(d, c.message, verdict::unknown);
  }
  // It fired too early, by a clock that was set back. Whoever is not due yet has a timer of its own otherwise.
  if (first_left && !is_any_due) d.order(set_timer{timer::early, *first_left, {}});
}

void carry_out(draft& d, const held_control& message) {
  if (meets_joined(d, message)) return;
  if (auto why = recorded_refusal(d.durable(), message_kind::control, message.seq)) {
    return refuse(d, message, std::move(*why));
  }
  if (const auto* known = find_settled(d.durable(), hash_of(message))) {
    if (known->digest != message.control.digest) return refuse(d, message, {reason::task_conflict, "id"});
    return reply_and_ack(d, message, verdict::duplicate);
  }
  const auto waiting = waiting_digest(d.hand(), message.control.id);
  if (waiting && *waiting != message.control.digest) return refuse(d, message, {reason::task_conflict, "id"});
  // Said once, it is heard once.
  if (waiting && is_steer(message)) return reply_and_ack(d, message, verdict::duplicate);
  if (std::holds_alternative<phases::deleted>(d.durable().phase)) return refuse(d, message, {reason::deleted, {}});
  std::visit(overloaded{[&](const cancel&) { on_cancel(d, message); }, [&](const edit&) { on_edit(d, message); },
                        [&](const remove&) { on_remove(d, message); }, [&](const steer&) { on_steer(d, message); },
                        [&](const unstick&) { on_unstick(d, message); }},
             message.control.what);
}

/// What comes after a delete waits for it.
bool may_carry_out(const draft& d) {
  return !d.hand().delayed.removal && !is_held_up(d);
}

void on_control(draft& d, held_control message) {
  if (holds(d.hand(), message.seq)) return;
  if (d.hand().put_off.empty() && may_carry_out(d)) return carry_out(d, message);
  d.happened(control_was_put_off{std::move(message)});
}

void take_put_off(draft& d) {
  while (!d.hand().put_off.empty() && may_carry_out(d)) {
    const auto message = d.hand().put_off.front();
    d.happened(control_was_taken_up{});
    carry_out(d, message);
  }
}

} // namespace baton::session
