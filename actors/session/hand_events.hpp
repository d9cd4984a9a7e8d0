// What happened to what a session has in hand: messages that are still in the queue, and the execution under way. Not stored;
// losing it costs a redelivery.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/session/state.hpp"

namespace baton::session {

struct task_was_held {
  held_task message;
};
struct task_was_stubbed {
  stub message;
};
struct read_back_was_asked {
  message_place place;
};
struct read_back_has_failed {
  message_place place;
};
struct read_back_has_come {
  held_task message;
};
/// What was waiting under this sequence is dealt with in another way.
struct stub_was_taken {
  stream_seq seq;
};
/// What came was read for a reason that is none any more; it is read again in its turn.
struct read_back_was_idle {
  message_place place;
};
struct cancel_was_put_aside {
  pending_cancel cancel;
};
struct cancel_was_taken_back {
  stream_seq seq;
};
/// In this life; so all before it have, too.
struct replacing_turn_has_come {};
struct steer_was_kept {
  waiting_steer message;
};
/// It waits in the queue from now on.
struct steer_became_turn {
  message_place place;
};
struct steer_was_let_go {
  message_place place;
};
/// A message that has joined a run before was delivered again, or read back.
struct joined_has_come {
  message_place place;
  steer_input words;
};
struct joined_is_gone {
  message_place place;
};
/// The timer of a turn that is not ready is set, or has fired.
struct turn_was_timed {
  std::optional<instant> due;
};
/// The first that waits need not wait for others to be merged into it.
struct turn_was_made_ready {};
struct task_was_dropped {
  stream_seq seq;
};
/// The message of the stored run was delivered again.
struct current_was_redelivered {
  held_task message;
};
struct run_was_taken_up {
  run_record run;
};
/// The timer of a `retry_wait` is set, or has fired.
struct retry_was_timed {
  std::optional<instant> due;
};
struct slot_was_wanted {
  execution_id execution;
  bool store_first;
};
struct slice_was_launched {};
/// The wish for a slot was taken back, or the execution no longer counts.
struct execution_was_dropped {};
struct execution_was_asked {
  boundary_order order;
};
struct cancel_was_kept {
  held_control message;
};
struct early_was_kept {
  early_message kept;
};
struct early_was_used {
  stream_seq seq;
};
struct control_was_put_off {
  held_control message;
};
/// The first of those that were put off is carried out next.
struct control_was_taken_up {};
struct message_was_refused {
  message_kind kind;
  stream_seq seq;
  pending_refusal refused;
};
struct refusal_was_buried {
  message_kind kind;
  stream_seq seq;
};
struct ack_was_wanted {
  message_kind kind;
  stream_seq seq;
  id_hash id;
};
/// By whoever owned the session before.
struct acks_were_left_open {
  std::vector<open_ack> open;
};
/// Of these, none up to `seq` will come again.
struct queue_was_passed {
  message_kind kind;
  stream_seq seq;
};
struct ack_was_put_off {
  std::string item;
  stream_seq seq;
};
struct ack_was_confirmed {
  message_kind kind;
  stream_seq seq;
};
struct drain_was_asked {};
/// A message of a turn that waits for its time, or its like: acknowledged when its wake is stored.
struct delayed_came_again {
  stream_seq seq;
  id_hash id;
};
struct delayed_wake_was_stored {
  id_hash id;
};
/// Its turn has ended, and the outbox owes something.
struct delayed_wake_was_kept {
  wake_key key;
};
struct kept_wakes_were_let_go {};
/// Its wake is to be removed.
struct delayed_is_leaving {
  id_hash id;
};
struct delayed_read_was_asked {
  stream_seq stored;
};
struct delayed_read_has_come {
  stream_seq stored;
};
struct delayed_was_taken_up {
  run_record run;
  held_task message;
};
/// The timer of a turn whose wake came early is set, or has fired.
struct delayed_was_timed {
  bool is_set;
};
/// A delete waits until no turn waits for its time any more.
struct removal_was_put_off {
  held_control message;
};
struct removal_was_taken_up {};

} // namespace baton::session
