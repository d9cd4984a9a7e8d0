#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>

#include "bridge/nats/js_api.hpp"
#include "bridge/nats/stream_memory.hpp"
#include "bridge/nats/streams.hpp"
#include "messages/subjects.hpp"
#include "tests/support/nats_link.hpp"

using namespace baton;
using namespace baton::nats;
using Catch::Matchers::ContainsSubstring;

namespace {

stream_plan small_plan() { return {.partitions = 8}; }

std::string refusal_text(const expected<streams_ready, streams_refused>& result) {
  return result ? "ready" : result.error().text;
}

void must(const api_result& answer) {
  INFO((answer ? std::string{} : answer.error().text));
  REQUIRE(answer);
}

/// Makes a stream as planned but for one field.
void make_bent(requester& asks, std::string_view name, std::string_view field, value to) {
  for (const auto& shape : stream_shapes(small_plan())) {
    if (shape.name != name) continue;
    auto config = *shape.config.as<value::object>();
    std::erase_if(config, [&](const auto& one) { return one.first == field; });
    if (!to.is_null()) config.emplace_back(field, std::move(to));
    must(call_api(asks, api_subject("STREAM.CREATE", name), to_json(config)));
  }
}

} // namespace

TEST_CASE("streams are made once and found again", "[streams]") {
  support::nats_server server;
  support::nats_link link{server.url()};
  const auto first = prepare_streams(*link.asks, small_plan(), {});
  INFO(refusal_text(first));
  REQUIRE(first);
  CHECK(first->made.size() == 8);
  CHECK(first->streams.size() == 8);
  CHECK(first->partitions == 8);
  const auto second = prepare_streams(*link.asks, small_plan(), {});
  REQUIRE(second);
  CHECK(second->made.empty());
}

TEST_CASE("another number of partitions than the streams have is refused naming both", "[streams]") {
  support::nats_server server;
  support::nats_link link{server.url()};
  REQUIRE(prepare_streams(*link.asks, small_plan(), {}));
  const auto other = prepare_streams(*link.asks, {.partitions = 16}, {});
  REQUIRE_FALSE(other);
  CHECK(other.error().what == streams_refused::kind::unfit);
  CHECK_THAT(other.error().text, ContainsSubstring("8 partitions") && ContainsSubstring("16 are configured"));
}

TEST_CASE(
    "a stream of another shape is refused naming stream, field, what is there and what is expected", "[streams]") {
  struct bend {
    std::string_view stream;
    std::string_view field;
    value to;
    std::string_view said;
  };
  const std::vector<bend> bends{
      {subjects::tasks_stream, "retention", "limits", R"(retention is "limits", expected "workqueue")"},
      {subjects::tasks_stream, "subject_transform", {}, "subject_transform.dest"},
      {subjects::control_stream, "discard", "old", R"(discard is "old", expected "new")"},
      {subjects::control_stream, "allow_direct", {}, "allow_direct is false, expected true"},
      {subjects::log_stream, "allow_rollup_hdrs", {}, "allow_rollup_hdrs is false, expected true"},
      {subjects::log_stream, "republish", {}, "republish.src is none"},
      {subjects::log_stream, "max_age", 1'000'000'000, "max_age is 1000000000, expected 0"},
      {subjects::owners_stream, "max_msgs_per_subject", 2, "max_msgs_per_subject is 2, expected 1"},
      {subjects::dead_stream, "storage", "memory", R"(storage is "memory", expected "file")"},
      // The last to be made: what comes after it here would be there already.
      {subjects::wakes_stream, "max_msgs_per_subject", {}, "max_msgs_per_subject is -1, expected 1"},
      {subjects::wakes_stream, "deny_delete", true, "deny_delete is true, expected false"},
  };
  support::nats_server server;
  support::nats_link link{server.url()};
  for (const auto& one : bends) {
    make_bent(*link.asks, one.stream, one.field, one.to);
    const auto refused = prepare_streams(*link.asks, small_plan(), {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what == streams_refused::kind::unfit);
    CHECK_THAT(
        refused.error().text, ContainsSubstring(std::string{one.stream}) && ContainsSubstring(std::string{one.said}));
    must(call_api(*link.asks, api_subject("STREAM.DELETE", one.stream)));
  }
  CHECK(refusal_text(prepare_streams(*link.asks, small_plan(), {})) == "ready");
}

TEST_CASE("a stream of nodes that lets nothing be deleted will do", "[streams]") {
  support::nats_server server;
  support::nats_link link{server.url()};
  make_bent(*link.asks, subjects::nodes_stream, "deny_delete", true);
  CHECK(refusal_text(prepare_streams(*link.asks, small_plan(), {})) == "ready");
}

TEST_CASE("the server puts each session into the partition that partition_of says", "[streams]") {
  support::nats_server server;
  support::nats_link link{server.url()};
  REQUIRE(prepare_streams(*link.asks, {.partitions = 13}, {}));
  std::size_t agreed = 0;
  for (int i = 0; i < 1'000; ++i) {
    const auto session =
        *session_id::parse("s-" + std::to_string(i * 7'919) + std::string(static_cast<std::size_t>(i % 40), 'x'));
    REQUIRE(link.ask(subjects::task(session), "x"));
    const auto direct = link.ask(
        "$JS.API.DIRECT.GET." + std::string{subjects::tasks_stream}, by_sequence({static_cast<std::uint64_t>(i) + 1}));
    REQUIRE(direct);
    const auto stored = read_direct_answer(*direct);
    REQUIRE(stored);
    const auto parsed = subjects::parse_stored(stored->subject);
    REQUIRE(parsed);
    if (parsed->session == session && parsed->partition == subjects::partition_of(session, 13)) ++agreed;
  }
  CHECK(agreed == 1'000);
}

TEST_CASE("a commit's headers are republished without its body, a dead letter's too", "[streams]") {
  support::nats_server server;
  support::nats_link link{server.url()};
  REQUIRE(prepare_streams(*link.asks, small_plan(), {}));
  support::arrivals committed;
  support::arrivals refused;
  auto watches_commits = link.link->subscribe(std::string{subjects::all_committed}, committed.taker());
  auto watches_letters = link.link->subscribe(std::string{subjects::all_refused}, refused.taker());
  REQUIRE(link.link->flush(support::patience));
  const auto session = *session_id::parse("s1");
  const std::vector<header> with{{"Baton-Event", "{}"}};
  REQUIRE(link.ask(subjects::log({3}, session), "secret", with));
  REQUIRE(link.ask(subjects::dead(session), "secret", with));
  for (auto* seen : {&committed, &refused}) {
    REQUIRE(seen->wait_for(1));
    CHECK(seen->at(0).subject() == (seen == &committed ? subjects::committed(session) : subjects::refused(session)));
    CHECK(seen->at(0).payload().empty());
    CHECK(seen->at(0).header("Baton-Event") == "{}");
    CHECK(seen->at(0).header("Nats-Sequence") == "1");
  }
}

TEST_CASE("a broker that lost its store is noticed, until the loss is accepted", "[streams]") {
  support::nats_server server;
  support::nats_link link{server.url()};
  const stream_memory memory{.file = server.dir() / "streams.json"};
  REQUIRE(prepare_streams(*link.asks, small_plan(), memory));

  server.kill();
  server.start();
  REQUIRE(link.wait_connected());
  CHECK(refusal_text(prepare_streams(*link.asks, small_plan(), memory)) == "ready");

  server.start_empty();
  REQUIRE(link.wait_connected());
  const auto gone = prepare_streams(*link.asks, small_plan(), memory);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().what == streams_refused::kind::lost);
  CHECK_THAT(gone.error().text, ContainsSubstring("BATON_TASKS") && ContainsSubstring("is gone"));
  CHECK(refusal_text(prepare_streams(*link.asks, small_plan(), {.file = memory.file, .accept_loss = true})) == "ready");
  CHECK(refusal_text(prepare_streams(*link.asks, small_plan(), memory)) == "ready");
}

TEST_CASE("a stream that was made anew is noticed", "[streams]") {
  support::nats_server server;
  support::nats_link link{server.url()};
  const stream_memory memory{.file = server.dir() / "streams.json"};
  REQUIRE(prepare_streams(*link.asks, small_plan(), memory));
  must(call_api(*link.asks, api_subject("STREAM.DELETE", subjects::log_stream)));
  REQUIRE(prepare_streams(*link.asks, small_plan(), {}));
  CHECK_THAT(refusal_text(prepare_streams(*link.asks, small_plan(), memory)),
      ContainsSubstring("BATON_LOG") && ContainsSubstring("was made anew"));
}

TEST_CASE("sequences that went backwards are noticed", "[streams]") {
  const std::vector<seen_stream> before{{"A", "monday", 100}};
  CHECK(loss(before, {{"A", "monday", 100}}).empty());
  CHECK(loss(before, {{"A", "monday", 101}, {"B", "monday", 0}}).empty());
  CHECK_THAT(loss(before, {{"A", "monday", 99}}), ContainsSubstring("now ends at message 99"));
}

TEST_CASE("a memory file that is not one is refused, not overwritten", "[streams]") {
  support::temp_dir dir;
  const auto file = dir.path() / "streams.json";
  CHECK(load_seen(file)->empty());
  const std::vector<seen_stream> streams{{"A", "monday", 100}};
  REQUIRE_FALSE(save_seen(file, streams));
  CHECK(*load_seen(file) == streams);
  std::ofstream{file} << "not json";
  const auto broken = load_seen(file);
  REQUIRE_FALSE(broken);
  CHECK_THAT(broken.error(), ContainsSubstring("streams.json"));
  CHECK(save_seen(dir.path() / "no" / "such" / "folder", streams));
}

TEST_CASE("a server without JetStream is told apart from one that is away", "[streams]") {
  support::nats_server server{{.jetstream = false}};
  support::nats_link link{server.url()};
  const auto none = prepare_streams(*link.asks, small_plan(), {});
  REQUIRE_FALSE(none);
  CHECK_THAT(none.error().text, ContainsSubstring("JetStream"));
}
