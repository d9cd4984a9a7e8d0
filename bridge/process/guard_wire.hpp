// What a guard (ops/guard) and its node say to each other: bytes on the lease pipe or fifo, lines on the status pipe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messages/instant.hpp"

namespace baton::guard_wire {

// To the guard. The end of the pipe means that the node is gone.
/// Through a pipe, `e<ms>;`: the lease ends when the clock since boot shows this. Told as an instant, a renewal that was late on
/// its way, or lay in the pipe while the guard stood still, gives no time that the node does not have.
inline constexpr char lease_ends = 'e';
inline constexpr char lease_ends_stop = ';';
[[nodiscard]] inline std::string renewal(monotonic_instant end) {
  return lease_ends + std::to_string(end.time_since_epoch().count()) + lease_ends_stop;
}
/// Through a fifo: a node is there. The lease counts only once it is gone.
inline constexpr char attached = '.';
/// SIGTERM to the program's process group; the lease goes on.
inline constexpr char terminate = 't';
/// The whole group and all that came from it, at once.
inline constexpr char kill = 'k';

// From the guard, a word and at most one more per line, in this order: `started` or `not_started`; then, as it happens,
// `killed` (perhaps instead of `started`) and how the program ended; `gone` last. A pipe that ends without `gone` means that the guard was killed.
enum class word : std::uint8_t {
  /// <pid>: the program runs, and leads its own session and process group.
  started,
  /// <errno>: it could not be started.
  not_started,
  /// <code>
  exited,
  /// <signal number>
  signalled,
  /// <cause>: the guard kills the group.
  killed,
  /// Nothing of the group is left, and its record is removed.
  gone,
};
inline constexpr auto words =
    std::to_array<std::string_view>({"started", "not_started", "exited", "signalled", "killed", "gone"});
[[nodiscard]] constexpr std::string_view to_text(word w) { return words[static_cast<std::size_t>(w)]; }

/// Why a guard killed its group.
enum class cause : std::uint8_t {
  /// The node is gone.
  lease_closed,
  /// The node did not renew in time.
  lease_silent,
  /// The group held more memory than it may.
  memory,
  /// The node said so.
  told,
  /// The guard itself got SIGTERM, SIGINT or SIGHUP.
  signal,
};
inline constexpr auto causes =
    std::to_array<std::string_view>({"lease_closed", "lease_silent", "memory", "told", "signal"});
[[nodiscard]] constexpr std::string_view to_text(cause c) { return causes[static_cast<std::size_t>(c)]; }

template <class Enum, std::size_t N>
[[nodiscard]] constexpr std::optional<Enum> parse(const std::array<std::string_view, N>& texts, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (texts[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

} // namespace baton::guard_wire
