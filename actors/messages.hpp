// What the actors of a node say to each other. All in one process: none of these is ever serialized.
#pragma once

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/ports/log_gauge.hpp"
#include "actors/ports/session_log.hpp"
#include "actors/ports/task_source.hpp"
#include "actors/session/machine.hpp"
#include "actors/supervisor/claim.hpp"
#include "actors/wakes/machine.hpp"

namespace baton::actors {

// ---- to a partition
struct deliveries {
  std::vector<delivery> batch;
};
struct source_opened {
  expected<task_source::opened, source_failure> result{task_source::opened{}};
};
struct source_stopped {
  source_failure why = source_failure::unreachable;
};
struct letter_buried {
  message_kind kind = message_kind::task;
  stream_seq seq;
  dead_letter letter;
  bool stored = false;
  std::optional<answer_place> answer_to;
};
struct bury_letter_again {
  message_kind kind = message_kind::task;
  dead_letter letter;
  std::optional<answer_place> answer_to;
};
/// A session's answer to `idle_probe`: nothing in hand, after `count` messages from the partition.
struct session_idle {
  session_id session;
  std::uint64_t count = 0;
};
/// Runs nothing any more, and will start nothing.
struct session_drained {
  session_id session;
};
struct sweep_idle {};
/// The session may be started again.
struct quarantine_over {
  session_id session;
};
/// For the partition's wakes: an answer of their store, a timer.
struct wakes_input {
  wakes::input in;
};
/// A session asks for a durable timer, and hears `wake_stored`; asked again, it is the same one, with another due time.
struct wake_wanted {
  session_id session;
  wake_key key;
  baton::wake wake;
};
/// It needs it no more, and hears `wake_removed` if it is still in memory then.
struct wake_unwanted {
  session_id session;
  wake_key key;
};
/// End: what is unacknowledged goes to the next owner.
struct close_partition {};
/// Yield what runs, start nothing new; then say so and end.
struct drain_partition {};

// ---- to a session
struct session_input {
  session::input in;
};
struct last_came {
  session_log::last_result result{unexpected{log_failure::unreachable}};
};
struct append_came {
  append_result result;
};
/// The last commit was read again because an append was refused or unanswered.
struct append_checked {
  session_log::last_result result{unexpected{log_failure::unreachable}};
};
struct append_again {};
struct bury_again {
  session::bury what;
};
struct read_back_again {
  message_place message;
};
struct read_delayed_again {
  stream_seq stored;
};
struct idle_probe {
  std::uint64_t count = 0;
};

// ---- to the supervisor
struct slot_wanted {
  execution_id execution;
  caf::actor session;
  supervisor::claim on;
};
struct slot_freed {
  execution_id execution;
};
struct launch_wanted {
  slice_request request;
};
struct boundary_answered {
  execution_id execution;
  boundary_answer answer;
};
struct execution_asked {
  execution_id execution;
  boundary_order order = boundary_order::yield;
};
struct execution_aborted {
  execution_id execution;
  std::string because;
};
struct sweep_slices {};
struct log_room_came {
  std::optional<log_room> room;
};
/// The log has refused a commit for want of room.
struct log_was_full {};
struct read_log_room {};
/// The execution actor has reported the end and is free for another slice.
struct slice_over {
  execution_id execution;
};

// ---- to an execution
struct run_slice {
  slice_request request;
  caf::actor session;
};
struct boundary_came {
  execution_id execution;
  boundary at;
};
struct end_came {
  execution_id execution;
  slice_end end;
};

} // namespace baton::actors

// All of them, for CAF.
#define BATON_ACTOR_MESSAGES(EACH) \
  EACH(deliveries) EACH(source_opened) EACH(source_stopped) EACH(letter_buried) EACH(bury_letter_again) \
  EACH(session_idle) EACH(session_drained) EACH(sweep_idle) EACH(quarantine_over) EACH(close_partition) \
  EACH(drain_partition) EACH(session_input) EACH(last_came) EACH(append_came) EACH(append_checked) EACH(append_again) \
  EACH(bury_again) EACH(read_back_again) EACH(idle_probe) EACH(slot_wanted) EACH(slot_freed) EACH(launch_wanted) \
  EACH(boundary_answered) EACH(execution_asked) EACH(execution_aborted) EACH(sweep_slices) EACH(log_room_came) \
  EACH(log_was_full) EACH(read_log_room) EACH(slice_over) EACH(run_slice) EACH(boundary_came) EACH(end_came) \
  EACH(read_delayed_again) EACH(wakes_input) EACH(wake_wanted) EACH(wake_unwanted)

#define BATON_ADD_MESSAGE(name) CAF_ADD_TYPE_ID(baton_node, (baton::actors::name))
CAF_BEGIN_TYPE_ID_BLOCK(baton_node, caf::first_custom_type_id)
  BATON_ACTOR_MESSAGES(BATON_ADD_MESSAGE)
CAF_END_TYPE_ID_BLOCK(baton_node)
#undef BATON_ADD_MESSAGE

#define BATON_ALLOW_MESSAGE(name) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::name)
BATON_ACTOR_MESSAGES(BATON_ALLOW_MESSAGE)
#undef BATON_ALLOW_MESSAGE
