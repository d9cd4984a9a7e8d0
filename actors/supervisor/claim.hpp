// On what grounds a slot is wanted. Plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace baton::supervisor {

/// Whether a run may be what brought its node down: by how many of its executions ended together with their node.
enum class standing : std::uint8_t {
  /// None, as far as the log knows.
  steady,
  /// One: it, or a neighbour.
  shaken,
  /// More.
  suspect,
};
inline constexpr std::size_t standings = 3;

[[nodiscard]] constexpr standing standing_after(std::uint32_t crashes) noexcept {
  if (crashes == 0) return standing::steady;
  return crashes == 1 ? standing::shaken : standing::suspect;
}

struct claim {
  /// Empty: none was named; these share one account.
  std::string tenant;
  /// Within the tenant: higher first.
  std::uint8_t priority = 0;
  supervisor::standing standing = supervisor::standing::steady;
};

} // namespace baton::supervisor
