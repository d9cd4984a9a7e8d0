#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

#include "actors/supervisor/sharing.hpp"

using namespace baton;
using namespace baton::supervisor;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

namespace {

constexpr monotonic_instant now{1h};

/// A contest that is written down line by line.
struct case_of {
  contest between;

  explicit case_of(std::size_t slots) { between.most = slots; }
  case_of& tenant(std::uint32_t weight = 1, std::size_t slots_max = 1'000) {
    between.sides.push_back({0, slots_max, weight, {}});
    return *this;
  }
  /// Of the tenant last named.
  case_of& runs(std::string_view name, milliseconds age, standing s = standing::steady, std::uint8_t priority = 0) {
    between.sides.back().used += 1;
    between.slices.push_back(
        {execution_id::parse(name).value(), between.sides.size() - 1, priority, s, now - age, false});
    return *this;
  }
  case_of& ends(std::string_view name) {
    runs(name, 0s);
    between.slices.back().is_ending = true;
    return *this;
  }
  case_of& waits(std::size_t count = 1, standing s = standing::steady, milliseconds since = 1s, std::uint8_t priority = 0) {
    auto& line = between.sides.back().waiting[static_cast<std::size_t>(s)];
    line.insert(line.end(), count, as_if_since(now - since, priority));
    return *this;
  }
  [[nodiscard]] strings asked() const {
    strings names;
    for (const auto& execution : whom_to_ask(between, now, 10s)) names.push_back(execution.text());
    return names;
  }
};

} // namespace

TEST_CASE("no more are asked than wait, and none that is young", "[sharing]") {
  CHECK(case_of{3}.tenant().runs("a", 12s).runs("b", 14s).runs("c", 9s).waits(1).asked() == strings{"b"});
  CHECK(case_of{3}.tenant().runs("a", 12s).runs("b", 14s).runs("c", 9s).waits(5).asked() == strings{"b", "a"});
  CHECK(case_of{3}.tenant().runs("a", 12s).runs("b", 14s).runs("c", 9s).asked().empty());
}

TEST_CASE("a slot that is on its way serves one that waits", "[sharing]") {
  CHECK(case_of{3}.tenant().runs("a", 12s).ends("b").runs("c", 14s).waits(1).asked().empty());
  CHECK(case_of{3}.tenant().runs("a", 12s).ends("b").runs("c", 14s).waits(2).asked() == strings{"c"});
}

TEST_CASE("the tenant with more than its share makes room, were its slices the younger ones", "[sharing]") {
  const auto asked = case_of{4}.tenant().runs("small", 60s).tenant().runs("x", 20s).runs("y", 30s).runs("z", 25s).tenant().waits().asked();
  CHECK(asked == strings{"y"});
}

TEST_CASE("the one with more weight may keep more", "[sharing]") {
  const auto asked = case_of{4}.tenant(3).runs("x", 40s).runs("y", 30s).runs("z", 25s).tenant(1).runs("a", 50s).waits(3).asked();
  CHECK(asked == strings{"a"});
}

TEST_CASE("nobody makes room for a tenant that has as much for its weight", "[sharing]") {
  CHECK(case_of{2}.tenant().runs("a", 60s).tenant().runs("b", 5s).waits(9).asked().empty());
  // Only its own slices do.
  CHECK(case_of{2}.tenant().runs("a", 60s).tenant().runs("b", 15s).waits(9).asked() == strings{"b"});
}

TEST_CASE("a tenant that comes late gets its part at once, not more", "[sharing]") {
  case_of flood{10};
  flood.tenant();
  for (int i = 0; i < 10; ++i) flood.runs("f" + std::to_string(i), 20s);
  CHECK(flood.tenant().waits(100).asked() == strings{"f0", "f1", "f2", "f3", "f4"});
}

TEST_CASE("a slice is not asked for those that could not use its slot, their tenant being at its limit", "[sharing]") {
  CHECK(case_of{4}.tenant().runs("x", 60s).runs("y", 60s).runs("z", 60s).tenant(1, 1).runs("f", 5s).waits(9).asked().empty());
  // One of its own would make room.
  CHECK(case_of{4}.tenant().runs("x", 60s).tenant(1, 1).runs("f", 15s).waits(9).asked() == strings{"f"});
}

TEST_CASE("a slice is not asked for one of its tenant that would stand behind it again", "[sharing]") {
  using enum standing;
  CHECK(case_of{1}.tenant().runs("high", 60s, steady, 5).waits(1, steady, 50s, 4).asked().empty());
  CHECK(case_of{1}.tenant().runs("high", 60s, steady, 5).waits(1, steady, 61s, 4).asked() == strings{"high"});
  CHECK(case_of{1}.tenant().runs("low", 60s, steady, 4).waits(1, steady, 0s, 5).asked() == strings{"low"});
  // Another tenant's priorities are its own affair.
  CHECK(case_of{1}.tenant().runs("high", 60s, steady, 9).tenant().waits().asked() == strings{"high"});
}

TEST_CASE("only what keeps a suspect or a shaken one waiting is asked for it", "[sharing]") {
  using enum standing;
  CHECK(case_of{9}.tenant().runs("a", 60s).runs("s", 20s, suspect).waits(1, suspect).asked() == strings{"s"});
  CHECK(case_of{9}.tenant().runs("a", 60s).runs("k", 20s, shaken).waits(1, suspect).asked() == strings{"k"});
  CHECK(case_of{9}.tenant().runs("a", 60s).runs("s", 20s, suspect).waits(3, shaken).asked() == strings{"s"});
  CHECK(case_of{9}.tenant().runs("a", 60s).tenant().runs("s", 20s, suspect).tenant().waits(1, shaken).asked() == strings{"s"});
  CHECK(case_of{2}.tenant().runs("a", 60s).runs("b", 20s).waits(1, suspect).asked() == strings{"a"});
}

TEST_CASE("what a tenant has too much goes to those that have least", "[sharing]") {
  CHECK(case_of{2}.tenant().runs("x", 60s).runs("y", 50s).tenant().waits().tenant().waits().asked() == strings{"x", "y"});
  CHECK(case_of{3}.tenant().runs("x", 60s).runs("y", 50s).tenant().runs("z", 5s).waits(7).asked() == strings{"x"});
}
