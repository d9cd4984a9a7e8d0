#include <catch2/catch_test_macros.hpp>

#include "tests/support/cluster_simulation.hpp"

namespace {

using namespace baton;
using namespace baton::support;
using namespace std::chrono_literals;

constexpr std::uint32_t seeds = 100;

/// Whether any of the seeds finds a broken rule, whose sentence has `words`.
bool finds_a_fault(simulation_plan plan, std::string_view words = "") {
  for (plan.seed = 1; plan.seed <= seeds; ++plan.seed) {
    for (const auto& what : cluster_simulation{plan}.run().broken) {
      if (what.find(words) != std::string::npos) return true;
    }
  }
  return false;
}

} // namespace

TEST_CASE(
    "three nodes in a storm never work on one partition at once, and share them when it is over", "[simulation]") {
  simulation_result all;
  for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
    simulation_plan plan;
    plan.seed = seed;
    // As by default, and as seldom as a heartbeat.
    plan.read_every = seed % 2 == 0 ? 500ms : 2'000ms;
    const auto one = cluster_simulation{plan}.run();
    for (const auto& what : one.broken) {
      FAIL_CHECK(what);
    }
    all.opened += one.opened;
    all.leases_lost += one.leases_lost;
    all.taken_from_silent += one.taken_from_silent;
    all.released += one.released;
    all.killed += one.killed;
    all.forgotten += one.forgotten;
  }
  // The storm was one: each way for a partition to change hands was gone often.
  CHECK(all.opened > seeds * 20);
  CHECK(all.leases_lost > seeds * 5);
  CHECK(all.taken_from_silent > seeds / 2);
  CHECK(all.released > seeds);
  CHECK(all.killed > seeds);
  CHECK(all.forgotten > all.killed);
}

TEST_CASE("the simulation finds a contender that waits less than a node may work without a heartbeat", "[simulation]") {
  simulation_plan plan;
  plan.lease_time = 6s;
  CHECK(finds_a_fault(plan));
}

TEST_CASE("the simulation finds a node that removes the record of one that lives", "[simulation]") {
  simulation_plan plan;
  plan.lease_time = 6s;
  plan.forget_after = 0s;
  CHECK(finds_a_fault(plan, "was removed"));
}

TEST_CASE("the simulation finds a node that works on for longer than a contender waits", "[simulation]") {
  simulation_plan plan;
  plan.lease.held_for = 14s;
  CHECK(finds_a_fault(plan));
}
