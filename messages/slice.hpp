// What a runner is asked to do, and what it says while it does it. Values: they may cross threads and, later, processes.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "messages/entry.hpp"
#include "messages/ids.hpp"
#include "messages/instant.hpp"
#include "messages/outcome.hpp"
#include "messages/value.hpp"

namespace baton {

/// Said to a run while it was under way. The id is that of the message: a runner that goes back to its checkpoint hears what
/// came after it once more, under the same id.
struct steer_input {
  task_id id;
  value input;
  friend bool operator==(const steer_input&, const steer_input&) = default;
};

/// An input and what was said after it, as one: one text after the other with an empty line between, or the parts of all.
[[nodiscard]] value said_together(const value& input, const std::vector<steer_input>& more);

/// One slice, in six groups.
struct slice_request {
  struct input_group {
    /// Of the turn, and of those that were merged into it.
    value input;
    value options;
    /// What has joined the run since its last checkpoint, oldest first.
    std::vector<steer_input> steers{};
  } input;
  struct routing_group {
    session_id session;
    task_id run;
    execution_id execution;
    partition_id partition;
    baton::epoch epoch;
    std::string runner;
    std::string tenant;
  } routing;
  struct policy_group {
    /// Wall time of this slice; then the runner is aborted.
    milliseconds time_limit{};
    std::optional<instant> deadline;
    /// Runs alone among suspects: earlier executions of this run took their node with them.
    bool suspect = false;
  } policy;
  struct state_group {
    slice_number slice;
    /// Bad ends since the last checkpoint.
    std::uint32_t attempt = 0;
    std::optional<baton::checkpoint> last_checkpoint;
    stream_seq context_from;
    stream_seq last_commit;
  } state;
  struct observers_group {
    /// Live events go to baton.live.<session>.<kind>.
    bool live = true;
    std::string traceparent;
  } observers;
  struct durability_group {
    /// The first boundary of the slice must be stored before the runner goes on.
    bool store_first_boundary = false;
  } durability;
};

/// Told to observers as it happens; may be lost; never affects the run.
struct live_note {
  /// A subject token: `delta`, `tool_call`, `tool_result`, `progress`, `stderr`.
  std::string kind;
  value data;
};

/// A safe boundary: new entries since the last one, and perhaps a checkpoint. Whoever reports one waits for a
/// `boundary_order` before it goes on.
struct boundary {
  std::vector<entry> entries;
  std::optional<value> checkpoint;
  /// Of what was said to the run: the ids that the checkpoint has taken in. Absent: the runner hears nothing of that kind.
  std::optional<std::vector<task_id>> heard{};
};

/// The slice is over: nothing comes after this.
struct slice_end {
  baton::outcome proposed;
  std::vector<entry> entries;
  std::optional<value> checkpoint;
};

/// What a runner may be told while it runs.
enum class boundary_order : std::uint8_t { go_on, yield, cancel };

/// What a runner hears at a boundary, which is stored by then.
struct boundary_answer {
  boundary_order order = boundary_order::go_on;
  /// To be taken in before it goes on; only with `go_on`.
  std::vector<steer_input> steers;
  friend bool operator==(const boundary_answer&, const boundary_answer&) = default;
};

} // namespace baton
