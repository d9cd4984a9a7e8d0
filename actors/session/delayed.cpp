// Turns that are not to start before their time. One commit puts the whole task into the log as a hidden entry, and what is
// needed to find it into the head; then its wake is stored, then its message is acknowledged: from there on the log and the wake
// stand for the message. When its time has come the task is read back, and goes before the turns that have not started.
#include "actors/session/delayed.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "actors/session/delays.hpp"

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
    if (turn.not_before > d.time()) continue;
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
  if (d.durable().spilled.size() < d.with().limits.delayed_max) return std::nullopt;
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
  d.happened(turn_was_delayed{turn, t.id, message.seq, entry_of_delayed(message, d.time()), d.time()});
  want_wake_of(d, id, turn.not_before);
  refuse_steers(d, t.id, status_of(turn));
  return true;
}

bool meets_delayed(draft& d, const held_task& message) {
  if (d.durable().spilled.empty()) return false;
  const auto id = hash_of_id(message_kind::task, message.task.id);
  const auto* known = find_delayed(d.durable(), id);
  if (known == nullptr) return false;
  if (known->digest != message.task.digest) {
    refuse(d, message, {reason::task_conflict, "id"});
    return true;
  }
  if (!message.task.reply_to.empty()) {
    d.order(send_answer{message.task.reply_to, message.task.encoding,
                        answer_to(message.task.id, verdict::duplicate, is_under_way(d, *known) ? value{} : status_of(*known))});
  }
  // Its own, perhaps: not before the wake is stored, which a crash may have left undone.
  want_wake_of(d, id, known->not_before);
  d.order(lighten{{message_kind::task, message.seq}});
  d.happened(delayed_came_again{message.seq, id});
  return true;
}

void take_up_delays(draft& d) {
  if (d.durable().spilled.empty()) return;
  // Whatever became of the wakes: the turns are not lost with them.
  for (const auto& turn : d.durable().spilled) want_wake_of(d, turn.id, turn.not_before);
  proceed(d);
}

void on_wake_stored(draft& d, const wake_stored& in) {
  // Those of a turn that has ended wait for what the session owes.
  if (d.hand().delayed.kept_wakes.contains(in.key) && find_by_key(d.durable(), in.key) == nullptr) return;
  const auto& waiting = d.hand().delayed.before_wake;
  const auto found = std::ranges::find_if(waiting, [&](const delays::message& m) { return key_of(m.id) == in.key; });
  if (found != waiting.end()) acknowledge_waiting(d, found->id);
}

void on_wake_fired(draft& d, const wake_fired& in) {
  const auto* turn = find_by_key(d.durable(), in.key);
  if (turn == nullptr) {
    d.happened(delayed_wake_was_kept{in.key});
    return let_kept_wakes_go(d);
  }
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
    if (find_by_key(d.durable(), key) == nullptr) d.order_last(unwant_wake{key});
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
  const auto* known = find_delayed(d.durable(), hash_of_id(message_kind::task, in.message.task.id));
  // Else it has ended meanwhile.
  if (known != nullptr && known->stored == in.stored) take_back(d, std::move(in.message), spilled_turn{*known});
  go_on_removing(d);
  proceed(d);
}

bool puts_off_removal(draft& d, const held_control& message) {
  const auto waits = [&](const spilled_turn& turn) { return !is_in_hand(d, turn); };
  if (std::ranges::none_of(d.durable().spilled, waits)) return false;
  d.happened(removal_was_put_off{message});
  go_on_removing(d);
  return true;
}

void go_on_removing(draft& d) {
  if (!d.hand().delayed.removal || is_ledger_crowded(d, d.with().limits.open_acks_max)) return;
  for (const auto& turn : d.durable().spilled) {
    if (!is_in_hand(d, turn)) return read(d, turn.stored);
  }
  const auto message = *d.hand().delayed.removal;
  d.happened(removal_was_taken_up{});
  remove_session(d, message);
  take_put_off(d);
}

} // namespace baton::session
