// Random sessions, stores and clocks: whatever happens, no wake fires early, none is lost, and the late ones come in measure.
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "tests/unit/wakes_world.hpp"

using namespace baton;
using namespace baton::test;
using namespace std::chrono_literals;

namespace {

struct player {
  explicit player(unsigned seed) : dice(seed) {
    w.settings.per_second = pick(3) == 0 ? 3 : 50;
    w.settings.in_flight_max = 1 + pick(8);
    w.page_max = 1 + pick(20);
  }

  std::size_t pick(std::size_t below) { return dice() % below; }
  wakes::wake_name any() { return name_of("s" + std::to_string(pick(12)), "k" + std::to_string(pick(3))); }

  void act() {
    switch (pick(12)) {
      case 0:
      case 1: {
        const auto name = any();
        const wake asked{w.wall + milliseconds{static_cast<int>(pick(60'000)) - 10'000}, "x"};
        wanted.insert_or_assign(name, asked);
        return w.give(wakes::wanted{name, asked});
      }
      case 2: {
        const auto name = any();
        wanted.erase(name);
        return w.give(wakes::unwanted{name});
      }
      case 3: w.wall += milliseconds{static_cast<int>(pick(20'000)) - 10'000}; return;
      case 4: w.refuses = pick(3) == 0; return;
      case 5: w.loses_answers = pick(3) == 0; return;
      case 6: return w.give(wakes::session_was_lost{any().session});
      case 7: return w.pass(milliseconds{pick(3'000)});
      case 8: return retry();
      default:
        if (!w.asked.empty()) w.answer();
    }
  }

  void retry() {
    if (std::exchange(w.retry_is_set, false)) w.give(wakes::retry_is_due{});
  }

  wakes_world w;
  std::mt19937 dice;
  std::map<wakes::wake_name, wake> wanted;
};

/// In any second.
std::size_t most_late(const std::vector<wakes_world::shot>& fired) {
  std::size_t most = 0;
  std::deque<monotonic_instant> window;
  for (const auto& shot : fired) {
    if (!shot.late) continue;
    window.push_back(shot.at_monotonic);
    while (window.back() - window.front() >= 1s) window.pop_front();
    most = std::max(most, window.size());
  }
  return most;
}

} // namespace

TEST_CASE("whatever happens, no wake is early, none is lost, and the late ones come in measure", "[wakes]") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    player p{seed};
    for (std::size_t i = p.pick(40); i > 0; --i) {
      const auto name = p.any();
      p.w.store(name, p.w.wall - 1h + milliseconds{p.pick(7'200'000)});
      p.wanted.insert_or_assign(name, *p.w.stored.at(name).wake);
    }
    p.w.give(wakes::opened{});
    for (int i = 0; i < 400; ++i) p.act();
    p.w.refuses = false;
    p.w.loses_answers = false;
    // Sessions are done with what they hear, so that all are known in the end.
    std::size_t seen = 0;
    for (int i = 0; i < 3'000 && !p.w.stored.empty(); ++i) {
      p.w.answer_all();
      p.retry();
      p.w.pass(5s);
      for (; seen < p.w.fired.size(); ++seen) {
        p.wanted.erase(p.w.fired[seen].name);
        p.w.give(wakes::unwanted{p.w.fired[seen].name});
      }
    }
    for (const auto& shot : p.w.fired) REQUIRE(shot.at >= shot.due);
    REQUIRE(most_late(p.w.fired) <= p.w.settings.per_second);
    REQUIRE(p.w.stored.empty());
    REQUIRE(p.w.state.known.empty());
    REQUIRE(p.w.state.by_due.empty());
    REQUIRE(p.w.state.in_flight == 0);
  }
}
