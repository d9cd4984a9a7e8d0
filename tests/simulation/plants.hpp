// Faults that are planted in the simulated shells on purpose, one in a world, to show that the checks find what they are for. The
// shells' work is Baton's own (the actors'), so each of these is a line that could be wrong there.
#pragma once

#include <array>
#include <cstdint>

#include "messages/closed_list.hpp"

namespace baton::simulation {

enum class plant : std::uint8_t {
  none,
  /// Effects are performed before the commit is stored.
  act_before_storing,
  /// Answers are.
  answer_before_storing,
  /// An append without an answer counts as stored.
  trust_silence,
  /// After somebody else wrote, the commit is put on top of that.
  repair_in_place,
  /// A dead letter counts as stored at once.
  bury_nothing,
  /// What a dead session actor held is not asked for again.
  forget_nothing,
  /// A batch is handed on from its end.
  reverse_deliveries,
  /// Acknowledgements are not sent, and count as confirmed.
  swallow_acks,
  /// A slice starts though the session's last one has not stopped yet.
  overlap_slices,
  /// Others are taken for dead before their lease is over.
  contend_early,
};

inline constexpr auto plants = std::to_array<name_row<plant>>({
    {plant::none, "none"},
    {plant::act_before_storing, "act_before_storing"},
    {plant::answer_before_storing, "answer_before_storing"},
    {plant::trust_silence, "trust_silence"},
    {plant::repair_in_place, "repair_in_place"},
    {plant::bury_nothing, "bury_nothing"},
    {plant::forget_nothing, "forget_nothing"},
    {plant::reverse_deliveries, "reverse_deliveries"},
    {plant::swallow_acks, "swallow_acks"},
    {plant::overlap_slices, "overlap_slices"},
    {plant::contend_early, "contend_early"},
});
static_assert(in_order(plants));

} // namespace baton::simulation
