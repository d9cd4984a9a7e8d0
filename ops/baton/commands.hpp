// The commands: each takes what was typed, already checked, and says how it ended. Blocking; one thread.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "messages/control.hpp"
#include "messages/ids.hpp"
#include "messages/reason.hpp"
#include "messages/task.hpp"
#include "ops/baton/client.hpp"
#include "ops/baton/complaint.hpp"
#include "ops/baton/console.hpp"

namespace baton::cli {

/// What every command works with. All of it outlives the call.
struct desk {
  client& broker;
  console& tell;
  const clock& time;
  /// Who types, for the record; may be empty.
  std::string user;
};

struct send_order {
  session_id session;
  /// Empty: one is made.
  task_id id;
  /// Nothing, or `-`: stdin.
  std::optional<std::string> text;
  std::optional<value> input;
  std::string runner = "echo";
  value options;
  busy_policy when_busy = busy_policy::enqueue;
  std::string tenant;
  std::uint8_t priority = 0;
  baton::labels labels;
  std::optional<milliseconds> deadline;
  /// The turn does not start before: at a time, or from now.
  std::variant<std::monostate, instant, milliseconds> not_before;
  std::optional<milliseconds> timeout;
  bool no_wait = false;
};
[[nodiscard]] ending send(const send_order& o, desk& at);

struct watch_order {
  /// Empty: all.
  session_id session;
};
[[nodiscard]] ending watch(const watch_order& o, desk& at);

struct show_order {
  session_id session;
  /// The commits instead of the transcript.
  bool events = false;
  /// Only what concerns this run. Empty: all of it, and the timeline of the newest run.
  task_id run;
};
[[nodiscard]] ending show(const show_order& o, desk& at);
[[nodiscard]] ending list_sessions(desk& at);

/// What lives, and what each of them owns.
[[nodiscard]] ending list_nodes(desk& at);

struct drain_order {
  node_id node;
  bool no_wait = false;
  milliseconds timeout{120'000};
};
/// Lets a node give back its partitions and stop; waits until it owns none.
[[nodiscard]] ending drain_node(const drain_order& o, desk& at);

struct cancel_order {
  session_id session;
  task_id run;
  std::string because;
  milliseconds timeout{10'000};
};
[[nodiscard]] ending cancel_run(const cancel_order& o, desk& at);

struct steer_order {
  session_id session;
  std::string text;
  task_id run;
  milliseconds timeout{600'000};
};
/// Says something to a run; waits until that has taken it in, or has ended.
[[nodiscard]] ending steer_run(const steer_order& o, desk& at);

struct unstick_order {
  session_id session;
  milliseconds timeout{10'000};
};
[[nodiscard]] ending unstick_session(const unstick_order& o, desk& at);

struct edit_order {
  session_id session;
  edit change;
  milliseconds timeout{10'000};
};
[[nodiscard]] ending edit_session(const edit_order& o, desk& at);

struct delete_order {
  session_id session;
  bool yes = false;
  milliseconds timeout{10'000};
};
[[nodiscard]] ending delete_session(const delete_order& o, desk& at);

struct dead_filter {
  /// Empty: of all sessions.
  session_id session;
  std::optional<reason> why;
};
[[nodiscard]] ending list_dead(const dead_filter& which, desk& at);
[[nodiscard]] ending show_dead(stream_seq letter, desk& at);

struct requeue_order {
  std::optional<stream_seq> letter;
  /// Instead of one: all that pass the filter.
  bool all = false;
  dead_filter which;
};
[[nodiscard]] ending requeue_dead(const requeue_order& o, desk& at);

struct doctor_order {
  /// Where the node on this machine, if there is one, keeps its files.
  std::string data_dir;
};
[[nodiscard]] ending doctor(const doctor_order& o, desk& at);

} // namespace baton::cli
