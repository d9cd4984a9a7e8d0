// Turns that are not to start before their time. One commit puts the whole task into the log as a hidden entry, and what is
// needed to find it into the head; then its wake is stored, then its message is acknowledged: from there on the log and the wake
// stand for the message. When its time has come the task is read back, and goes before the turns that have not started.
//
// Its message is gone then, so nothing but the log can tell of the turn after a crash: the head knows it until its producer is
// answered, its dead letter, if there is one, stored, and its wake removed.
#include "actors/session/delayed.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "actors/session/transcript.hpp"

namespace baton::session {
namespace {

constexpr std::string_view what_for = "delayed turn";

void append_hex(std::string& to, std::uint64_t n) {
  char digits[16];
  const auto* end = std::to_chars(digits, digits + sizeof digits, n, 16).ptr;
  const auto size = static_cast<std::size_t>(end - digits);
  to.append(sizeof digits - size, '0').append(digits, size);
}

/// From the task's id alone: asked for twice, it is the same wake.
wake_key key_of(id_hash id) {
  std::string text = "turn-";
  append_hex(text, id.high);
  append_hex(text, id.low);
  return wake_key::parse(text).value();
}

void want_wake_of(draft& d, id_hash id, instant due) { d.order(want_wake{key_of(id), {due, std::string{what_for}}}); }

const spilled_turn* find_by_key(const head& h, const wake_key& key) {
  const auto found = std::ranges::find_if(h.spilled, [&](const spilled_turn& turn) { return key_of(turn.id) == key; });
  return found == h.spilled.end() ? nullptr : &*found;
}

const spilled_turn* find_stored(const head& h, stream_seq stored) {
  const auto found = std::ranges::find(h.spilled, stored, &spilled_turn::stored);
  return found == h.spilled.end() ? nullptr : &*found;
}

/// Its wake stands for it; not that of a turn that has ended.
bool needs_wake(const head& h, const wake_key& key) {
  const auto* turn = find_by_key(h, key);
  return turn != nullptr && !has_ended(h, *turn);
}

value status_of(const spilled_turn& turn) {
  return value::object{{"status", "delayed"}, {"not_before", std::int64_t{turn.not_before.time_since_epoch().count()}}};
}

bool is_run_of(const run_record* run, const spilled_turn& turn) {
  return run != nullptr && hash_of_id(message_kind::task, run->id) == turn.id;
}

/// It has begun, here or as far as the log knows.
bool is_under_way(const draft& d, const spilled_turn& turn) {
  return is_run_of(stored_run(d.durable()), turn) || is_run_of(d.hand().run ? &*d.hand().run : nullptr, turn);
}

/// Nothing of it is to be read back: all that its end needs is in hand.
bool is_in_hand(const draft& d, const spilled_turn& turn) {
  return d.hand().current && is_run_of(d.hand().run ? &*d.hand().run : nullptr, turn);
}

/// The first that is due, in an order that any owner finds again.
const spilled_turn* first_due(const draft& d) {
  const spilled_turn* first = nullptr;
  for (const auto& turn : d.durable().spilled) {
    if (turn.not_before > d.time() || has_ended(d.durable(), turn)) continue;
    if (first == nullptr || std::tie(turn.not_before, turn.stored) < std::tie(first->not_before, first->stored)) first = &turn;
  }
  return first;
}

void read(draft& d, stream_seq stored) {
  if (d.hand().delayed.reading.contains(stored)) return;
  d.order(read_delayed{stored});
  d.happened(delayed_read_was_asked{stored});
}

std::optional<refusal> objection(const draft& d, const task& t) {
  if (*t.not_before - d.time() > d.with().limits.delay_max) return refusal{reason::invalid_not_before, std::string{delay_max_detail}};
  const auto& all = d.durable().spilled;
  const auto waiting = std::ranges::count_if(all, [&](const spilled_turn& turn) { return !has_ended(d.durable(), turn); });
  const bool has_place = all.size() < spilled_max || !d.hand().delayed.leaving.empty();
  if (has_place && static_cast<std::size_t>(waiting) < d.with().limits.delayed_max) return std::nullopt;
  return refusal{reason::backlog_full, std::string{delayed_max_detail}};
}

/// What waits for the wake of this turn.
void acknowledge_waiting(draft& d, id_hash id) {
  const auto waiting = d.hand().delayed.before_wake;
  d.happened(delayed_wake_was_stored{id});
  for (const auto& m : waiting) {
    if (m.id == id) settle_ack(d, message_kind::task, m.seq, id);
  }
}

void take_back(draft& d, held_task message, const spilled_turn& turn) {
  if (is_run_of(stored_run(d.durable()), turn)) {
    if (d.hand().current) return;
    d.happened(current_was_redelivered{std::move(message)});
    return cancel_resumed_if_asked_early(d);
  }
  if (is_under_way(d, turn)) return;
  const auto by = take_pending(d, message.task.id);
  if (!by.empty()) return end_waiting(d, message, by);
  if (d.hand().delayed.removal) return end_waiting(d, message, {}, reason::deleted);
  const auto* first = first_due(d);
  const bool is_its_turn = first != nullptr && first->id == turn.id && !d.hand().run && stored_run(d.durable()) == nullptr;
  // Else it is read again when it is.
  if (is_its_turn && may_start(d)) take_up(d, std::move(message));
}

const outbox_item* owed_to(const head& h, id_hash id) {
  const auto found = std::ranges::find_if(h.outbox, [&](const outbox_item& item) { return hash_of_id(message_kind::task, item.run) == id; });
  return found == h.outbox.end() ? nullptr : &*found;
}

/// What follows its end is done, or is being done, in this life.
bool is_seen_to(const draft& d, const spilled_turn& turn) {
  const auto& in_hand = d.hand().delayed;
  return in_hand.leaving.contains(turn.id) || in_hand.kept_wakes.contains(key_of(turn.id));
}

/// What followed its end before a crash, as far as that may not have been done. `message`: nullptr if it cannot be read.
void see_to_end_again(draft& d, const spilled_turn& turn, const held_task* message) {
  if (is_seen_to(d, turn)) return;
  if (const auto* item = owed_to(d.durable(), turn.id)) {
    auto letter = letter_of(d.now(), *item);
    d.order(bury{message_kind::task, message == nullptr ? std::move(letter) : with_payload(std::move(letter), message->task), item->id});
  }
  if (message != nullptr && !message->task.reply_to.empty()) {
    const auto ended = find_settled(d.durable(), turn.id)->ended;
    d.order(send_answer{message->task.reply_to, message->task.encoding,
                        answer_to(message->task.id, verdict::duplicate, final_status(ended))});
  }
  let_wake_go(d, turn.id);
}

final_end unreadable_end() {
  return {{}, settlement::failed, reason::log_unreadable, "the turn's task cannot be read out of the session's log", {}, {}, true};
}

/// Of a run that the log knows of; its task is never to come.
void end_unreadable_run(draft& d) {
  const auto& run = *stored_run(d.durable());
  held_task missing;
  missing.task.id = run.id;
  missing.task.digest = run.digest;
  missing.seq = run.message;
  d.happened(current_was_redelivered{std::move(missing)});
  end_run(d, unreadable_end());
}

/// Of a turn that waits. If its id is lost, it goes by its wake's name.
void end_unreadable_turn(draft& d, const spilled_turn& turn, const delayed_was_unreadable& in) {
  const bool is_known = hash_of_id(message_kind::task, in.id) == turn.id;
  run_record run;
  run.id = is_known ? in.id : task_id::parse(key_of(turn.id).text()).value();
  if (is_known) run.message = in.message;
  run.digest = turn.digest;
  const auto end = unreadable_end();
  value::object note{{"ended", "failed"}, {"code", to_text(*end.code)}, {"text", end.text}};
  run_has_ended ended{run, end.ended, end.code, {{entry_kind::note, run.id, d.time(), false, std::move(note), std::nullopt}}, {}, {}, {},
                      true, {}, d.time(), turn.id};
  ended.outbox.push_back(dead_letter_item(d, run, end));
  if (!is_known) ended.outbox.front().id = "dead." + run.id.text();
  ended.evicted = room_for(d.now(), 1);
  const auto item = ended.outbox.front();
  d.happened(std::move(ended));
  d.order(bury{message_kind::task, letter_of(d.now(), item), item.id});
  let_wake_go(d, turn.id);
  turn_is_over(d, turn.id, settlement::failed);
}

/// False: it is read again once a letter that the outbox owes is stored.
bool end_unreadable(draft& d, const spilled_turn& turn, const delayed_was_unreadable& in) {
  if (has_ended(d.durable(), turn)) {
    see_to_end_again(d, turn, nullptr);
    return true;
  }
  if (d.durable().outbox.size() >= outbox_max) return false;
  if (is_in_hand(d, turn)) return true;
  if (is_run_of(stored_run(d.durable()), turn)) {
    end_unreadable_run(d);
  } else {
    end_unreadable_turn(d, turn, in);
  }
  return true;
}

/// The run in hand, a delayed one, ends with the session.
void end_with_session(draft& d) {
  const auto& execution = d.hand().execution;
  if (execution && execution->at == in_flight::stage::launched) d.order(abort_execution{execution->id, "the session was deleted"});
  end_run(d, {{}, settlement::cancelled, reason::deleted, {}, {}, {}});
}

} // namespace

bool delay_if_early(draft& d, const held_task& message) {
  const auto& t = message.task;
  if (!t.not_before || *t.not_before <= d.time()) return false;
  if (auto why = objection(d, t)) {
    refuse(d, message, std::move(*why));
    return true;
  }
  const auto id = hash_of_id(message_kind::task, t.id);
  const spilled_turn turn{id, t.digest, {}, *t.not_before};
  // One that nothing is owed for any more makes room for it.
  if (d.durable().spilled.size() >= spilled_max) d.happened(delayed_was_let_go{*d.hand().delayed.leaving.begin(), d.time()});
  // What runs has started before, whoever owns the session when this one is due.
  const auto& execution = d.hand().execution;
  if (execution && execution->at == in_flight::stage::launched && !execution->stored) {
    d.happened(slice_was_started{*d.hand().run, {}, d.time()});
  }
  d.happened(turn_was_delayed{turn, t.id, message.seq, entry_of_delayed(message, d.time()), d.time()});
  want_wake_of(d, id, turn.not_before);
  // However long the wake takes, the message keeps no others out.
  d.order(lighten{{message_kind::task, message.seq}});
  refuse_steers(d, t.id, status_of(turn));
  return true;
}

bool meets_delayed(draft& d, const held_task& message, bool is_own) {
  if (d.durable().spilled.empty()) return false;
  const auto id = hash_of_id(message_kind::task, message.task.id);
  const auto* known = find_delayed(d.durable(), id);
  if (known == nullptr) return false;
  if (known->digest != message.task.digest) {
    refuse(d, message, {reason::task_conflict, "id"});
    return true;
  }
  if (!is_own && !message.task.reply_to.empty()) {
    d.order(send_answer{message.task.reply_to, message.task.encoding,
                        answer_to(message.task.id, verdict::duplicate, is_under_way(d, *known) ? value{} : status_of(*known))});
  }
  // Its own, perhaps: not before the wake is stored, which a crash may have left undone.
  want_wake_of(d, id, known->not_before);
  d.order(lighten{{message_kind::task, message.seq}});
  d.happened(delayed_came_again{message.seq, id});
  return true;
}

void take_up_delayed(draft& d) {
  const auto turns = d.durable().spilled;
  if (turns.empty()) return;
  for (const auto& turn : turns) {
    if (has_ended(d.durable(), turn)) {
      read(d, turn.stored);
    } else {
      // Whatever became of the wakes: the turns are not lost with them.
      want_wake_of(d, turn.id, turn.not_before);
    }
  }
  proceed(d);
}

void on_wake_stored(draft& d, const wake_stored& in) {
  // Those of a turn that has ended wait for what the session owes.
  if (d.hand().delayed.kept_wakes.contains(in.key) && !needs_wake(d.durable(), in.key)) return;
  const auto& waiting = d.hand().delayed.before_wake;
  const auto found = std::ranges::find_if(waiting, [&](const delayed_in_hand::message& m) { return key_of(m.id) == in.key; });
  if (found != waiting.end()) acknowledge_waiting(d, found->id);
}

void on_wake_removed(draft& d, const wake_removed& in) {
  const auto* turn = find_by_key(d.durable(), in.key);
  // Another turn may have come under the same id meanwhile.
  if (turn == nullptr || !has_ended(d.durable(), *turn)) return;
  d.happened(delayed_was_let_go{turn->id, d.time()});
  take_put_off(d);
  proceed(d);
}

void on_wake_fired(draft& d, const wake_fired& in) {
  const auto* turn = find_by_key(d.durable(), in.key);
  if (turn == nullptr) {
    d.happened(delayed_wake_was_kept{in.key});
    return let_kept_wakes_go(d);
  }
  // It is being seen to.
  if (has_ended(d.durable(), *turn)) return;
  if (turn->not_before > d.time() && !d.hand().delayed.is_timed) {
    d.order(set_timer{timer::delayed, turn->not_before, {}});
    d.happened(delayed_was_timed{true});
  }
  proceed(d);
}

void on_delayed_timer(draft& d) {
  d.happened(delayed_was_timed{false});
  proceed(d);
}

void let_wake_go(draft& d, id_hash id) {
  d.happened(delayed_wake_was_kept{key_of(id)});
  let_kept_wakes_go(d);
}

void let_kept_wakes_go(draft& d) {
  if (!d.durable().outbox.empty() || d.hand().delayed.kept_wakes.empty()) return;
  const auto keys = d.hand().delayed.kept_wakes;
  d.happened(kept_wakes_were_let_go{});
  const auto waiting = d.hand().delayed.before_wake;
  for (const auto& m : waiting) {
    if (keys.contains(key_of(m.id)) && find_delayed(d.durable(), m.id) == nullptr) acknowledge_waiting(d, m.id);
  }
  for (const auto& key : keys) {
    // Another turn may have come under the same id meanwhile.
    if (needs_wake(d.durable(), key)) continue;
    if (const auto* turn = find_by_key(d.durable(), key)) d.happened(delayed_is_leaving{turn->id});
    d.order_last(unwant_wake{key});
  }
}

bool delayed_goes_first(draft& d) {
  const auto* turn = first_due(d);
  if (turn == nullptr) return false;
  read(d, turn->stored);
  return true;
}

void read_delayed_run(draft& d) {
  if (d.durable().spilled.empty()) return;
  const auto* run = stored_run(d.durable());
  if (const auto* turn = find_delayed(d.durable(), hash_of_id(message_kind::task, run->id))) read(d, turn->stored);
}

bool read_delayed_turn(draft& d, const task_id& id) {
  if (d.durable().spilled.empty()) return false;
  const auto* turn = find_delayed(d.durable(), hash_of_id(message_kind::task, id));
  if (turn == nullptr || is_under_way(d, *turn)) return false;
  read(d, turn->stored);
  return true;
}

std::optional<value> delayed_status(const draft& d, const task_id& id) {
  if (d.durable().spilled.empty()) return std::nullopt;
  const auto* turn = find_delayed(d.durable(), hash_of_id(message_kind::task, id));
  if (turn == nullptr || is_under_way(d, *turn)) return std::nullopt;
  return status_of(*turn);
}

void on_delayed_read(draft& d, delayed_was_read in) {
  d.happened(delayed_read_has_come{in.stored});
  // Else it has ended meanwhile, and is forgotten.
  if (const auto* known = find_stored(d.durable(), in.stored)) {
    const spilled_turn turn = *known;
    const auto& id = in.message.task.id;
    if (hash_of_id(message_kind::task, id) != turn.id) {
      if (!end_unreadable(d, turn, {in.stored, id, {}})) return;
    } else if (has_ended(d.durable(), turn)) {
      see_to_end_again(d, turn, &in.message);
    } else {
      take_back(d, std::move(in.message), turn);
    }
  }
  proceed(d);
}

void on_delayed_unreadable(draft& d, const delayed_was_unreadable& in) {
  d.happened(delayed_read_has_come{in.stored});
  if (const auto* known = find_stored(d.durable(), in.stored)) {
    if (!end_unreadable(d, spilled_turn{*known}, in)) return;
  }
  proceed(d);
}

bool puts_off_removal(draft& d, const held_control& message) {
  if (d.durable().spilled.empty()) return false;
  d.happened(removal_was_put_off{message});
  return true;
}

void go_on_removing(draft& d) {
  if (!d.hand().delayed.removal || is_held_up(d)) return;
  const auto turns = d.durable().spilled;
  for (const auto& turn : turns) {
    if (has_ended(d.durable(), turn)) continue;
    if (!is_in_hand(d, turn)) return read(d, turn.stored);
    // The run may be one that something joined which is still read back.
    if (waits_for_joined(d, d.hand().run->id)) return;
    return end_with_session(d);
  }
  if (!turns.empty()) return;
  const auto message = *d.hand().delayed.removal;
  d.happened(removal_was_taken_up{});
  remove_session(d, message);
  take_put_off(d);
}

} // namespace baton::session
