// What happened to a session. Durable events change the head and are stored, as the head after them and as public events;
// the others change only what is in hand. Each carries all that `evolve` needs.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "actors/session/delayed_events.hpp"
#include "actors/session/hand_events.hpp"
#include "actors/session/machine.hpp"
#include "messages/event.hpp"

namespace baton::session {

// ---- durable
/// A new owner after a crash: fences whatever the old one still sends.
struct session_was_taken {
  /// The run that was cut off, with its counts as they are now.
  std::optional<run_record> cut_off;
  instant at;
};
struct slice_was_started {
  run_record run;
  /// The turn's input, if the slice begins with more than that.
  std::vector<entry> entries;
  instant at;
};
struct checkpoint_was_stored {
  run_record run;
  std::vector<entry> entries;
  instant at;
};
struct run_was_yielded {
  run_record run;
  std::vector<entry> entries;
  std::string because;
  instant at;
};
struct execution_was_lost {
  /// As it will go on.
  run_record run;
  execution_id lost;
  std::string because;
  instant at;
};
struct retry_was_scheduled {
  run_record run;
  reason code;
  instant due;
  instant at;
};
/// Somebody will not wait for the next attempt: it is due.
struct retry_was_hastened {
  run_record run;
  instant at;
};
struct run_has_ended {
  run_record run;
  settlement ended;
  std::optional<reason> code;
  std::vector<entry> entries;
  /// Leave the ledger to make room.
  std::vector<id_hash> evicted;
  std::vector<outbox_item> outbox;
  /// Control messages that this settles too.
  std::vector<ledger_item> controls;
  /// It never started: it was cancelled in the queue.
  bool was_queued = false;
  /// Of its task.
  std::string traceparent;
  instant at;
  /// What the ledger calls it, if nobody can tell its id any more.
  std::optional<id_hash> known_as{};
};
/// What became of a message that came while a run was under way.
struct message_was_disposed {
  task_id id;
  disposition as;
  task_id other;
  instant at;
};
/// A message is part of another turn's run from now on: settled, and not acknowledged before the run can do without it.
struct message_has_joined {
  joined_message joined;
  task_id id;
  body_digest digest;
  task_id into;
  /// Of the message.
  value input;
  /// For the transcript, if the run is under way.
  std::vector<entry> entries;
  slice_number slice;
  std::uint32_t boundary = 0;
  /// Of the turn that waits.
  std::optional<instant> ready_at;
  std::vector<id_hash> evicted;
  instant at;
};
/// The run can do without these.
struct joined_were_released {
  std::vector<message_place> places;
  instant at;
};
/// The turn that these had joined is gone: they are turns themselves again.
struct joined_were_undone {
  std::vector<joined_message> joined;
  instant at;
};
/// The log knows of the run from now on, and of who wants it to stop.
struct run_was_noted {
  run_record run;
  instant at;
};
/// All turns before `until` give way to `by`.
struct turns_were_replaced {
  stream_seq until;
  instant stored_at;
  task_id by;
  instant at;
};
struct replacing_was_done {
  instant at;
};
struct outbox_was_delivered {
  std::string item;
  task_id run;
  instant at;
};
struct session_was_edited {
  edit change;
  ledger_item by;
  std::vector<id_hash> evicted;
  instant at;
};
/// It came to nothing (no such run, too late, not the expected version). On record, so that the same message, delivered again
/// after a crash, is not carried out against what there is by then.
struct control_was_settled {
  ledger_item by;
  std::vector<id_hash> evicted;
  instant at;
};
/// A message is refused for what another moment would judge differently (the backlog, the labels, what else waits). On record,
/// so that it is refused again when it is delivered again after a crash.
struct refusal_was_recorded {
  ledger_item by;
  std::vector<id_hash> evicted;
  instant at;
};
struct session_was_deleted {
  /// The run that it ended, if there was one.
  std::optional<run_record> run;
  std::vector<id_hash> evicted;
  /// The message that asked for it, and the cancels of that run.
  std::vector<ledger_item> controls;
  instant at;
};

using event =
    std::variant<session_was_taken, slice_was_started, checkpoint_was_stored, run_was_yielded, execution_was_lost, retry_was_scheduled,
                 retry_was_hastened, run_has_ended, message_was_disposed, message_has_joined, joined_were_released, joined_were_undone, run_was_noted, turns_were_replaced, replacing_was_done, turn_was_delayed, delayed_was_let_go,
                 outbox_was_delivered, session_was_edited, control_was_settled, refusal_was_recorded, session_was_deleted,
                 // in hand only
                 task_was_held, task_was_stubbed, stub_was_taken, read_back_was_idle, cancel_was_put_aside, cancel_was_taken_back, replacing_turn_has_come, steer_was_kept, steer_became_turn, steer_was_let_go, joined_has_come, joined_is_gone, turn_was_timed, turn_was_made_ready, read_back_was_asked, read_back_has_come, read_back_has_failed, task_was_dropped, current_was_redelivered,
                 run_was_taken_up, retry_was_timed, slot_was_wanted, slice_was_launched, execution_was_dropped, execution_was_asked, cancel_was_kept, early_was_kept,
                 early_was_used, control_was_put_off, control_was_taken_up, message_was_refused, refusal_was_buried,
                 ack_was_wanted, ack_was_put_off, ack_was_confirmed, acks_were_left_open, queue_was_passed, drain_was_asked,
                 delayed_came_again, delayed_wake_was_stored, delayed_wake_was_kept, kept_wakes_were_let_go, delayed_is_leaving, delayed_read_was_asked, delayed_read_has_come,
                 delayed_was_taken_up, delayed_was_timed, removal_was_put_off, removal_was_taken_up>;

[[nodiscard]] bool is_durable(const event& e);

/// The only thing that changes a state, live and on replay. Messages are moved out of in-hand events: nobody stores those.
void evolve(state& s, event& e);
/// The durable part of it: `h` after `e`; in-hand events leave it as it is.
void evolve_head(head& h, const event& e);

struct decided {
  std::vector<event> events;
  std::vector<effect> effects;
};
struct stepped {
  state next;
  std::vector<event> events;
  std::vector<effect> effects;
};

/// The commit that stores `events`, whose next state is `after`; nothing if none of them is durable.
/// `after.number` and `after.last` still are those of the commit before.
[[nodiscard]] std::optional<commit> commit_of(const state& after, const std::vector<event>& events);

} // namespace baton::session
