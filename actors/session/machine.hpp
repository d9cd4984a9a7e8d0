// The session machine: what an input means for one session. Pure: time, chance and new ids come in with the input.
//
// `step` takes the state and gives the next one, with the events that lead there and the effects to perform. Because each
// commit stores the head *after* its events, the next state is made before the append; the shell shows it to nobody, takes
// no further input and performs no effect until the commit is stored (it drops all of it if somebody else wrote first).
// `evolve` is the only thing that changes a state, live and on replay.
//
// Invariants: at most one run under way; at most one execution, whose reports alone count; turns start in stream order;
// a message is acknowledged only in a decision whose durable events, if any, settle it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "actors/session/limits.hpp"
#include "actors/session/state.hpp"
#include "actors/session/wake_words.hpp"
#include "actors/supervisor/claim.hpp"
#include "messages/dead_letter.hpp"
#include "messages/digest.hpp"

namespace baton::session {

struct context {
  instant now;
  std::uint32_t chance = 0;
  const execution_id& fresh_execution;
  const session::limits& limits;
};

// ---- inputs: arrivals
struct task_arrived {
  held_task message;
  /// The partition's owner holds much already.
  bool crowded = false;
};
struct control_arrived {
  held_control message;
};
/// `read_back` found nothing: somebody removed the message from the queue.
struct message_was_gone {
  message_place place;
};
/// The answer to `read_back`.
struct task_read_back {
  held_task message;
};
struct control_read_back {
  held_control message;
};
/// The answer to `read_delayed`.
struct delayed_was_read {
  stream_seq stored;
  held_task message;
};
/// Or this: there is no task there that can be read. Of whatever else is there, the id, if it is known, and its message.
struct delayed_was_unreadable {
  stream_seq stored;
  task_id id;
  stream_seq message;
};
struct slot_granted {
  execution_id execution;
};
/// The slice has run for `slice_commit_after`: the log should know of it.
struct slice_grew_old {
  execution_id execution;
};
struct boundary_reached {
  execution_id execution;
  boundary at;
};
struct slice_ended {
  execution_id execution;
  slice_end end;
};
enum class timer : std::uint8_t { retry_due, settle_over, early, debounce, delayed };
struct timer_fired {
  session::timer timer;
  /// As it was set.
  execution_id execution;
};
/// A dead letter of a refused message is stored.
struct refusal_buried {
  message_kind kind;
  stream_seq seq;
};
/// An outbox item is confirmed.
struct outbox_delivered {
  std::string item;
};
struct ack_confirmed {
  message_kind kind;
  stream_seq seq;
};
struct drain_asked {};
/// Others wait for the slot, or the slice has had its share: it should stop at its next safe boundary.
struct yield_wanted {
  execution_id execution;
};
/// First input after the head was loaded: what the log says is still owed.
struct loaded {
  /// Of the last commit.
  std::vector<open_ack> open_acks;
  /// The partition was taken from a node that died.
  bool after_crash = false;
};
using input = std::variant<loaded, task_arrived, control_arrived, task_read_back, control_read_back, message_was_gone, delayed_was_read, delayed_was_unreadable, slot_granted, slice_grew_old, boundary_reached,
                           slice_ended, timer_fired, refusal_buried, outbox_delivered, ack_confirmed, drain_asked, yield_wanted, wake_fired, wake_stored, wake_removed>;

// ---- effects: orders
struct want_slot {
  execution_id execution;
  supervisor::claim on;
};
/// Gives back a slot, or the wish for one. What runs in it is destroyed.
struct free_slot {
  execution_id execution;
};
struct launch {
  slice_request request;
};
struct answer_boundary {
  execution_id execution;
  boundary_answer answer;
};
struct ask_execution {
  execution_id execution;
  boundary_order order;
};
struct abort_execution {
  execution_id execution;
  std::string because;
};
struct acknowledge {
  message_kind kind;
  stream_seq seq;
};
struct lighten {
  message_place message;
};
struct read_back {
  message_place message;
};
/// The task of a delayed turn, out of the commit that holds it.
struct read_delayed {
  stream_seq stored;
};
struct send_answer {
  std::string reply_to;
  encoding as;
  baton::answer answer;
};
/// Store a dead letter; then `refusal_buried`, or with an `item`, `outbox_delivered`.
struct bury {
  message_kind kind;
  dead_letter letter;
  std::string item;
};
struct set_timer {
  session::timer timer;
  instant due;
  /// What it is about, or empty.
  execution_id execution;
};
using effect = std::variant<want_slot, free_slot, launch, answer_boundary, ask_execution, abort_execution, acknowledge, lighten,
                            read_back, read_delayed, send_answer, bury, set_timer, want_wake, unwant_wake>;

struct decided;
/// What `in` means: the state moves on at once, and the shell performs no effect before the events are stored.
[[nodiscard]] decided advance(state& s, input in, const context& with);
struct stepped;
/// The same as a function of values.
[[nodiscard]] stepped step(state before, input in, const context& with);

} // namespace baton::session
