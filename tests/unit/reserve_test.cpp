#include "actors/supervisor/reserve.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace baton;

TEST_CASE("slices stop when less than the reserve is free, and start again an eighth above it", "[reserve]") {
  supervisor::reserve r{800};
  CHECK_FALSE(r.saw({9'200, 10'000}));
  CHECK_FALSE(r.is_reached());
  CHECK(r.saw({9'201, 10'000}));
  CHECK(r.is_reached());
  CHECK_FALSE(r.saw({10'400, 10'000}));
  CHECK_FALSE(r.saw({9'101, 10'000}));
  CHECK(r.is_reached());
  CHECK(r.saw({9'100, 10'000}));
  CHECK_FALSE(r.is_reached());
}

TEST_CASE("a log without a limit, or without a reserve, stops nothing", "[reserve]") {
  supervisor::reserve r{800};
  CHECK_FALSE(r.saw({1'000'000, 0}));
  supervisor::reserve none{0};
  CHECK_FALSE(none.saw({10'000, 10'000}));
  CHECK_FALSE(none.is_reached());
}

TEST_CASE("a limit that was taken away ends the pause", "[reserve]") {
  supervisor::reserve r{800};
  CHECK(r.saw({10'000, 10'000}));
  CHECK(r.saw({10'000, 0}));
  CHECK_FALSE(r.is_reached());
}

TEST_CASE("a log smaller than its reserve still serves with half of it", "[reserve]") {
  supervisor::reserve r{800};
  CHECK_FALSE(r.saw({500, 1'000}));
  CHECK(r.saw({501, 1'000}));
}
