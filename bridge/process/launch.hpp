// Starts another process, without copying this one (posix_spawn): in a session of its own, with the signals as a fresh process
// has them, and with no descriptor but those that are given.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bridge/process/processes.hpp"
#include "bridge/process/unique_fd.hpp"
#include "messages/expected.hpp"

namespace baton {

struct launch_order {
  /// The program (a path, not looked up on PATH) and its arguments.
  std::vector<std::string> command;
  /// Each "NAME=value"; all that the process gets.
  std::vector<std::string> environment{};
  std::filesystem::path folder{};
  /// Become 0, 1 and 2; -1: /dev/null.
  int in = -1;
  int out = -1;
  int err = -1;
  /// Stay open under the same numbers, all above 2.
  std::vector<int> keep{};
};

/// A child of this process. Whoever has it waits for it: see `collect`.
struct launched {
  process_key key;
  /// Readable once it has ended.
  unique_fd watch;
};

/// The error is an errno, of the start itself: the program, the folder or a descriptor is not there. Does not block.
[[nodiscard]] expected<launched, int> launch(const launch_order& order);

/// Takes notice of a launched process that has ended, so that it is no zombie: its status as of waitpid(2).
/// Nothing: it still runs.
[[nodiscard]] std::optional<int> collect(const launched& child);

/// Both ends close-on-exec and above 2, as `launch` needs them.
struct pipe_ends {
  unique_fd read;
  unique_fd write;
};
/// The error is an errno.
[[nodiscard]] expected<pipe_ends, int> make_pipe();

} // namespace baton
