// What waits beyond memory: in stream order, each once, and found in as many steps whether it is long or short.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <random>

#include "actors/session/backlog.hpp"

using namespace baton;
using session::backlog;
using session::stub;

namespace {

id_hash id(std::uint64_t number) { return {number % 3, number}; }

stub waiting(std::uint64_t seq, std::uint64_t of) { return {{seq}, id(of), {seq * 10}}; }

std::vector<std::uint64_t> sequences(const backlog& b) {
  std::vector<std::uint64_t> all;
  std::ranges::transform(b, std::back_inserter(all), [](const stub& s) { return s.seq.value; });
  return all;
}

backlog of_three() {
  backlog b;
  b.add(waiting(4, 104));
  b.add(waiting(7, 107));
  b.add(waiting(9, 109));
  return b;
}

} // namespace

TEST_CASE("what waits in the backlog is found by its place and by its id", "[backlog]") {
  const auto b = of_three();
  REQUIRE(b.find(stream_seq{7}) != nullptr);
  CHECK(b.find(stream_seq{7})->id == id(107));
  REQUIRE(b.find(id(109)) != nullptr);
  CHECK(b.find(id(109))->digest == body_digest{90});
  CHECK(b.find(stream_seq{5}) == nullptr);
  CHECK(b.find(stream_seq{10}) == nullptr);
  CHECK(b.find(id(7)) == nullptr);
}

TEST_CASE("the backlog is in stream order, in whatever order its tasks came", "[backlog]") {
  auto b = of_three();
  CHECK(b.add(waiting(5, 105)));
  CHECK(b.add(waiting(1, 101)));
  CHECK(sequences(b) == std::vector<std::uint64_t>{1, 4, 5, 7, 9});
  CHECK(b.front().seq == stream_seq{1});
}

TEST_CASE("neither a place nor an id is in the backlog twice", "[backlog]") {
  auto b = of_three();
  CHECK_FALSE(b.add(waiting(7, 300)));
  CHECK_FALSE(b.add(waiting(12, 107)));
  CHECK(sequences(b) == std::vector<std::uint64_t>{4, 7, 9});
  CHECK(b.find(id(300)) == nullptr);
  CHECK(b.find(id(107))->seq == stream_seq{7});
}

TEST_CASE("an id that has left the backlog may come into it again", "[backlog]") {
  auto b = of_three();
  b.remove({4});
  b.remove({4});
  CHECK(b.find(id(104)) == nullptr);
  CHECK(b.add(waiting(20, 104)));
  CHECK(sequences(b) == std::vector<std::uint64_t>{7, 9, 20});
  b.clear();
  CHECK(b.empty());
  CHECK(b.find(id(104)) == nullptr);
  CHECK(b.add(waiting(7, 107)));
}

TEST_CASE("a copy of a backlog does not change with it", "[backlog]") {
  auto b = of_three();
  const auto before = b;
  b.remove({7});
  b.add(waiting(12, 112));
  CHECK(sequences(before) == std::vector<std::uint64_t>{4, 7, 9});
  CHECK(before.find(id(107))->seq == stream_seq{7});
  CHECK(before.find(id(112)) == nullptr);
}

TEST_CASE("whatever comes and goes, the backlog knows the same as a plain list", "[backlog]") {
  std::mt19937_64 random{7};
  backlog b;
  std::map<stream_seq, id_hash> plain;
  const auto pick = [&](std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>{1, most}(random); };
  for (int step = 0; step < 20'000; ++step) {
    const auto one = waiting(pick(60), pick(60));
    if (pick(2) == 1) {
      const bool is_new = !plain.contains(one.seq) && std::ranges::none_of(plain, [&](const auto& p) { return p.second == one.id; });
      if (is_new) plain.emplace(one.seq, one.id);
      REQUIRE(b.add(one) == is_new);
    } else {
      plain.erase(one.seq);
      b.remove(one.seq);
    }
    REQUIRE(b.size() == plain.size());
    REQUIRE(b.empty() == plain.empty());
    REQUIRE(std::ranges::equal(b, plain, {}, [](const stub& s) { return std::pair{s.seq, s.id}; },
                               [](const auto& p) { return std::pair{p.first, p.second}; }));
    const auto* known = b.find(one.id);
    REQUIRE((known != nullptr) == std::ranges::any_of(plain, [&](const auto& p) { return p.second == one.id; }));
  }
}
