// Other processes as /proc shows them. A pid alone names nobody: it is used again. A process is named by its pid and the time
// at which it started, and is only signalled while both agree. Linux only; any thread; nothing here blocks or throws.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/process/unique_fd.hpp"

namespace baton {

/// One process of this boot, never mistaken for a later one.
struct process_key {
  pid_t pid = 0;
  /// Clock ticks from the machine's boot to the process's start, as in /proc/<pid>/stat.
  std::uint64_t started = 0;
  friend auto operator<=>(const process_key&, const process_key&) = default;
};

struct process_state {
  process_key key;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  /// It has ended and only waits for its parent to take notice.
  bool zombie = false;
};

/// Nothing: there is no such process.
[[nodiscard]] std::optional<process_state> read_process(pid_t pid);
/// It is there, is the same, and is no zombie.
[[nodiscard]] bool runs(const process_key& key);
[[nodiscard]] std::vector<pid_t> all_processes();

/// Children, their children and so on, zombies left out; `root` itself is not among them. While processes are being started
/// the answer may miss some: whoever kills asks again until nothing is left.
[[nodiscard]] std::vector<process_key> descendants_of(pid_t root);

/// False: it is gone (or may not be signalled); nobody else was hit.
bool signal_process(const process_key& key, int signal);
/// Readable once the process has ended. None, if it has already.
[[nodiscard]] unique_fd watch_process(const process_key& key);
/// The same for a child of this process that has not been waited for: its pid is its own. None: errno says why.
[[nodiscard]] unique_fd watch_child(pid_t child);

/// Bytes that `processes` hold in memory together. Pages that several share are counted once, as far as the kernel says.
/// The exact count walks page tables, so it is only taken when a cheap upper bound is over `limit`.
[[nodiscard]] std::uint64_t resident_bytes(const std::vector<process_key>& processes, std::uint64_t limit);

/// Does the process's environment, as it was when its program started, hold exactly `setting` ("NAME=value")?
/// False also if it may not be read.
[[nodiscard]] bool environment_holds(pid_t pid, std::string_view setting);

/// What that environment says for `name`. Nothing: it does not, or may not be read.
[[nodiscard]] std::optional<std::string> environment_value_of(pid_t pid, std::string_view name);

/// Different after each boot of the machine.
[[nodiscard]] std::string boot_id();

/// A whole small file, or nothing. For /proc, whose files have no size.
[[nodiscard]] std::optional<std::string> read_small_file(const std::string& path);

} // namespace baton
