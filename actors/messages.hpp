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
  stream_seq seq;
};
struct idle_probe {
  std::uint64_t count = 0;
};

// ---- to the supervisor
struct slot_wanted {
  execution_id execution;
  caf::actor session;
  bool suspect = false;
};
struct slot_freed {
  execution_id execution;
};
struct launch_wanted {
  slice_request request;
};
struct boundary_answered {
  execution_id execution;
  boundary_order order = boundary_order::go_on;
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

CAF_BEGIN_TYPE_ID_BLOCK(baton_node, caf::first_custom_type_id)
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::deliveries))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::source_opened))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::source_stopped))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::letter_buried))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::bury_letter_again))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::session_idle))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::session_drained))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::sweep_idle))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::close_partition))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::drain_partition))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::session_input))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::last_came))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::append_came))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::append_checked))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::append_again))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::bury_again))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::read_back_again))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::idle_probe))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::slot_wanted))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::slot_freed))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::launch_wanted))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::boundary_answered))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::execution_asked))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::execution_aborted))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::sweep_slices))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::log_room_came))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::log_was_full))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::read_log_room))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::slice_over))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::run_slice))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::boundary_came))
  CAF_ADD_TYPE_ID(baton_node, (baton::actors::end_came))
CAF_END_TYPE_ID_BLOCK(baton_node)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::deliveries)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::source_opened)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::source_stopped)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::letter_buried)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::bury_letter_again)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::session_idle)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::session_drained)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::sweep_idle)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::close_partition)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::drain_partition)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::session_input)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::last_came)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::append_came)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::append_checked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::append_again)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::bury_again)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::read_back_again)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::idle_probe)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::slot_wanted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::slot_freed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::launch_wanted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::boundary_answered)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::execution_asked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::execution_aborted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::sweep_slices)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::log_room_came)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::log_was_full)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::read_log_room)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::slice_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::run_slice)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::boundary_came)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(baton::actors::end_came)
