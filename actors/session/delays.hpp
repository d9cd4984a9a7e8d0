// What the parts of the session machine ask of delayed.cpp, where turns wait for their `not_before`. Private to the machine.
#pragma once

#include <optional>
#include <string_view>

#include "actors/session/draft.hpp"

namespace baton::session {

/// What a refusal says of a turn that would have to wait for its time, of which a session holds no more.
inline constexpr std::string_view delayed_max_detail = "spilled_max: turns that wait for their not_before";
inline constexpr std::string_view delay_max_detail = "session.delay_max";

/// A turn whose time has not come is put into the log, or refused; true if it was.
bool delay_if_early(draft& d, const held_task& message);
/// A message with the id of a delayed turn: its own once more, or a duplicate; true if it is.
bool meets_delayed(draft& d, const held_task& message);
/// First thing after the head was loaded.
void take_up_delays(draft& d);
void on_wake_stored(draft& d, const wake_stored& in);
void on_wake_fired(draft& d, const wake_fired& in);
void on_delayed_timer(draft& d);
/// A delayed turn has ended: its wake is removed, and its message acknowledged if it is not yet; now, or once the outbox is empty.
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
/// True: a delete waits until the turns are cancelled that wait for their time.
bool puts_off_removal(draft& d, const held_control& message);
void go_on_removing(draft& d);

} // namespace baton::session
