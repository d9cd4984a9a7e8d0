// Durations, sizes and addresses as people write them.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <limits>
#include <utility>

#include "config/nearest.hpp"
#include "config/quantity.hpp"

using namespace baton;
using namespace baton::config;
using std::chrono::milliseconds;

TEST_CASE("a duration is a whole number and a unit", "[config]") {
  const auto [text, count] =
      GENERATE(table<const char*, std::int64_t>({{"300ms", 300}, {"10s", 10'000}, {"5m", 300'000}, {"11h", 39'600'000},
          {"0s", 0}, {"0", 0}, {"9223372036854775807ms", std::numeric_limits<std::int64_t>::max()}}));
  CAPTURE(text);
  REQUIRE(parse_duration(text) == milliseconds{count});
}

TEST_CASE("what is no duration is not guessed at", "[config]") {
  const auto* text = GENERATE("", "10", "s", "1.5s", "-1s", "+1s", " 1s", "1s ", "1 s", "1S", "1d", "1us", "1h30m",
      "9223372036854775808ms", "2562047788016h", "99999999999999999999999ms");
  CAPTURE(text);
  REQUIRE_FALSE(parse_duration(text));
}

TEST_CASE("a written duration has the largest unit that fits", "[config]") {
  REQUIRE(to_text(milliseconds{0}) == "0s");
  REQUIRE(to_text(milliseconds{1}) == "1ms");
  REQUIRE(to_text(milliseconds{1500}) == "1500ms");
  REQUIRE(to_text(milliseconds{90'000}) == "90s");
  REQUIRE(to_text(milliseconds{60'000}) == "1m");
  REQUIRE(to_text(milliseconds{86'400'000}) == "24h");
}

TEST_CASE("a size is a whole number and a unit", "[config]") {
  REQUIRE(parse_size("64KiB") == kib(64));
  REQUIRE(parse_size("1MiB") == mib(1));
  REQUIRE(parse_size("3GiB") == gib(3));
  REQUIRE(parse_size("2TiB") == gib(2048));
  REQUIRE(parse_size("16000B") == byte_size{16'000});
  REQUIRE(parse_size("0") == byte_size{0});
  REQUIRE(parse_size("18446744073709551615B") == byte_size{std::numeric_limits<std::uint64_t>::max()});
}

TEST_CASE("what is no size is not guessed at", "[config]") {
  const auto* text =
      GENERATE("", "64", "64K", "64kb", "64KB", "1.5MiB", "-1B", "B", "18446744073709551616B", "16777216TiB");
  CAPTURE(text);
  REQUIRE_FALSE(parse_size(text));
}

TEST_CASE("what is written reads back as the same", "[config]") {
  const auto number =
      GENERATE(0LL, 1LL, 999LL, 1000LL, 1024LL, 60'000LL, 61'000LL, 65'536LL, 3'600'000LL, 1LL << 40, (1LL << 50) + 1);
  REQUIRE(parse_duration(to_text(milliseconds{number})) == milliseconds{number});
  const byte_size size{static_cast<std::uint64_t>(number)};
  REQUIRE(parse_size(to_text(size)) == size);
}

TEST_CASE("an address is a host and a port", "[config]") {
  REQUIRE(parse_address("127.0.0.1:0") == listen_address{"127.0.0.1", 0});
  REQUIRE(parse_address("localhost:65535") == listen_address{"localhost", 65'535});
  REQUIRE(parse_address("[::1]:80") == listen_address{"::1", 80});
  for (const auto* text : {"127.0.0.1:0", "[::1]:80", "host-1.example:9"})
    REQUIRE(to_text(*parse_address(text)) == text);
}

TEST_CASE("what is no address is refused", "[config]") {
  const auto* text = GENERATE("", ":", ":80", "host", "host:", "host:65536", "host:-1", "host:8x", "::1:80", "[::1]",
      "[]:80", "[host]:80", "a b:80", "a/b:80");
  CAPTURE(text);
  REQUIRE_FALSE(parse_address(text));
}

TEST_CASE("the nearest name is offered, a far one is not", "[config]") {
  const std::vector<std::string> known = {"lease.heartbeat", "lease.duration", "node.slots"};
  REQUIRE(nearest("lease.hartbeat", known) == "lease.heartbeat");
  REQUIRE(nearest("slots", known).empty());
  REQUIRE(nearest("node.slot", known) == "node.slots");
  REQUIRE(nearest("", known).empty());
  REQUIRE(nearest(std::string(100'000, 'x'), known).empty());
}
