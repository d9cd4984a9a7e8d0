// How long turns wait for a slot while there are more of them than slots: `bench slots`.
#pragma once

#include <cstdint>
#include <string>

namespace baton::bench {

struct slots_settings {
  std::string batond;
  /// Speaks jsonl, leaves a checkpoint for each line of its input, and waits `pause` seconds before each.
  std::string program;
  std::uint64_t slots = 4;
  /// Of the tenant that is measured, one long turn each.
  std::uint64_t sessions = 12;
  /// Of the one that floods.
  std::uint64_t flood = 48;
  std::uint64_t lines = 100;
  std::uint64_t line_ms = 100;
  /// session.slice_share.
  std::uint64_t share_ms = 2'000;
  bool json = false;
};

/// Runs it, with and without the flood, and prints what it found.
void measure_slots(const slots_settings& s);

} // namespace baton::bench
