// What is asked for, and when: never more than the limits leave room for.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include "tests/ports/pull_under_test.hpp"

using namespace baton;
using namespace baton::nats;
using namespace std::chrono_literals;

TEST_CASE("two batches are asked for at the start, and the next when half of them has come", "[pull]") {
  pull p{small(100, 4)};
  CHECK(p.asked() == 8);
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    CHECK(p.message(seq) == pull_fate::deliver);
    CHECK(p.asked() == 0);
  }
  CHECK(p.message(4) == pull_fate::deliver);
  CHECK(p.asked() == 4);
  CHECK(p.state.outstanding() == 8);
}

TEST_CASE("no more is asked for than the credit allows, and confirmed or light messages give it back", "[pull]") {
  pull p{small(4, 4)};
  CHECK(p.asked() == 4);
  for (std::uint64_t seq = 1; seq <= 4; ++seq) {
    CHECK(p.message(seq) == pull_fate::deliver);
    CHECK(p.asked() == 0);
  }
  CHECK(p.state.heavy() == 4);
  p.orders = {};
  p.state.lighten({1}, p.now, p.orders);
  CHECK(p.asked() == 1);
  p.acknowledge(2);
  CHECK(p.asked() == 0);
  p.orders = {};
  p.state.ack_confirmed({2}, p.now, p.orders);
  CHECK(p.called() == std::vector<std::uint64_t>{2});
  CHECK(p.asked() == 1);
  CHECK(p.state.heavy() == 2);
  CHECK(p.state.held() == 3);
}

TEST_CASE("credit that comes back in drops is saved up until the next tick", "[pull]") {
  pull p{small(64, 64)};
  CHECK(p.asked() == 64);
  for (std::uint64_t seq = 1; seq <= 64; ++seq)
    CHECK(p.message(seq) == pull_fate::deliver);
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    p.orders = {};
    p.state.lighten({seq}, p.now, p.orders);
    CHECK(p.asked() == 0);
    CHECK(p.state.wants_tick_soon());
  }
  p.tick();
  CHECK(p.asked() == 3);
  CHECK_FALSE(p.state.wants_tick_soon());
}

TEST_CASE("payloads count against a bound of their own", "[pull]") {
  auto limits = small(1000, 4);
  limits.held_bytes = 1000;
  pull p{limits};
  CHECK(p.asked() == 8);
  for (std::uint64_t seq = 1; seq <= 8; ++seq)
    CHECK(p.message(seq, 0, 250) == pull_fate::deliver);
  CHECK(p.state.outstanding() == 0); // what was asked for before the bound was reached has come
  CHECK(p.asked() == 0);
  for (std::uint64_t seq = 1; seq <= 5; ++seq) {
    p.orders = {};
    p.state.lighten({seq}, p.now, p.orders);
  }
  CHECK(p.asked() == 8);
}

TEST_CASE("while many light messages are held, less is asked for at once", "[pull]") {
  pull p{small(100, 8)};
  CHECK(p.asked() == 16);
  const auto come_and_wait = [&](std::uint64_t seq) {
    CHECK(p.message(seq) == pull_fate::deliver);
    const auto asked = p.asked();
    p.orders = {};
    p.state.lighten({seq}, p.now, p.orders);
    return asked + p.asked();
  };
  std::uint64_t seq = 0;
  const auto come = [&](std::uint64_t count) {
    std::uint64_t asked = 0;
    for (const auto last = seq + count; seq < last;) asked += come_and_wait(++seq);
    return asked;
  };
  CHECK(come(8) == 8);
  CHECK(come(8) == 8);
  CHECK(come(13) == 0);
  CHECK(p.state.outstanding() == 3);
  CHECK(come(1) == 2);
  CHECK(come(1) == 0);
  CHECK(come(1) == 2);
  CHECK(p.state.outstanding() == 4);
  // As before once they have left.
  for (std::uint64_t gone = 1; gone <= 16; ++gone) {
    p.acknowledge(gone);
    p.orders = {};
    p.state.ack_confirmed({gone}, p.now, p.orders);
  }
  p.tick();
  CHECK(p.state.outstanding() == 16);
}

TEST_CASE("even light messages have a bound, and what leaves makes room", "[pull]") {
  auto limits = small(4, 4);
  limits.light_max = 3;
  pull p{limits};
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    CHECK(p.message(seq) == pull_fate::deliver);
    p.orders = {};
    p.state.lighten({seq}, p.now, p.orders);
  }
  while (p.state.outstanding() > 0) // was asked for before
    CHECK(p.message(p.state.highest().value + 1) == pull_fate::deliver);
  p.tick(1ms);
  CHECK(p.asked() == 0);
  p.acknowledge(1);
  p.state.ack_confirmed({1}, p.now, p.orders);
  p.tick(1ms);
  CHECK(p.state.outstanding() > 0);
}

TEST_CASE("a pull is crowded by messages or by payloads, and no longer once they are light", "[pull]") {
  auto limits = small(10, 10);
  limits.held_bytes = 1000;
  pull p{limits};
  const std::size_t bytes = GENERATE(10, 300);
  const std::uint64_t half = bytes == 10 ? 5 : 1;
  for (std::uint64_t seq = 1; seq <= half; ++seq)
    CHECK(p.message(seq, 0, bytes) == pull_fate::deliver);
  CHECK_FALSE(p.state.crowded());
  CHECK(p.message(half + 1, 0, bytes) == pull_fate::deliver);
  CHECK(p.state.crowded());
  p.state.lighten({1}, p.now, p.orders);
  CHECK_FALSE(p.state.crowded());
}
