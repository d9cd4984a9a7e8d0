#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "bridge/nats/js_api.hpp"
#include "bridge/nats/log_reader.hpp"
#include "bridge/nats/session_log.hpp"
#include "bridge/nats/streams.hpp"
#include "messages/subjects.hpp"
#include "tests/support/nats_link.hpp"
#include "tests/support/waited.hpp"

using namespace baton;
using namespace baton::nats;
using Catch::Matchers::ContainsSubstring;

namespace {

session_id id(std::string_view text) { return *session_id::parse(text); }

struct reader_world {
  reader_world() : link{server.url()} { REQUIRE(prepare_streams(*link.asks, {.partitions = 8}, {})); }

  stream_seq append(std::string_view session, stream_seq expected, std::size_t content_size = 5, int events = 1) {
    commit c;
    c.session = id(session);
    c.node = *node_id::parse("n1");
    c.number = {expected.value + 1};
    auto& e = c.entries.emplace_back();
    e.content = std::string(content_size, 'x');
    for (int i = 0; i < events; ++i)
      c.events.emplace_back().slice = {static_cast<std::uint64_t>(i) + 1};
    support::waited<append_result> result;
    log.append(subjects::partition_of(c.session, 8), expected, c, result.to());
    const auto stored = result.get();
    REQUIRE(std::holds_alternative<appended>(stored));
    return std::get<appended>(stored).seq;
  }
  log_reader reader() {
    auto opened = log_reader::open(*link.asks);
    REQUIRE(opened);
    return *opened;
  }

  support::nats_server server;
  support::nats_link link;
  nats_session_log log{*link.asks};
};

} // namespace

TEST_CASE("a reader without Baton's streams says so", "[log_reader]") {
  support::nats_server server;
  support::nats_link link{server.url()};
  const auto none = log_reader::open(*link.asks);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == refusal_code::stream_not_found);
}

TEST_CASE("a session's commits are read one after the other, with events and large values", "[log_reader]") {
  reader_world world;
  const auto first = world.append("s1", {0}, 5, 2);
  const auto other = world.append("s2", {0});
  const auto second = world.append("s1", first, 700'000, 1);
  const auto reader = world.reader();
  CHECK(reader.partitions() == 8);

  const auto one = reader.next(id("s1"), {0});
  REQUIRE(one);
  REQUIRE(one->has_value());
  CHECK((*one)->seq == first);
  CHECK((*one)->commit.events.size() == 2);
  CHECK((*one)->commit.events[1].slice == slice_number{2});
  const auto two = reader.next(id("s1"), next(first));
  REQUIRE(two);
  REQUIRE(two->has_value());
  CHECK((*two)->seq == second);
  CHECK(*(*two)->commit.entries[0].content.as<std::string>() == std::string(700'000, 'x'));
  const auto end = reader.next(id("s1"), next(second));
  REQUIRE(end);
  CHECK_FALSE(end->has_value());

  const auto last = reader.last(id("s2"));
  REQUIRE(last);
  REQUIRE(last->has_value());
  CHECK((*last)->seq == other);
  CHECK_FALSE(reader.last(id("nobody"))->has_value());
  CHECK_FALSE(reader.next(id("nobody"), {0})->has_value());
}

TEST_CASE("all sessions are listed by name", "[log_reader]") {
  reader_world world;
  CHECK(world.reader().sessions()->empty());
  std::vector<session_id> expected;
  for (int i = 0; i < 200; ++i) {
    const auto name = "s" + std::to_string(1'000 + i);
    expected.push_back(id(name));
    world.append(name, {0});
  }
  const auto found = world.reader().sessions();
  REQUIRE(found);
  CHECK(*found == expected);
}

TEST_CASE("a commit that cannot be read names its sequence", "[log_reader]") {
  reader_world world;
  REQUIRE(world.link.ask(subjects::log(subjects::partition_of(id("s1"), 8), id("s1")), "not a commit"));
  const auto broken = world.reader().last(id("s1"));
  REQUIRE_FALSE(broken);
  CHECK_THAT(broken.error().text, ContainsSubstring("sequence 1"));
}
