// Runs one program and sees to it that nothing of it outlives its node: the program, its process group, and whatever
// descended from it, also daemons that left session and parents behind, die when the node is gone or silent, when the program
// ends, or when the guard is told to. One thread. The guard's own death by SIGKILL takes the program along (not what came from
// it: that is found by its record, see bridge/process/group_records.hpp).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "bridge/process/deadline.hpp"
#include "bridge/process/group_records.hpp"
#include "bridge/process/guard_wire.hpp"
#include "bridge/process/unique_fd.hpp"
#include "ops/guard/settings.hpp"

namespace baton {

class guard {
public:
  /// To be made first thing in the process: closes every descriptor that is not named in `settings`.
  explicit guard(guard_settings settings);

  /// Returns once nothing of the program is left: the process's exit code.
  [[nodiscard]] int run();

private:
  bool prepare();
  bool open_fifo();

  bool fork_program();
  [[noreturn]] void become_program(int start_fd) const;
  void let_go();
  void hear_start();

  void wait_for_something();
  void hear_lease();
  void take(char byte);
  void hear_signal();
  [[nodiscard]] bool empty_signals() const;
  void reap();
  void lease_ended(guard_wire::cause why);
  void check_memory();
  void terminate_program() const;

  void kill_everything();
  void report(guard_wire::word what, std::optional<std::string_view> with = {}) const;
  void report(guard_wire::word what, int with) const;

  /// First: making it closes what is not the guard's.
  guard_settings settings_;
  process_key self_;
  unique_fd lease_;
  unique_fd status_;
  unique_fd signals_;
  /// To the child until its program has begun: the byte that lets it go; then from it, why it could not.
  unique_fd start_;
  deadline lease_end_{std::chrono::milliseconds{0}};
  deadline memory_check_{std::chrono::milliseconds{0}};
  /// 0: not running (any more).
  pid_t program_ = 0;
  pid_t started_as_ = 0;
  /// Its program took the place of the forked copy of the guard.
  bool begun_ = false;
  bool over_ = false;
  bool told_to_leave_ = false;
  /// Of a renewal that is heard in part, what was heard of its number.
  std::optional<std::int64_t> lease_ends_;
  std::optional<guard_wire::cause> killed_for_;
};

} // namespace baton
