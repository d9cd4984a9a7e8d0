#include "actors/cluster/lease.hpp"

#include <catch2/catch_test_macros.hpp>

namespace {

using namespace baton;
using namespace std::chrono_literals;

/// One lease, its clock in the test's hand. Time starts at 100 s.
struct node {
  lease::limits limits;
  lease::state state;
  monotonic_instant now{100s};
  std::vector<lease::effect> last;

  void input(const lease::input& in) {
    auto d = lease::decide(state, in, now, limits);
    for (const auto& e : d.events) {
      state = lease::evolve(std::move(state), e);
    }
    last = std::move(d.effects);
  }
  void tick_at(milliseconds since_start) {
    now = monotonic_instant{100s} + since_start;
    input(lease::tick{});
  }
  void confirm_at(lease::beat_number number, milliseconds since_start) {
    now = monotonic_instant{100s} + since_start;
    input(lease::beat_confirmed{number});
  }
  template <class Effect>
  [[nodiscard]] int told() const {
    int n = 0;
    for (const auto& e : last) {
      n += std::holds_alternative<Effect>(e) ? 1 : 0;
    }
    return n;
  }
  [[nodiscard]] std::vector<lease::beat_number> beats() const {
    std::vector<lease::beat_number> found;
    for (const auto& e : last) {
      if (const auto* w = std::get_if<lease::write_beat>(&e)) found.push_back(w->number);
    }
    return found;
  }
  [[nodiscard]] bool held() const { return lease::is_held(state, now, limits); }
};

/// With beat 1 sent at 0 and confirmed at 100 ms.
node with_lease() {
  node n;
  n.tick_at(0ms);
  n.confirm_at(1, 100ms);
  return n;
}

} // namespace

TEST_CASE("a node has no lease before its first heartbeat is confirmed", "[lease]") {
  node n;
  n.tick_at(0ms);
  CHECK(n.beats() == std::vector<lease::beat_number>{1});
  CHECK_FALSE(n.held());
  n.confirm_at(1, 100ms);
  CHECK(n.told<lease::tell_gained>() == 1);
  CHECK(n.told<lease::tell_renewed>() == 0);
  CHECK(n.held());
}

TEST_CASE("a heartbeat is written every two seconds, however often it ticks", "[lease]") {
  auto n = with_lease();
  std::vector<milliseconds> sent_at;
  for (milliseconds t = 150ms; t <= 6'000ms; t += 50ms) {
    n.tick_at(t);
    if (!n.beats().empty()) sent_at.push_back(t);
    for (const auto b : n.beats()) {
      n.confirm_at(b, t);
      CHECK(n.told<lease::tell_renewed>() == 1);
    }
  }
  CHECK(sent_at == std::vector<milliseconds>{2'000ms, 4'000ms, 6'000ms});
  CHECK(n.held());
}

TEST_CASE("the lease counts from the sending of the last confirmed heartbeat, not from its confirmation", "[lease]") {
  auto n = with_lease();
  n.tick_at(2'000ms);
  n.confirm_at(2, 3'900ms);
  n.tick_at(9'999ms);
  CHECK(n.told<lease::tell_lost>() == 0);
  CHECK(n.held());
  n.tick_at(10'000ms);
  CHECK(n.told<lease::tell_lost>() == 1);
  CHECK_FALSE(n.held());
}

TEST_CASE("eight seconds without a confirmed heartbeat lose the lease, once", "[lease]") {
  auto n = with_lease();
  n.tick_at(7'999ms);
  CHECK(n.told<lease::tell_lost>() == 0);
  CHECK(n.held());
  n.tick_at(8'000ms);
  CHECK(n.told<lease::tell_lost>() == 1);
  n.tick_at(8'500ms);
  CHECK(n.told<lease::tell_lost>() == 0);
}

TEST_CASE("a lease that ran out unnoticed is not held, and any input finds that out first", "[lease]") {
  auto n = with_lease();
  n.tick_at(2'000ms);
  // The process was stopped for a while; the first thing it sees is an old confirmation.
  n.confirm_at(2, 30'000ms);
  CHECK(n.told<lease::tell_lost>() == 1);
  CHECK(n.told<lease::tell_renewed>() == 0);
  CHECK(n.told<lease::tell_gained>() == 0);
  CHECK_FALSE(n.held());
}

TEST_CASE("a heartbeat confirmed late does not bring back a lease that was declared lost", "[lease]") {
  auto n = with_lease();
  n.tick_at(6'000ms);
  REQUIRE(n.beats() == std::vector<lease::beat_number>{2});
  n.tick_at(8'000ms);
  REQUIRE(n.told<lease::tell_lost>() == 1);
  REQUIRE(n.beats() == std::vector<lease::beat_number>{3});
  n.confirm_at(2, 8'100ms);
  CHECK(n.told<lease::tell_gained>() == 0);
  CHECK_FALSE(n.held());

  SECTION("one that was sent after the loss does") {
    n.confirm_at(3, 8'200ms);
    CHECK(n.told<lease::tell_gained>() == 1);
    CHECK(n.held());
    n.tick_at(15'999ms);
    CHECK(n.held());
    n.tick_at(16'000ms);
    CHECK(n.told<lease::tell_lost>() == 1);
  }
  SECTION("unless it took as long as a lease lasts") {
    n.confirm_at(3, 16'000ms);
    CHECK(n.told<lease::tell_gained>() == 0);
    CHECK_FALSE(n.held());
  }
}

TEST_CASE("confirmations that overtake each other never shorten the lease", "[lease]") {
  auto n = with_lease();
  n.tick_at(2'000ms);
  n.tick_at(4'000ms);
  n.confirm_at(3, 4'100ms);
  n.confirm_at(2, 4'200ms);
  REQUIRE(n.told<lease::tell_renewed>() == 1);
  CHECK(std::get<lease::tell_renewed>(n.last.back()).from == monotonic_instant{100s} + 4s);
  n.tick_at(11'999ms);
  CHECK(n.held());
}

TEST_CASE("one lost heartbeat does not cost the lease: the next ones are sent without waiting for it", "[lease]") {
  auto n = with_lease();
  n.tick_at(2'000ms);
  n.tick_at(4'000ms);
  REQUIRE(n.beats() == std::vector<lease::beat_number>{3});
  n.confirm_at(3, 4'100ms);
  n.tick_at(8'000ms);
  CHECK(n.told<lease::tell_lost>() == 0);
  CHECK(n.held());
}

TEST_CASE("at most four heartbeats are in flight", "[lease]") {
  node n;
  n.limits.beat_every = 500ms;
  std::size_t most = 0;
  for (milliseconds t = 0ms; t < 7'900ms; t += 500ms) {
    n.tick_at(t);
    most = std::max(most, n.state.in_flight.size());
  }
  CHECK(most == 4);
  CHECK(n.state.last == 4);
  // Nothing is due before the oldest is given up.
  CHECK(lease::wake_at(n.state, n.now, n.limits) == monotonic_instant{100s} + 8s);
}

TEST_CASE("a heartbeat that is never answered is given up when it can no longer renew", "[lease]") {
  node n;
  for (milliseconds t = 0ms; t <= 60'000ms; t += 2'000ms) {
    n.tick_at(t);
    CHECK(n.beats().size() == 1);
    CHECK(n.state.in_flight.size() <= 4);
  }
  SECTION("and its confirmation means nothing then") {
    n.confirm_at(1, 60'100ms);
    CHECK(n.last.empty());
    CHECK_FALSE(n.held());
  }
  SECTION("while a fresh one brings the lease") {
    n.confirm_at(n.state.last, 60'100ms);
    CHECK(n.held());
  }
}

TEST_CASE("a heartbeat that failed, or takes long, makes the node doubt what it sees", "[lease]") {
  auto n = with_lease();
  n.tick_at(2'000ms);
  CHECK(n.told<lease::tell_late>() == 0);
  SECTION("failed") {
    n.input(lease::beat_failed{2});
    CHECK(n.told<lease::tell_late>() == 1);
    CHECK(n.state.in_flight.empty());
    CHECK(n.held());
  }
  SECTION("unanswered for more than two seconds") {
    n.tick_at(4'001ms);
    CHECK(n.told<lease::tell_late>() == 1);
  }
  SECTION("confirmed after more than two seconds, though it renews") {
    n.confirm_at(2, 4'001ms);
    CHECK(n.told<lease::tell_late>() == 1);
    CHECK(n.told<lease::tell_renewed>() == 1);
  }
  SECTION("confirmed in time") {
    n.confirm_at(2, 3'900ms);
    CHECK(n.told<lease::tell_late>() == 0);
  }
}

TEST_CASE("a change in the record is written at once", "[lease]") {
  auto n = with_lease();
  n.now += 10ms;
  n.input(lease::beat_wanted{});
  CHECK(n.beats() == std::vector<lease::beat_number>{2});
}

TEST_CASE("the next tick is due at the next heartbeat or at the end of the lease", "[lease]") {
  auto n = with_lease();
  const auto start = monotonic_instant{100s};
  CHECK(lease::wake_at(n.state, n.now, n.limits) == start + 2s);
  n.tick_at(7'000ms);
  CHECK(lease::wake_at(n.state, n.now, n.limits) == start + 8s);
  CHECK(lease::wake_at(lease::state{}, start, n.limits) == start);
}
