#include <catch2/catch_test_macros.hpp>

#include "actors/supervisor/reserve.hpp"
#include "bridge/nats/blobs.hpp"
#include "bridge/nats/js_api.hpp"
#include "bridge/nats/log_gauge.hpp"
#include "bridge/nats/session_log.hpp"
#include "bridge/nats/streams.hpp"
#include "messages/codec.hpp"
#include "messages/subjects.hpp"
#include "tests/support/nats_link.hpp"
#include "tests/support/waited.hpp"

using namespace baton;
using namespace baton::nats;

namespace {

constexpr partition_id partition{3};

session_id id(std::string_view text) { return *session_id::parse(text); }

struct log_world {
  explicit log_world(support::nats_server_options options = {}, stream_plan plan = {.partitions = 8})
      : server{std::move(options)}, link{server.url()} {
    const auto ready = prepare_streams(*link.asks, plan, {});
    INFO((ready ? std::string{} : ready.error().text));
    REQUIRE(ready);
  }

  append_result append(std::uint64_t expected, commit c) {
    support::waited<append_result> result;
    log.append(partition, {expected}, std::move(c), result.to());
    return result.get();
  }
  session_log::last_result read(const session_id& session) {
    support::waited<session_log::last_result> result;
    log.read_last(partition, session, result.to());
    return result.get();
  }
  std::uint64_t messages_in(std::string_view stream) {
    const auto info = call_api(*link.asks, api_subject("STREAM.INFO", stream));
    REQUIRE(info);
    return number_at(*info, {"state", "messages"});
  }

  support::nats_server server;
  support::nats_link link;
  nats_session_log log{*link.asks, milliseconds{2'000}};
};

entry entry_of(entry_kind kind, std::string text) {
  entry e;
  e.kind = kind;
  e.run = *task_id::parse("t1");
  e.content = std::move(text);
  return e;
}

event event_of(event_kind kind) {
  event e;
  e.kind = kind;
  e.epoch = {7};
  return e;
}

commit small_commit(std::string_view session, std::uint64_t number = 1) {
  commit c;
  c.session = id(session);
  c.node = *node_id::parse("n1");
  c.epoch = {7};
  c.number = {number};
  c.entries.push_back(entry_of(entry_kind::user, "hello"));
  return c;
}

std::uint64_t stored_at(const append_result& result) {
  const auto* stored = std::get_if<appended>(&result);
  return stored == nullptr ? 0 : stored->seq.value;
}
bool is(const append_result& result, log_failure why) {
  const auto* failed = std::get_if<log_failure>(&result);
  return failed != nullptr && *failed == why;
}

commit commit_with_values(std::string_view session, std::size_t entry_size, std::size_t checkpoint_size) {
  auto c = small_commit(session);
  c.entries[0].content = std::string(entry_size, 'e');
  phases::running running;
  running.run.id = *task_id::parse("t1");
  running.run.last_checkpoint.emplace().state = value::object{{"memory", std::string(checkpoint_size, 'c')}};
  c.head.phase = running;
  return c;
}

} // namespace

TEST_CASE("a commit is read back as it was appended, but for its events", "[session_log]") {
  log_world world;
  auto c = small_commit("s1");
  c.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  c.events.push_back(event_of(event_kind::session_taken));
  REQUIRE(stored_at(world.append(0, c)) == 1);
  const auto last = world.read(c.session);
  REQUIRE(last);
  REQUIRE(last->has_value());
  CHECK((*last)->seq == stream_seq{1});
  CHECK((*last)->stored_at > world.link.time.now() - std::chrono::minutes{1});
  c.events.clear();
  CHECK((*last)->commit == c);
}

TEST_CASE("a session without commits has no last one", "[session_log]") {
  log_world world;
  const auto last = world.read(id("nobody"));
  REQUIRE(last);
  CHECK_FALSE(last->has_value());
}

TEST_CASE("only the expected last sequence of that session is appended to", "[session_log]") {
  log_world world;
  const auto first = stored_at(world.append(0, small_commit("s1", 1)));
  REQUIRE(first == 1);
  REQUIRE(stored_at(world.append(0, small_commit("s2", 1))) == 2);
  CHECK(std::holds_alternative<superseded>(world.append(0, small_commit("s1", 2))));
  CHECK(is(world.append(2, small_commit("s1", 2)), log_failure::unreachable));
  CHECK(stored_at(world.append(first, small_commit("s1", 2))) == 3);
  CHECK(std::holds_alternative<superseded>(world.append(first, small_commit("s1", 3))));
  CHECK(world.messages_in(subjects::log_stream) == 3);
}

TEST_CASE("of many that append at once to one session, one wins", "[session_log]") {
  log_world world;
  std::vector<support::waited<append_result>> results(100);
  for (auto& one : results)
    world.log.append(partition, {0}, small_commit("s1"), one.to());
  int won = 0;
  int lost = 0;
  for (auto& one : results) {
    const auto result = one.get();
    won += stored_at(result) != 0 ? 1 : 0;
    lost += std::holds_alternative<superseded>(result) ? 1 : 0;
  }
  CHECK(won == 1);
  CHECK(lost == 99);
}

TEST_CASE("each event is a header of its own, in order, and republished with the trace context", "[session_log]") {
  log_world world;
  support::arrivals seen;
  auto watch = world.link.link->subscribe(std::string{subjects::all_committed}, seen.taker());
  REQUIRE(world.link.link->flush(support::patience));
  auto c = small_commit("s1");
  c.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  for (const auto kind : {event_kind::session_taken, event_kind::slice_started, event_kind::run_completed}) {
    c.events.push_back(event_of(kind));
  }
  REQUIRE(stored_at(world.append(0, c)) == 1);
  REQUIRE(seen.wait_for(1));
  std::vector<event> told;
  for (const auto text : seen.at(0).header_values("Baton-Event"))
    told.push_back(*codec::decode_event(text));
  CHECK(told == c.events);
  CHECK(seen.at(0).header("traceparent") == c.traceparent);
  CHECK(seen.at(0).payload().empty());
}

TEST_CASE("values over the limit go to the blobs before, and are whole when read", "[session_log]") {
  log_world world;
  const auto c = commit_with_values("s1", 1'400'000, 700'000);
  REQUIRE(stored_at(world.append(0, c)) == 1);
  // 1.4 MB in three chunks, 0.7 MB in two.
  CHECK(world.messages_in(subjects::blobs_stream) == 5);
  const auto last = world.read(c.session);
  REQUIRE(last);
  CHECK((*last)->commit == c);

  SECTION("a checkpoint that stays is not stored again") {
    REQUIRE(stored_at(world.append(1, c)) == 2);
    nats_session_log another{*world.link.asks};
    support::waited<session_log::last_result> read;
    another.read_last(partition, c.session, read.to());
    REQUIRE(read.get());
    support::waited<append_result> result;
    another.append(partition, {2}, c, result.to());
    REQUIRE(stored_at(result.get()) == 3);
    const auto info = call_api(*world.link.asks, api_subject("STREAM.INFO", subjects::blobs_stream));
    CHECK(number_at(*info, {"state", "last_seq"}) == 5);
  }
  SECTION("a blob that is gone makes the commit unreadable, not shorter") {
    REQUIRE(
        call_api(*world.link.asks, api_subject("STREAM.MSG.DELETE", subjects::blobs_stream), to_json({{"seq", 4}})));
    const auto broken = world.read(c.session);
    REQUIRE_FALSE(broken);
    CHECK(broken.error() == log_failure::unreadable);
  }
}

TEST_CASE("a blob whose beginning was stored in chunks of another size is completed and read", "[session_log]") {
  log_world world;
  const auto c = commit_with_values("s1", 1'000'000, 10);
  const auto bytes = codec::encode_value(c.entries[0].content, encoding::msgpack);
  const auto ref = blob_of(bytes);
  REQUIRE(world.link.ask(subjects::blob(c.session, ref.digest, 0), std::string_view{bytes}.substr(0, 300'000)));
  REQUIRE(stored_at(world.append(0, c)) == 1);
  const auto last = world.read(c.session);
  REQUIRE(last);
  CHECK((*last)->commit == c);
}

TEST_CASE("chunks fit a server with a small max_payload", "[session_log]") {
  log_world world{{.more_config = "max_payload: 100000"}, {.partitions = 8, .payload_max = 50'000}};
  const auto c = commit_with_values("s1", 250'000, 10);
  REQUIRE(stored_at(world.append(0, c)) == 1);
  const auto last = world.read(c.session);
  REQUIRE(last);
  CHECK((*last)->commit == c);
}

TEST_CASE("a tombstone replaces all earlier commits, and takes the blobs with it", "[session_log]") {
  log_world world;
  REQUIRE(stored_at(world.append(0, commit_with_values("s1", 600'000, 10))) == 1);
  REQUIRE(stored_at(world.append(0, commit_with_values("s2", 600'000, 10))) == 2);
  REQUIRE(world.messages_in(subjects::blobs_stream) == 4);
  auto tombstone = small_commit("s1", 2);
  tombstone.entries.clear();
  tombstone.rolls_up = true;
  tombstone.head.phase = phases::deleted{};
  CHECK(std::holds_alternative<superseded>(world.append(0, tombstone)));
  REQUIRE(stored_at(world.append(1, tombstone)) == 3);
  CHECK(world.messages_in(subjects::log_stream) == 2);
  const auto last = world.read(id("s1"));
  REQUIRE(last);
  CHECK((*last)->commit == tombstone);
  // Asked after the purge on the same connection, so answered after it.
  CHECK(world.messages_in(subjects::blobs_stream) == 2);

  SECTION("what a lost purge left goes when the tombstone is read") {
    REQUIRE(world.link.ask(subjects::blob(id("s1"), std::string(64, 'a'), 0), "left over"));
    REQUIRE(world.messages_in(subjects::blobs_stream) == 3);
    REQUIRE(world.read(id("s1")));
    CHECK(world.messages_in(subjects::blobs_stream) == 2);
  }
}

TEST_CASE("a commit that cannot fit into a message is too large, and nothing is stored", "[session_log]") {
  log_world world;
  auto c = small_commit("s1");
  for (int i = 0; i < 30; ++i)
    c.entries.push_back(entry_of(entry_kind::note, std::string(60'000, 'x')));
  CHECK(is(world.append(0, c), log_failure::too_large));
  CHECK(world.messages_in(subjects::log_stream) == 0);
}

TEST_CASE("a full log is full, a full blob stream too, and both stay readable", "[session_log]") {
  log_world world{{}, {.partitions = 8, .log_max = 20'000, .blobs_max = 100'000}};
  std::uint64_t last_stored = 0;
  append_result result = superseded{};
  auto c = small_commit("s1");
  c.entries[0].content = std::string(5'000, 'x');
  for (int i = 0; i < 10; ++i) {
    result = world.append(last_stored, c);
    if (stored_at(result) == 0) break;
    last_stored = stored_at(result);
  }
  CHECK(last_stored > 1);
  CHECK(is(result, log_failure::full));
  CHECK(is(world.append(0, commit_with_values("s2", 300'000, 10)), log_failure::full));
  const auto last = world.read(id("s1"));
  REQUIRE(last);
  CHECK((*last)->seq.value == last_stored);
}

TEST_CASE("the gauge says how full the log is", "[log_gauge]") {
  log_world world{{}, {.partitions = 8, .log_max = 20'000}};
  nats_log_gauge gauge{*world.link.asks};
  const auto now = [&gauge] {
    support::waited<std::optional<log_room>> result;
    gauge.read(result.to());
    return result.get();
  };
  const auto before = now();
  REQUIRE(before);
  CHECK(before->used == 0);
  CHECK(before->most == 20'000);
  supervisor::reserve reserve{6'000};
  CHECK_FALSE(reserve.saw(*before));
  auto c = small_commit("s1");
  c.entries[0].content = std::string(5'000, 'x');
  std::uint64_t last_stored = 0;
  for (auto result = world.append(0, c); stored_at(result) != 0; result = world.append(last_stored, c))
    last_stored = stored_at(result);
  const auto full = now();
  REQUIRE(full);
  CHECK(full->used > 14'000);
  CHECK(full->used <= 20'000);
  CHECK(reserve.saw(*full));

  // A tombstone is small, and takes the place of all before it.
  auto tombstone = small_commit("s1", 9);
  tombstone.rolls_up = true;
  tombstone.entries.clear();
  CHECK(stored_at(world.append(last_stored, tombstone)) > last_stored);
  const auto after = now();
  REQUIRE(after);
  CHECK(after->used < 1'000);
  CHECK(reserve.saw(*after));
  CHECK_FALSE(reserve.is_reached());
  world.server.kill();
  CHECK_FALSE(now());
}

TEST_CASE("a log without a limit has none on the gauge", "[log_gauge]") {
  log_world world{{}, {.partitions = 8, .log_max = 0}};
  nats_log_gauge gauge{*world.link.asks};
  support::waited<std::optional<log_room>> result;
  gauge.read(result.to());
  const auto room = result.get();
  REQUIRE(room);
  CHECK(room->most == 0);
}

TEST_CASE("what is stored and cannot be read is unreadable", "[session_log]") {
  log_world world;
  REQUIRE(world.link.ask(subjects::log(partition, id("s1")), "not a commit"));
  const auto last = world.read(id("s1"));
  REQUIRE_FALSE(last);
  CHECK(last.error() == log_failure::unreadable);
}

TEST_CASE("a broker that is away is unreachable, and after its restart nothing stored is missing", "[session_log]") {
  log_world world;
  std::uint64_t expected = 0;
  for (std::uint64_t i = 1; i <= 20; ++i) {
    expected = stored_at(world.append(expected, small_commit("s1", i)));
    REQUIRE(expected == i);
  }
  world.server.kill();
  // Until the loss is noticed an append may still be on its way, and arrive late.
  REQUIRE(world.link.log->wait([&] { return world.link.log->disconnects == 1; }));
  CHECK(is(world.append(expected, small_commit("s1", 21)), log_failure::unreachable));
  const auto away = world.read(id("s1"));
  REQUIRE_FALSE(away);
  CHECK(away.error() == log_failure::unreachable);
  world.server.start();
  REQUIRE(world.link.wait_connected());
  const auto last = world.read(id("s1"));
  REQUIRE(last);
  REQUIRE(last->has_value());
  CHECK((*last)->commit.number == commit_number{20});
  CHECK(stored_at(world.append(expected, small_commit("s1", 21))) == 21);
}

TEST_CASE("without the log's stream it is unreachable, at once", "[session_log]") {
  log_world world;
  REQUIRE(call_api(*world.link.asks, api_subject("STREAM.DELETE", subjects::log_stream)));
  CHECK(is(world.append(0, small_commit("s1")), log_failure::unreachable));
  CHECK(world.read(id("s1")).error() == log_failure::unreachable);
}
