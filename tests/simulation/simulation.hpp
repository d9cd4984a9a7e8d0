// One world by one seed: what there is, what goes wrong, and whether all that must hold did. While it storms, faults happen by
// weight; then the world is kind, and everything that was accepted must come to its end.
#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <string>

#include "tests/simulation/history.hpp"
#include "tests/simulation/plants.hpp"

namespace baton::simulation {

struct simulation_order {
  std::uint64_t seed = 1;
  /// Things that happen while it storms.
  std::uint64_t steps = 1'000;
  plant planted = plant::none;
  /// nullptr: the history is not told.
  std::ostream* history = nullptr;
};

struct simulation_report {
  /// Empty: all held. Else the broken rule, and when.
  std::string broken;
  std::uint64_t steps = 0;
  std::uint64_t tasks = 0;
  std::uint64_t runs_ended = 0;
  std::uint64_t commits = 0;
  sim_time lasted = 0;
  std::map<std::string, std::uint64_t> faults;
};

[[nodiscard]] simulation_report simulate(const simulation_order& order);

} // namespace baton::simulation
