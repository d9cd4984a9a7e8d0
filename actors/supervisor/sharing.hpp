// Which slices should make room for those that wait. `slots` knows who waits and who runs; this is the choice among them. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "actors/supervisor/claim.hpp"
#include "messages/ids.hpp"
#include "messages/instant.hpp"

namespace baton::supervisor {

/// One priority higher is worth as much as having waited this much longer, so that no priority starves another.
inline constexpr milliseconds priority_step{60'000};

/// Where a wish stands among its tenant's: as if it had come at this time, with priority 0.
[[nodiscard]] constexpr monotonic_instant as_if_since(monotonic_instant came, std::uint8_t priority) noexcept {
  return came - priority * priority_step;
}

template <class T>
using by_standing = std::array<T, standings>;

/// What one tenant has and waits for.
struct side {
  std::size_t used = 0;
  /// It may not use more.
  std::size_t slots_max = 0;
  std::uint32_t weight = 1;
  /// `as_if_since` of its wishes, in their order.
  by_standing<std::vector<monotonic_instant>> waiting;
};

struct slice_at_work {
  execution_id execution;
  /// Index among the sides.
  std::size_t side = 0;
  std::uint8_t priority = 0;
  supervisor::standing standing = supervisor::standing::steady;
  monotonic_instant since;
  /// It was asked already, or stops of its own: its slot is on its way.
  bool is_ending = false;
};

struct contest {
  /// Slots there are.
  std::size_t most = 0;
  std::vector<side> sides;
  std::vector<slice_at_work> slices;
};

/// Slices to ask for their slot: at least `share_after` old, each for one that waits and could use that very slot, and would
/// be granted it. First those of tenants that have more than their weighted share, then the oldest.
[[nodiscard]] std::vector<execution_id> whom_to_ask(contest between, monotonic_instant now, milliseconds share_after);

} // namespace baton::supervisor
