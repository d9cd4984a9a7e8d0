// What happened to one run, read from its session's commits, so that a person can tell. Pure.
//
// Times are those at which the broker stored what is told of, so that two nodes' clocks are never compared; only the first slice's
// beginning is by its node's clock. That a slice runs is stored when it grows old, so a later one began somewhat earlier than that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "messages/commit.hpp"
#include "messages/instant.hpp"

namespace baton::cli {

/// One line of the story: an event, or several checkpoints of one slice in a row.
struct timeline_step {
  event_kind kind = event_kind::slice_started;
  instant at;
  commit_number commit;
  /// Of checkpoints, the last one and how many; else `at`, `commit` and 1.
  instant until;
  commit_number to_commit;
  std::uint64_t count = 1;
  baton::epoch epoch;
  node_id node;
  execution_id execution;
  slice_number slice;
  /// Ends that count as failed, since the last checkpoint.
  std::uint32_t attempt = 0;
  std::string code;
  /// Of a message that met the run: its id (or the run's own, when it met another) and what became of it.
  task_id message;
  baton::disposition disposition = baton::disposition::none;
  /// When a retry is due.
  std::optional<instant> due;
  /// The first step, or one of another node or epoch than the one before.
  bool is_elsewhere = false;
  /// The first step of its slice.
  bool is_new_slice = false;
  /// How long the slice ran that ended here, as far as the log knows; of all but the first, at least so long.
  std::optional<milliseconds> ran;
  bool ran_longer = false;
  /// How long nothing of this run was stored before this step.
  milliseconds after_silence{0};
};

struct timeline {
  task_id run;
  /// Empty: the log does not tell.
  std::string runner;
  /// The task was stored in the queue; nothing: the log does not tell.
  std::optional<instant> accepted;
  /// The instant that all others are relative to.
  instant began;
  std::optional<settlement> ended;
  std::string code;
  instant ended_at;
  std::uint64_t slices = 0;
  std::uint64_t nodes = 0;
  std::uint64_t checkpoints = 0;
  std::uint64_t yields = 0;
  std::uint64_t retries = 0;
  /// Executions that died or fell silent.
  std::uint64_t losses = 0;
  std::uint64_t takeovers = 0;
  std::vector<timeline_step> steps;
};

/// Takes a session's commits, in order, one by one; memory grows with the steps, not with the commits.
class timeline_reader {
public:
  explicit timeline_reader(task_id run) { made_.run = std::move(run); }
  void take(const stored_commit& c);
  /// Nothing: no commit was about it. An id that has run more than once is told as it ran last.
  [[nodiscard]] std::optional<timeline> made() const;

private:
  void take(const stored_commit& c, const event& e);
  void begin_slice(const stored_commit& c, timeline_step& step);
  void count(const timeline_step& step);

  timeline made_;
  std::vector<node_id> seen_;
  std::optional<instant> slice_began_;
  bool is_first_slice_ = true;
};

/// Lines for a terminal. `now` ends the account of a run that is under way.
[[nodiscard]] std::vector<std::string> lines_of(const timeline& t, instant now);
[[nodiscard]] value to_value(const timeline& t);

/// `207 ms`, `7.41 s`, `3 min 20 s`, `2 h 5 min`; a negative one, as two clocks give it, is 0.
[[nodiscard]] std::string shown_duration(milliseconds d);

} // namespace baton::cli
