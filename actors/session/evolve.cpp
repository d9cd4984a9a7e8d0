#include <algorithm>

#include "actors/session/draft.hpp"

namespace baton::session {
namespace {

void evict(head& h, const std::vector<id_hash>& evicted) {
  std::erase_if(h.ledger, [&](const ledger_item& old) { return std::ranges::find(evicted, old.id) != evicted.end(); });
}

void settle(head& h, ledger_item item) {
  std::erase_if(h.busy.decided, [&](const decided_message& one) { return one.id == item.id; });
  std::erase_if(h.ledger, [&](const ledger_item& old) { return old.id == item.id; });
  h.ledger.push_back(item);
}

void end_run(head& h, const run_has_ended& e) {
  if (!e.was_queued) h.phase = phases::idle{};
  evict(h, e.evicted);
  settle(h, {e.known_as ? *e.known_as : hash_of_id(message_kind::task, e.run.id), e.run.digest, e.ended});
  for (const auto& control : e.controls) settle(h, control);
  h.outbox.insert(h.outbox.end(), e.outbox.begin(), e.outbox.end());
  h.last = last_run{e.run.id, e.ended, e.at, static_cast<std::uint32_t>(e.run.slice.value), e.code};
  h.runs += 1;
  h.entries += e.entries.size();
}

void apply_edit(head& h, const session_was_edited& e) {
  if (e.change.title) {
    h.title = *e.change.title;
    h.title_version += 1;
  }
  if (e.change.pinned) h.pinned = *e.change.pinned;
  for (const auto& [name, text] : e.change.labels) {
    if (text.empty()) {
      h.labels.erase(name);
    } else {
      h.labels[name] = text;
    }
  }
  evict(h, e.evicted);
  settle(h, e.by);
}

void decide(busy_record& busy, decided_message one) {
  std::erase_if(busy.decided, [&](const decided_message& old) { return old.id == one.id; });
  if (busy.decided.size() >= decided_max) busy.decided.erase(busy.decided.begin());
  busy.decided.push_back(one);
}

void release(std::vector<joined_message>& joined, const std::vector<message_place>& places) {
  std::erase_if(joined, [&](const joined_message& one) { return std::ranges::find(places, one.place) != places.end(); });
}

void become_tombstone(head& h, const session_was_deleted& e) {
  h.busy = {};
  evict(h, e.evicted);
  if (e.run) settle(h, {hash_of_id(message_kind::task, e.run->id), e.run->digest, settlement::cancelled});
  for (const auto& control : e.controls) settle(h, control);
  h.phase = phases::deleted{e.at};
  h.last.reset();
  h.title.clear();
  h.title_version += 1;
  h.pinned = false;
  h.labels.clear();
  h.context_from = {};
  h.entries = 0;
}

void touch(head& h, instant at) {
  if (h.created_at == instant{}) h.created_at = at;
  h.changed_at = at;
}

void start_waiting(hand& hand, const slot_was_wanted& e) {
  hand.execution = in_flight{};
  hand.execution->id = e.execution;
  hand.execution->store_first = e.store_first;
}

void start_slice(hand& hand) {
  hand.execution->at = in_flight::stage::launched;
  hand.run->execution = hand.execution->id;
  hand.run->slice = next(hand.run->slice);
}

void forget_message(hand& hand, stream_seq seq) {
  std::erase_if(hand.queue, [&](const held_task& m) { return m.seq == seq; });
  hand.backlog.remove(seq);
  std::erase_if(hand.steers, [&](const waiting_steer& s) { return place_of(s) == message_place{message_kind::task, seq}; });
}

/// What a durable event makes of the head.
struct head_after {
  head& h;

  void operator()(const session_was_taken& e) const {
    touch(h, e.at);
    if (e.cut_off) h.phase = phases::running{*e.cut_off};
  }
  void operator()(const slice_was_started& e) const {
    touch(h, e.at);
    h.phase = phases::running{e.run};
    h.entries += e.entries.size();
  }
  void operator()(const checkpoint_was_stored& e) const {
    touch(h, e.at);
    h.phase = phases::running{e.run};
    h.entries += e.entries.size();
  }
  void operator()(const run_was_yielded& e) const {
    touch(h, e.at);
    h.phase = phases::yielded{e.run};
    h.entries += e.entries.size();
  }
  void operator()(const execution_was_lost& e) const {
    touch(h, e.at);
    h.phase = phases::running{e.run};
  }
  void operator()(const retry_was_scheduled& e) const {
    touch(h, e.at);
    h.phase = phases::retry_wait{e.run, e.due};
  }
  void operator()(const retry_was_hastened& e) const {
    touch(h, e.at);
    h.phase = phases::retry_wait{e.run, e.at};
  }
  void operator()(const run_has_ended& e) const {
    touch(h, e.at);
    end_run(h, e);
  }
  void operator()(const message_was_disposed& e) const {
    touch(h, e.at);
    // What was to join the run keeps its place among those that wait.
    const bool waits = e.as == disposition::next_turn || e.as == disposition::interrupted || e.as == disposition::rolled_back;
    if (waits) decide(h.busy, {hash_of_id(message_kind::task, e.id), e.as == disposition::next_turn});
  }
  void operator()(const message_has_joined& e) const {
    touch(h, e.at);
    evict(h, e.evicted);
    settle(h, {e.joined.id, e.digest, settlement::joined});
    h.busy.joined.push_back(e.joined);
    h.entries += e.entries.size();
  }
  void operator()(const joined_were_released& e) const {
    touch(h, e.at);
    release(h.busy.joined, e.places);
  }
  void operator()(const joined_were_undone& e) const {
    touch(h, e.at);
    for (const auto& one : e.joined) {
      std::erase(h.busy.joined, one);
      std::erase_if(h.ledger, [&](const ledger_item& item) { return item.id == one.id; });
      decide(h.busy, {one.id, false});
    }
  }
  void operator()(const run_was_noted& e) const {
    touch(h, e.at);
    std::visit(overloaded{[&](phases::running& p) { p.run = e.run; }, [&](phases::retry_wait& p) { p.run = e.run; },
                          [&](phases::yielded& p) { p.run = e.run; }, [&](const auto&) { h.phase = phases::running{e.run}; }},
               h.phase);
  }
  void operator()(const turns_were_replaced& e) const {
    touch(h, e.at);
    h.busy.replaced_until = e.until;
    h.busy.replaced_at = e.stored_at;
    h.busy.replaced_by = e.by;
    decide(h.busy, {hash_of_id(message_kind::task, e.by), false});
  }
  void operator()(const replacing_was_done& e) const {
    touch(h, e.at);
    h.busy.replaced_until = {};
    h.busy.replaced_at = {};
    h.busy.replaced_by = {};
  }
  void operator()(const turn_was_delayed& e) const {
    touch(h, e.at);
    h.spilled.push_back(e.turn);
    h.entries += 1;
  }
  void operator()(const delayed_was_let_go& e) const {
    touch(h, e.at);
    std::erase_if(h.spilled, [&](const spilled_turn& turn) { return turn.id == e.id; });
  }
  void operator()(const outbox_was_delivered& e) const {
    touch(h, e.at);
    std::erase_if(h.outbox, [&](const outbox_item& item) { return item.id == e.item; });
  }
  void operator()(const session_was_edited& e) const {
    touch(h, e.at);
    apply_edit(h, e);
  }
  void operator()(const control_was_settled& e) const { record(e); }
  void operator()(const refusal_was_recorded& e) const { record(e); }
  void operator()(const session_was_deleted& e) const {
    touch(h, e.at);
    become_tombstone(h, e);
  }
  template <class InHandOnly>
  void operator()(const InHandOnly&) const {}

  template <class Recorded>
  void record(const Recorded& e) const {
    touch(h, e.at);
    evict(h, e.evicted);
    settle(h, e.by);
  }
};

/// What a durable event means for what is in hand.
struct hand_after {
  session::hand& hand;

  void operator()(const session_was_taken&) const {}
  void operator()(const slice_was_started& e) const {
    hand.run = e.run;
    if (hand.execution) hand.execution->stored = true;
  }
  void operator()(const checkpoint_was_stored& e) const {
    hand.run = e.run;
    if (!hand.execution) return;
    hand.execution->stored = true;
    hand.execution->boundaries += 1;
  }
  void operator()(const run_was_yielded& e) const {
    hand.run = e.run;
    hand.execution.reset();
  }
  void operator()(const execution_was_lost& e) const {
    hand.run = e.run;
    hand.execution.reset();
  }
  void operator()(const retry_was_scheduled& e) const {
    hand.run = e.run;
    hand.execution.reset();
  }
  void operator()(const retry_was_hastened&) const {}
  void operator()(const run_has_ended& e) const {
    if (e.was_queued) return forget_message(hand, e.run.message);
    hand.run.reset();
    hand.current.reset();
    hand.execution.reset();
    hand.cancels.clear();
  }
  void operator()(const message_was_disposed&) const {}
  void operator()(const message_has_joined& e) const {
    if (e.joined.place.kind == message_kind::task) saw(e.joined.place.seq);
    let_go(e.joined.place);
    hand.joined[e.joined.place] = steer_input{e.id, e.input};
    if (e.ready_at && !hand.queue.empty()) hand.queue.back().ready_at = e.ready_at;
  }
  void operator()(const joined_were_released& e) const {
    for (const auto& place : e.places) {
      hand.joined.erase(place);
      hand.reading.erase(place);
    }
  }
  void operator()(const run_was_noted& e) const { hand.run = e.run; }
  void operator()(const joined_were_undone& e) const {
    for (const auto& one : e.joined) {
      hand.joined.erase(one.place);
      hand.reading.erase(one.place);
    }
  }
  void operator()(const turns_were_replaced&) const { hand.saw_replacing = true; }
  void operator()(const replacing_was_done&) const {}
  void operator()(const turn_was_delayed& e) const { await_wake(e.message, e.turn.id); }
  void operator()(const delayed_was_let_go& e) const { hand.delayed.leaving.erase(e.id); }
  void operator()(const outbox_was_delivered& e) const { hand.ack_after.erase(e.item); }
  void operator()(const session_was_edited&) const {}
  void operator()(const control_was_settled&) const {}
  void operator()(const refusal_was_recorded&) const {}
  void operator()(const session_was_deleted&) const {
    hand.run.reset();
    hand.current.reset();
    hand.execution.reset();
    hand.cancels.clear();
    hand.queue.clear();
    hand.steers.clear();
    hand.joined.clear();
    hand.pending_cancels.clear();
  }

  void operator()(task_was_held& e) const {
    saw(e.message.seq);
    hand.queue.push_back(std::move(e.message));
  }
  void operator()(const task_was_stubbed& e) const {
    saw(e.message.seq);
    hand.backlog.add(e.message);
  }
  void operator()(const stub_was_taken& e) const {
    hand.reading.erase({message_kind::task, e.seq});
    hand.backlog.remove(e.seq);
  }
  void operator()(const read_back_was_idle& e) const { hand.reading.erase(e.place); }
  void operator()(cancel_was_put_aside& e) const { hand.pending_cancels.push_back(std::move(e.cancel)); }
  void operator()(const cancel_was_taken_back& e) const {
    std::erase_if(hand.pending_cancels, [&](const pending_cancel& c) { return c.message.seq == e.seq; });
  }
  void operator()(const replacing_turn_has_come&) const { hand.saw_replacing = true; }
  void operator()(steer_was_kept& e) const {
    if (const auto* t = std::get_if<held_task>(&e.message.message)) saw(t->seq);
    hand.steers.push_back(std::move(e.message));
  }
  void operator()(const steer_became_turn& e) const {
    const auto found = std::ranges::find(hand.steers, e.place, place_of);
    auto turn = std::get<held_task>(std::move(found->message));
    hand.steers.erase(found);
    const auto after = std::ranges::find_if(hand.queue, [&](const held_task& m) { return m.seq > turn.seq; });
    hand.queue.insert(after, std::move(turn));
  }
  void operator()(const steer_was_let_go& e) const { let_go(e.place); }
  void operator()(joined_has_come& e) const {
    hand.reading.erase(e.place);
    hand.joined[e.place] = std::move(e.words);
  }
  void operator()(const joined_is_gone& e) const {
    hand.reading.erase(e.place);
    hand.joined[e.place] = std::nullopt;
  }
  void operator()(const turn_was_made_ready&) const { hand.queue.front().ready_at.reset(); }
  void operator()(const turn_was_timed& e) const { hand.debounce_timer = e.due; }
  void operator()(const read_back_was_asked& e) const { hand.reading.insert(e.place); }
  void operator()(read_back_has_come& e) const {
    hand.reading.erase({message_kind::task, e.message.seq});
    // Only the first may go on; what was read for another reason is read again in its turn.
    if (hand.backlog.empty() || hand.backlog.front().seq != e.message.seq) return;
    const auto known = hand.backlog.front();
    hand.queue.push_back(std::move(e.message));
    hand.queue.back().after_crash = known.after_crash;
    hand.queue.back().has_waited = known.has_waited;
    hand.queue.back().ready_at = known.ready_at;
    hand.backlog.remove(known.seq);
  }
  void operator()(const read_back_has_failed& e) const {
    hand.reading.erase(e.place);
    if (e.place.kind == message_kind::task) forget_message(hand, e.place.seq);
  }
  void operator()(const task_was_dropped& e) const { forget_message(hand, e.seq); }
  void operator()(run_was_taken_up& e) const {
    hand.run = std::move(e.run);
    hand.current = std::move(hand.queue.front());
    hand.queue.pop_front();
  }
  void operator()(const retry_was_timed& e) const { hand.retry_timer = e.due; }
  void operator()(const slot_was_wanted& e) const { start_waiting(hand, e); }
  void operator()(const slice_was_launched&) const { start_slice(hand); }
  void operator()(const execution_was_dropped&) const { hand.execution.reset(); }
  void operator()(const execution_was_asked& e) const {
    if (hand.execution) hand.execution->asked = e.order;
  }
  void operator()(cancel_was_kept& e) const { hand.cancels.push_back(std::move(e.message)); }
  void operator()(early_was_kept& e) const { hand.early.push_back(std::move(e.kept)); }
  void operator()(const early_was_used& e) const {
    std::erase_if(hand.early, [&](const early_message& c) { return c.message.seq == e.seq; });
  }
  void operator()(const control_was_put_off& e) const { hand.put_off.push_back(e.message); }
  void operator()(const control_was_taken_up&) const { hand.put_off.pop_front(); }
  void operator()(message_was_refused& e) const {
    if (e.kind == message_kind::task) saw(e.seq);
    (e.kind == message_kind::task ? hand.refused_tasks : hand.refused_controls)[e.seq] = std::move(e.refused);
  }
  void operator()(const refusal_was_buried& e) const {
    (e.kind == message_kind::task ? hand.refused_tasks : hand.refused_controls).erase(e.seq);
  }
  void operator()(const ack_was_wanted& e) const {
    if (e.kind == message_kind::task) saw(e.seq);
    (e.kind == message_kind::task ? hand.unconfirmed_tasks : hand.unconfirmed_controls)[e.seq] = e.id;
  }
  void operator()(const ack_was_put_off& e) const {
    saw(e.seq);
    hand.ack_after[e.item] = e.seq;
  }
  void operator()(const ack_was_confirmed& e) const {
    (e.kind == message_kind::task ? hand.unconfirmed_tasks : hand.unconfirmed_controls).erase(e.seq);
  }
  void operator()(acks_were_left_open& e) const {
    hand.maybe_open.insert(hand.maybe_open.end(), e.open.begin(), e.open.end());
  }
  void operator()(const queue_was_passed& e) const {
    std::erase_if(hand.maybe_open, [&](const open_ack& open) { return open.kind == e.kind && open.seq <= e.seq; });
  }
  void operator()(const drain_was_asked&) const { hand.draining = true; }
  void operator()(const delayed_came_again& e) const { await_wake(e.seq, e.id); }
  void operator()(const delayed_wake_was_stored& e) const {
    std::erase_if(hand.delayed.before_wake, [&](const delayed_in_hand::message& m) { return m.id == e.id; });
  }
  void operator()(const delayed_wake_was_kept& e) const { hand.delayed.kept_wakes.insert(e.key); }
  void operator()(const kept_wakes_were_let_go&) const { hand.delayed.kept_wakes.clear(); }
  void operator()(const delayed_is_leaving& e) const { hand.delayed.leaving.insert(e.id); }
  void operator()(const delayed_read_was_asked& e) const { hand.delayed.reading.insert(e.stored); }
  void operator()(const delayed_read_has_come& e) const { hand.delayed.reading.erase(e.stored); }
  void operator()(delayed_was_taken_up& e) const {
    hand.run = std::move(e.run);
    hand.current = std::move(e.message);
  }
  void operator()(const delayed_was_timed& e) const { hand.delayed.is_timed = e.is_set; }
  void operator()(const removal_was_put_off& e) const { hand.delayed.removal = e.message; }
  void operator()(const removal_was_taken_up&) const { hand.delayed.removal.reset(); }
  /// Needs the head too: see `evolve`.
  void operator()(const current_was_redelivered& e) const { saw(e.message.seq); }

  void let_go(message_place steer) const {
    std::erase_if(hand.steers, [&](const waiting_steer& s) { return place_of(s) == steer; });
  }
  /// It is settled as far as the queue goes: not to be forgotten before its acknowledgement is confirmed.
  void await_wake(stream_seq message, id_hash id) const {
    saw(message);
    hand.delayed.before_wake.push_back({message, id});
    hand.unconfirmed_tasks[message] = id;
  }
  void saw(stream_seq task) const { hand.highest_task = std::max(hand.highest_task, task); }
};

} // namespace

const run_record* stored_run(const head& h) {
  return std::visit(overloaded{[](const phases::idle&) -> const run_record* { return nullptr; },
                               [](const phases::running& p) { return &p.run; },
                               [](const phases::retry_wait& p) { return &p.run; },
                               [](const phases::yielded& p) { return &p.run; },
                               [](const phases::deleted&) -> const run_record* { return nullptr; }},
                    h.phase);
}

message_place place_of(const waiting_steer& s) {
  return std::visit(overloaded{[](const held_task& m) { return message_place{message_kind::task, m.seq}; },
                               [](const held_control& m) { return message_place{message_kind::control, m.seq}; }},
                    s.message);
}

bool runs_nothing(const state& s) {
  return !s.hand.execution || s.hand.execution->at == in_flight::stage::queued;
}

bool is_quiet(const state& s) {
  const auto& h = s.hand;
  return !h.current && !h.run && !h.execution && h.queue.empty() && h.backlog.empty() && h.cancels.empty() &&
         h.early.empty() && h.pending_cancels.empty() && h.put_off.empty() && h.steers.empty() && s.head.busy.joined.empty() && h.unconfirmed_tasks.empty() && h.unconfirmed_controls.empty() && h.refused_tasks.empty() &&
         h.refused_controls.empty() && h.ack_after.empty() && s.head.outbox.empty() &&
         std::ranges::none_of(s.head.spilled, [&](const spilled_turn& turn) { return has_ended(s.head, turn); }) &&
         h.delayed.before_wake.empty() && h.delayed.reading.empty() && h.delayed.kept_wakes.empty() && !h.delayed.is_timed && !h.delayed.removal;
}

bool is_durable(const event& e) {
  static const auto last = event{session_was_deleted{}}.index();
  return e.index() <= last;
}

void evolve_head(head& h, const event& e) { std::visit(head_after{h}, e); }

void evolve(state& s, event& e) {
  evolve_head(s.head, e);
  std::visit(hand_after{s.hand}, e);
  if (auto* came = std::get_if<current_was_redelivered>(&e)) {
    s.hand.current = std::move(came->message);
    if (const auto* run = stored_run(s.head)) s.hand.run = *run;
    if (s.hand.run) s.hand.run->message = s.hand.current->seq;
  }
}

} // namespace baton::session
