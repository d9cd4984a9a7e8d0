// Owners, nodes, dead letters, live events and answers against a real server.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>

#include "bridge/nats/dead_letters.hpp"
#include "bridge/nats/event_sink.hpp"
#include "bridge/nats/js_api.hpp"
#include "bridge/nats/log_reader.hpp"
#include "bridge/nats/owner_store.hpp"
#include "bridge/nats/streams.hpp"
#include "bridge/nats/wakes.hpp"
#include "messages/codec.hpp"
#include "messages/subjects.hpp"
#include "tests/support/nats_link.hpp"
#include "tests/support/waited.hpp"

using namespace baton;
using namespace baton::nats;

namespace {

constexpr std::uint64_t partitions = 8;

struct store_world {
  explicit store_world(stream_plan plan = {.partitions = partitions}) : link{server.url()} {
    REQUIRE(prepare_streams(*link.asks, plan, {}));
  }

  write_result write(owner_record r) {
    support::waited<write_result> result;
    owners.write_owner(std::move(r), result.to());
    return result.get();
  }
  write_result write(node_record r) {
    support::waited<write_result> result;
    owners.write_node(std::move(r), result.to());
    return result.get();
  }
  expected<std::vector<owner_record>, store_failure> read_owners() {
    support::waited<expected<std::vector<owner_record>, store_failure>> result;
    owners.read_owners(result.to());
    return result.get();
  }
  expected<std::vector<node_record>, store_failure> read_nodes() {
    support::waited<expected<std::vector<node_record>, store_failure>> result;
    owners.read_nodes(result.to());
    return result.get();
  }
  bool bury(dead_letter letter, message_kind kind = message_kind::task) {
    support::waited<bool> result;
    letters.bury(std::move(letter), kind, result.to());
    return result.get();
  }

  support::nats_server server;
  support::nats_link link;
  nats_owner_store owners{*link.asks, partitions};
  nats_dead_letters letters{*link.asks};
  int dropped = 0;
  nats_event_sink sink{*link.link, [this] { ++dropped; }};
};

owner_record owner(std::uint64_t p, std::string_view node, std::uint64_t epoch, std::uint64_t revision) {
  owner_record r;
  r.partition = {p};
  r.node = *node_id::parse(node);
  r.epoch = {epoch};
  r.revision = {revision};
  return r;
}

node_record node(std::string_view name, std::uint64_t beat) {
  node_record r;
  r.node = *node_id::parse(name);
  r.beat = beat;
  r.host = "here";
  r.slots = 4;
  return r;
}

std::uint64_t revision_of(const write_result& result) {
  const auto* done = std::get_if<written>(&result);
  return done == nullptr ? 0 : done->revision.value;
}

dead_letter letter_about(std::uint64_t seq, std::string dedupe) {
  dead_letter d;
  d.session = *session_id::parse("s1");
  d.id = "t1";
  d.why = reason::unknown_runner;
  d.detail = "runner nobody";
  d.seq = {seq};
  d.dedupe = std::move(dedupe);
  return d;
}

} // namespace

TEST_CASE("an owner's record is written only over the revision that was read", "[owner_store]") {
  store_world world;
  REQUIRE(world.read_owners());
  CHECK(world.read_owners()->empty());
  const auto first = revision_of(world.write(owner(3, "n1", 1, 0)));
  REQUIRE(first > 0);
  CHECK(std::holds_alternative<write_refused>(world.write(owner(3, "n2", 1, 0))));
  auto second = owner(3, "n2", 2, first);
  second.released = true;
  const auto revision = revision_of(world.write(second));
  REQUIRE(revision > first);
  CHECK(std::holds_alternative<write_refused>(world.write(owner(3, "n1", 3, first))));
  second.revision = {revision};
  auto other = owner(5, "n1", 9, 0);
  other.revision = {revision_of(world.write(other))};
  auto all = world.read_owners();
  REQUIRE(all);
  std::ranges::sort(*all, {}, &owner_record::partition);
  CHECK(*all == std::vector{second, other});
}

TEST_CASE("of two nodes that take a partition at once, one gets it", "[owner_store]") {
  store_world world;
  support::waited<write_result> a;
  support::waited<write_result> b;
  world.owners.write_owner(owner(1, "n1", 1, 0), a.to());
  world.owners.write_owner(owner(1, "n2", 1, 0), b.to());
  const auto one = a.get();
  const auto two = b.get();
  CHECK((revision_of(one) != 0) != (revision_of(two) != 0));
  CHECK((std::holds_alternative<write_refused>(one) || std::holds_alternative<write_refused>(two)));
}

TEST_CASE("a heartbeat replaces the one before, and its revision moves", "[owner_store]") {
  store_world world;
  REQUIRE(world.read_nodes());
  CHECK(world.read_nodes()->empty());
  const auto first = revision_of(world.write(node("n1", 1)));
  const auto second = revision_of(world.write(node("n1", 2)));
  CHECK(second > first);
  auto draining = node("n2", 7);
  draining.draining = true;
  draining.revision = {revision_of(world.write(draining))};
  auto all = world.read_nodes();
  REQUIRE(all);
  std::ranges::sort(*all, {}, [](const node_record& n) { return n.node.text(); });
  auto beaten = node("n1", 2);
  beaten.revision = {second};
  CHECK(all->at(0).stored_at <= all->at(1).stored_at);
  CHECK(std::chrono::abs(world.link.time.now() - all->at(0).stored_at) < std::chrono::minutes{1});
  for (auto& n : *all) {
    n.stored_at = {};
  }
  CHECK(*all == std::vector{beaten, draining});
}

TEST_CASE("a node's record is removed as it was read, and not if it was written since", "[owner_store]") {
  store_world world;
  auto old = node("n1", 1);
  old.revision = {revision_of(world.write(old))};
  auto other = node("n2", 1);
  other.revision = {revision_of(world.write(other))};
  const auto moved = revision_of(world.write(node("n1", 2)));
  world.owners.remove_node(old);
  world.owners.remove_node(other);
  const auto left = [&] {
    std::vector<std::uint64_t> revisions;
    const auto all = world.read_nodes();
    REQUIRE(all);
    for (const auto& n : *all) {
      revisions.push_back(n.revision.value);
    }
    return revisions;
  };
  const auto until = world.link.time.monotonic_now() + std::chrono::seconds{20};
  while (left().size() > 1 && world.link.time.monotonic_now() < until) {}
  CHECK(left() == std::vector{moved});
  CHECK(revision_of(world.write(node("n2", 2))) > moved);
}

TEST_CASE("records that cannot be read are told, a broker that is away is unreachable", "[owner_store]") {
  store_world world;
  REQUIRE(world.link.ask(subjects::owner({2}), "not a record"));
  REQUIRE_FALSE(world.read_owners());
  CHECK(world.read_owners().error() == store_failure::unreadable);
  world.server.kill();
  const auto result = world.write(node("n1", 1));
  REQUIRE(std::holds_alternative<store_failure>(result));
  CHECK(std::get<store_failure>(result) == store_failure::unreachable);
  CHECK(world.read_nodes().error() == store_failure::unreachable);
  CHECK(world.read_owners().error() == store_failure::unreachable);
}

TEST_CASE("the last record of a partition can be neither deleted nor purged", "[owner_store]") {
  store_world world;
  REQUIRE(revision_of(world.write(owner(3, "n1", 1, 0))) == 1);
  CHECK_FALSE(
      call_api(*world.link.asks, api_subject("STREAM.MSG.DELETE", subjects::owners_stream), to_json({{"seq", 1}})));
  CHECK_FALSE(call_api(*world.link.asks, api_subject("STREAM.PURGE", subjects::owners_stream)));
}

TEST_CASE("a dead letter carries the queued message's payload, once for each dedupe id", "[dead_letters]") {
  store_world world;
  support::arrivals refused;
  auto watch = world.link.link->subscribe(std::string{subjects::all_refused}, refused.taker());
  const auto session = *session_id::parse("s1");
  REQUIRE(world.link.ask(subjects::task(session), "the payload"));
  const auto letter = letter_about(1, "s1/t1");
  CHECK(world.bury(letter));
  CHECK(world.bury(letter));
  auto reader = log_reader::open(*world.link.asks);
  REQUIRE(reader);
  const auto stored = reader->next_dead(session, {1});
  REQUIRE(stored);
  REQUIRE(stored->has_value());
  CHECK((*stored)->letter.payload == "the payload");
  CHECK_FALSE((*stored)->letter.payload_cut);
  CHECK((*stored)->letter.why == reason::unknown_runner);
  CHECK(subjects::parse_stored((*stored)->letter.subject)->session == session);
  const auto second = reader->next_dead({}, {2});
  REQUIRE(second);
  CHECK_FALSE(second->has_value());

  REQUIRE(refused.wait_for(1));
  CHECK(refused.at(0).subject() == subjects::refused(session));
  CHECK(refused.at(0).payload().empty());
  const auto told = codec::decode_value(*refused.at(0).header("Baton-Event"), {});
  REQUIRE(told);
  CHECK(text_at(told->value, {"kind"}) == "task_refused");
  CHECK(text_at(told->value, {"code"}) == "unknown_runner");
  CHECK(refused.count() == 1);
}

TEST_CASE("a letter about a message that is gone, or without a session, is stored all the same", "[dead_letters]") {
  store_world world;
  auto letter = letter_about(77, "gone");
  letter.session = {};
  CHECK(world.bury(letter, message_kind::control));
  auto reader = log_reader::open(*world.link.asks);
  const auto stored = reader->next_dead({}, {1});
  REQUIRE(stored);
  REQUIRE(stored->has_value());
  CHECK((*stored)->letter.payload.empty());
  CHECK((*stored)->letter.session.empty());
}

TEST_CASE("a payload that a letter cannot hold is cut, and the letter says so", "[dead_letters]") {
  store_world world{{.partitions = partitions, .payload_max = 900'000}};
  REQUIRE(world.link.ask(subjects::control(*session_id::parse("s1")), std::string(600'000, 'x')));
  CHECK(world.bury(letter_about(1, "cut"), message_kind::control));
  const auto stored = log_reader::open(*world.link.asks)->next_dead({}, {1});
  REQUIRE(stored);
  REQUIRE(stored->has_value());
  CHECK((*stored)->letter.payload == std::string(dead_payload_max, 'x'));
  CHECK((*stored)->letter.payload_cut);
}

TEST_CASE("a letter that cannot be stored is not confirmed, and a full stream is told", "[dead_letters]") {
  store_world world{{.partitions = partitions, .dead_max = 100}};
  std::vector<std::string> told;
  nats_dead_letters telling{*world.link.asks, [&told](std::string_view stream) { told.emplace_back(stream); }};
  support::waited<bool> stored;
  telling.bury(letter_about(1, "full"), message_kind::task, stored.to());
  CHECK_FALSE(stored.get());
  CHECK(told == std::vector<std::string>{"BATON_DEAD"});
  world.server.kill();
  CHECK_FALSE(world.bury(letter_about(1, "away")));
}

TEST_CASE("a wake that has no room is not stored, and the full stream is told", "[wakes]") {
  store_world world{{.partitions = partitions, .wakes_max = 10}};
  std::vector<std::string> told;
  nats_wake_store wakes{*world.link.asks, [&told](std::string_view stream) { told.emplace_back(stream); }};
  support::waited<wake_put_result> put;
  wakes.put({1}, *session_id::parse("s1"), *wake_key::parse("k"), {instant{}, "x"}, {}, put.to());
  const auto result = put.get();
  REQUIRE(std::holds_alternative<wake_failure>(result));
  CHECK(std::get<wake_failure>(result) == wake_failure::full);
  CHECK(told == std::vector<std::string>{"BATON_WAKES"});
}

TEST_CASE("live events name run and execution, and answers use the request's encoding", "[event_sink]") {
  store_world world;
  support::arrivals live;
  support::arrivals answers;
  const auto session = *session_id::parse("s1");
  auto watch = world.link.link->subscribe(subjects::live_of(session), live.taker());
  auto inbox = world.link.link->subscribe("_INBOX.me", answers.taker());
  world.sink.live(session, *task_id::parse("t1"), *execution_id::parse("x1"), {"delta", "word"});
  REQUIRE(live.wait_for(1));
  CHECK(live.at(0).subject() == subjects::live(session, "delta"));
  CHECK(live.at(0).payload() == R"({"run":"t1","execution":"x1","data":"word"})");

  const answer told{.to = *task_id::parse("t1"), .verdict = verdict::accepted, .why = {}, .body = "done"};
  for (const auto as : {encoding::json, encoding::msgpack})
    world.sink.answer("_INBOX.me", as, told);
  world.sink.answer("", encoding::json, told);
  REQUIRE(answers.wait_for(2));
  CHECK(answers.at(0).payload().starts_with('{'));
  CHECK_FALSE(answers.at(1).payload().starts_with('{'));
  for (const std::size_t i : {0U, 1U})
    CHECK(*codec::decode_answer(answers.at(i).payload()) == told);
  CHECK(world.dropped == 0);
}

TEST_CASE("an answer that is too large still says how it ended; what finds no broker is told", "[event_sink]") {
  store_world world;
  support::arrivals answers;
  auto inbox = world.link.link->subscribe("_INBOX.me", answers.taker());
  const answer big{.to = *task_id::parse("t1"),
      .verdict = verdict::accepted,
      .why = {},
      .body = value::object{{"status", "completed"}, {"result", std::string(2'000'000, 'x')}}};
  world.sink.answer("_INBOX.me", encoding::json, big);
  REQUIRE(answers.wait_for(1));
  const auto got = codec::decode_answer(answers.at(0).payload());
  REQUIRE(got);
  CHECK(text_at(got->body, {"status"}) == "completed");
  CHECK(got->body.find("result") == nullptr);
  world.server.kill();
  REQUIRE(world.link.log->wait([&] { return world.link.log->disconnects == 1; }));
  world.sink.answer("_INBOX.me", encoding::json, big);
  CHECK(world.dropped == 1);
}
