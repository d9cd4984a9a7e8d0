// Turns that wait for their `not_before`: what the parts of the session machine ask of delayed.cpp. Private to the machine.
#pragma once

#include <optional>
#include <string_view>

#include "actors/session/draft.hpp"

namespace baton::session {

/// What a refusal says of a turn that would have to wait for its time, of which a session holds no more.
inline constexpr std::string_view delayed_max_detail = "as many turns of the session as it may hold wait for their not_before";
inline constexpr std::string_view delay_max_detail = "session.delay_max";

/// A turn whose time has not come is put into the log, or refused; true if it was.
bool delay_if_early(draft& d, const held_task& message);
/// A message with the id of a delayed turn: its own once more, or a duplicate, which is answered; true if it is.
bool meets_delayed(draft& d, const held_task& message, bool is_own);
/// First thing after the head was loaded: wakes are asked for again, and what a crash cut off after a turn's end is done again.
void take_up_delayed(draft& d);
void on_wake_stored(draft& d, const wake_stored& in);
void on_wake_removed(draft& d, const wake_removed& in);
void on_wake_fired(draft& d, const wake_fired& in);
void on_delayed_timer(draft& d);
/// A delayed turn has ended, and its producer is answered: its wake is removed, and its message acknowledged if it is not yet; now,
/// or once the outbox is empty. When the wake is removed, the head forgets the turn.
void let_wake_go(draft& d, id_hash id);
void let_kept_wakes_go(draft& d);
/// A delayed turn is due, and is read back: nothing else starts before it.
bool delayed_goes_first(draft& d);
/// The stored run's task, if the turn was a delayed one: no message will bring it.
void read_delayed_run(draft& d);
/// What is to be known of a turn that waits for its time; false: none does under this id.
bool read_delayed_turn(draft& d, const task_id& id);
/// What an answer says of a turn that waits for its time; nothing: none does under this id.
[[nodiscard]] std::optional<value> delayed_status(const draft& d, const task_id& id);
void on_delayed_read(draft& d, delayed_was_read in);
/// The turn fails: nobody can tell what it was to be.
void on_delayed_unreadable(draft& d, const delayed_was_unreadable& in);
/// True: a delete waits until the turns are cancelled that were delayed, and all that follows their ends is done: the tombstone
/// leaves nothing to do it with.
bool puts_off_removal(draft& d, const held_control& message);
/// What is to be done next of a delete that was put off.
void go_on_removing(draft& d);

} // namespace baton::session
