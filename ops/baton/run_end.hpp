// How a task that was published ends: heard on the session's subjects, or, when nothing is heard for a while, read.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "bridge/nats/log_reader.hpp"
#include "messages/head.hpp"
#include "ops/baton/client.hpp"
#include "ops/baton/complaint.hpp"

namespace baton::cli {

/// What is known of a task once the broker has it.
struct accepted_task {
  session_id session;
  task_id id;
  body_digest digest;
  /// In the queue of tasks. A duplicate has the sequence of the first one.
  stream_seq seq;
  /// The broker had a message of this id already and took this one for the same.
  bool duplicate = false;
};

/// The content under which a session knows an id, as far as its head remembers: of the run under way, or of one that was settled.
[[nodiscard]] std::optional<body_digest> known_content(const head& h, const task_id& id);

/// The task came to its end, in this commit. `ended` is completed, failed, cancelled, or joined: it is part of another run.
struct run_ended {
  settlement ended = settlement::completed;
  stored_commit in;
};
/// As above, but the commit is gone (the session was deleted since).
struct run_ended_unread {
  settlement ended = settlement::completed;
};
struct run_refused {
  nats::stored_letter letter;
};
/// The session knows this id with another content; what was published just now was dropped as a duplicate of that.
struct id_taken {};
struct not_ended_in_time {};
/// By Ctrl-C, or SIGTERM.
struct interrupted {
  exit_code as = exit_code::interrupted;
};
using run_end = std::variant<run_ended, run_ended_unread, run_refused, id_taken, not_ended_in_time, interrupted>;

/// Told while the run goes on. Not after its end.
class progress {
public:
  virtual ~progress() = default;
  virtual void live(std::string_view kind, const task_id& run, const std::string& execution, const value& data) = 0;
  virtual void event(const value& about_run) = 0;
  /// The run's time has not come.
  virtual void delayed(instant until) = 0;
  /// Nothing was heard of the run for a while. `under_way`: the run that its session is busy with, if there is one.
  virtual void quiet(const std::optional<task_id>& under_way) = 0;
};

class run_watch {
public:
  /// Listens from now on: to be called before the task is published. `broker` and `time` outlive it.
  [[nodiscard]] static or_complaint<run_watch> begin(client& broker, const clock& time, const session_id& session);

  /// Waits, without a timeout for ever; Ctrl-C and SIGTERM are looked at if an `interrupt` lives.
  [[nodiscard]] or_complaint<run_end> wait(
      const accepted_task& task, std::optional<milliseconds> timeout, progress& told);

private:
  run_watch(client& broker, const clock& time, nats::log_reader reader) : broker_{&broker}, time_{&time}, log_{reader} {}

  /// Nothing: it has not ended as far as this message says.
  [[nodiscard]] or_complaint<std::optional<run_end>> take(const accepted_task& task, const heard& h, progress& told);
  [[nodiscard]] or_complaint<std::optional<run_end>> take_committed(
      const accepted_task& task, const heard& h, progress& told);
  [[nodiscard]] or_complaint<std::optional<run_end>> read_letter(const accepted_task& task, stream_seq from);
  [[nodiscard]] or_complaint<std::optional<run_end>> read_ledger(const accepted_task& task);
  [[nodiscard]] or_complaint<std::optional<run_end>> read_commit(const accepted_task& task, stream_seq from);
  [[nodiscard]] or_complaint<std::optional<run_end>> look(const accepted_task& task, progress& told);
  void drain(const accepted_task& task, progress& told);

  client* broker_;
  const clock* time_;
  nats::log_reader log_;
  std::unique_ptr<hearing> ear_;
};

} // namespace baton::cli
