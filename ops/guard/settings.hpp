// What a guard is told on its command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "messages/instant.hpp"

namespace baton {

struct guard_settings {
  /// Either a pipe that the starter holds open ...
  int lease_fd = -1;
  /// ... or a fifo that a later node may open again (only then may the program outlive its node for `lease`).
  std::string lease_fifo;
  /// After this time the group is killed. For a pipe: unless the node names another end. For a fifo: counts only while no node
  /// holds it open.
  std::chrono::milliseconds lease{0};
  /// When the lease of the node ends, by the clock since boot, for it is older than the program; nothing: after `lease`.
  std::optional<monotonic_instant> lease_end;
  /// From SIGTERM to the kill when the lease ends; 0: killed at once.
  std::chrono::milliseconds settle{0};
  /// Bytes that the group may hold in memory; 0: no limit.
  std::uint64_t memory_max = 0;
  /// Where to say what happens; -1: nowhere.
  int status_fd = -1;
  /// Where to write down what runs; empty: nowhere.
  std::string record;
  /// Program and arguments, never empty.
  std::vector<std::string> command;
};

inline constexpr const char* guard_usage =
    "usage: baton-guard (--lease-fd N | --lease-fifo FILE) --lease-ms M [--lease-ends-ms M] [--settle-ms M]\n"
    "                   [--memory BYTES] [--status-fd N] [--record FILE] -- PROGRAM [ARGUMENT...]\n";

/// Nothing: the usage should be shown.
[[nodiscard]] std::optional<guard_settings> parse_guard_settings(const std::vector<std::string>& arguments);

} // namespace baton
