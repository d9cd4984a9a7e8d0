// One program under one guard, with its pipes. Everything here happens on the loop's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/process/event_loop.hpp"
#include "bridge/process/launch.hpp"
#include "bridge/process/talk.hpp"
#include "bridge/process/unique_fd.hpp"

namespace baton {

/// Must not give up the program within one of these calls.
class program_listener {
public:
  virtual ~program_listener() = default;
  /// Not while reading is paused.
  virtual void output(std::string_view bytes) = 0;
  virtual void errors(std::string_view bytes) = 0;
  /// No output comes any more.
  virtual void output_closed() = 0;
  /// Once, the last call: nothing of the program runs any more, and all its output was heard (unless it was killed by
  /// `kill`: then what was still on its way may be missing). Not while reading is paused.
  virtual void ended(program_end end) = 0;
};

struct guarded_order {
  std::filesystem::path guard;
  /// Program and arguments.
  std::vector<std::string> command;
  std::vector<std::string> environment;
  std::filesystem::path folder;
  /// Where the guard writes down what runs.
  std::filesystem::path record;
  std::chrono::milliseconds lease{0};
  /// When the node's lease ends, as far as it is known; nothing: `lease` after the start.
  std::optional<monotonic_instant> lease_end;
  /// 0: no limit.
  std::uint64_t memory_max = 0;
  /// How long a guard may take to do what it was told, before it is killed itself.
  std::chrono::milliseconds settle{0};
};

class guarded_program {
public:
  /// Nothing runs yet. Loop and listener outlive this.
  guarded_program(event_loop& on, program_listener& to);
  /// What still runs is killed by the guard, since its lease ends; nobody waits for that.
  ~guarded_program();
  guarded_program(const guarded_program&) = delete;
  guarded_program& operator=(const guarded_program&) = delete;

  /// 0, or the errno that kept the guard from starting: then nothing else happens.
  [[nodiscard]] int start(const guarded_order& order);

  /// Bytes for stdin, in order. What the program does not read is kept until it ends.
  void write(std::string bytes);
  /// After what was written.
  void close_input();
  void pause();
  void resume();

  void renew(monotonic_instant lease_end);
  /// SIGTERM to the program's process group.
  void terminate();
  /// All of it, at once. Its output is not waited for.
  void kill();

private:
  struct pending_write;

  /// Both ends of five pipes; one of each goes to the guard.
  struct pipes;
  [[nodiscard]] int open_streams(pipes& from);
  [[nodiscard]] int open_stream(uv_owned<uv_pipe_t>& into, unique_fd fd);
  void watch_guard();
  void read_from(uv_owned<uv_pipe_t>& pipe);
  void heard(uv_pipe_t* from, ssize_t size, const uv_buf_t& bytes);
  void closed(uv_owned<uv_pipe_t>& pipe);
  void hear_status(std::string_view bytes);
  void hear_line(std::string_view line);
  void tell_guard(std::string_view bytes);
  void guard_ended();
  void on_overdue();
  void sweep();
  void end_if_all_is_done();

  event_loop& loop_;
  program_listener& listener_;
  std::chrono::milliseconds settle_{0};
  std::filesystem::path record_;

  uv_owned<uv_pipe_t> input_;
  uv_owned<uv_pipe_t> output_;
  uv_owned<uv_pipe_t> errors_;
  uv_owned<uv_pipe_t> status_;
  uv_owned<uv_poll_t> guard_watch_;
  unique_fd lease_;
  launched guard_;
  /// For what should have happened by then.
  loop_timer overdue_;

  std::string status_text_;
  std::size_t writes_ = 0;
  bool input_ends_ = false;
  bool paused_ = false;
  bool killed_ = false;
  /// Nothing of the program is left.
  bool gone_ = false;
  /// The guard itself has ended and was waited for.
  bool collected_ = false;
  bool told_ = false;
  program_end end_;
};

} // namespace baton
