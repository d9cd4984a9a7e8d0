#include <catch2/catch_test_macros.hpp>

#include "bridge/nats/log_reader.hpp"
#include "bridge/nats/session_log.hpp"
#include "bridge/nats/streams.hpp"
#include "messages/subjects.hpp"
#include "tests/support/nats_link.hpp"
#include "tests/support/waited.hpp"

using namespace baton;
using namespace baton::nats;

namespace {

/// In three chunks.
constexpr std::size_t large = 1'400'000;
constexpr std::uint64_t chunks_of_large = 3;

const session_id& session() {
  static const auto s = *session_id::parse("s1");
  return s;
}

value state_of(char filled_with) { return value::object{{"memory", std::string(large, filled_with)}}; }

/// `checkpoint`: null for a session that is idle.
commit commit_of(std::uint64_t number, value checkpoint, value content = "hello") {
  commit c;
  c.session = session();
  c.node = *node_id::parse("n1");
  c.epoch = {7};
  c.number = {number};
  auto& said = c.entries.emplace_back();
  said.run = *task_id::parse("t1");
  said.content = std::move(content);
  if (checkpoint.is_null()) return c;
  phases::running running;
  running.run.id = *task_id::parse("t1");
  running.run.last_checkpoint.emplace().state = std::move(checkpoint);
  c.head.phase = running;
  return c;
}

struct checkpoint_world {
  checkpoint_world() { REQUIRE(prepare_streams(*link.asks, plan, {})); }

  /// 0: it was not stored.
  std::uint64_t append(std::uint64_t expected, commit c) { return append_by(log, expected, std::move(c)); }
  std::uint64_t append_by(nats_session_log& by, std::uint64_t expected, commit c) {
    support::waited<append_result> result;
    by.append(partition, {expected}, std::move(c), result.to());
    const auto came = result.get();
    const auto* stored = std::get_if<appended>(&came);
    return stored == nullptr ? 0 : stored->seq.value;
  }
  session_log::last_result read_by(nats_session_log& by) {
    support::waited<session_log::last_result> result;
    by.read_last(partition, session(), result.to());
    return result.get();
  }
  /// Removing is asked for and not waited for.
  bool wait_for_blobs(std::uint64_t count) {
    const auto until = link.time.monotonic_now() + support::patience;
    while (blobs() != count) {
      if (link.time.monotonic_now() > until) return false;
    }
    return true;
  }
  std::uint64_t blobs() {
    const auto info = call_api(*link.asks, api_subject("STREAM.INFO", subjects::blobs_stream));
    REQUIRE(info);
    return number_at(*info, {"state", "messages"});
  }

  const stream_plan plan{.partitions = 8};
  const partition_id partition{subjects::partition_of(session(), 8)};
  support::nats_server server;
  support::nats_link link{server.url()};
  nats_session_log log{*link.asks};
};

} // namespace

TEST_CASE("a checkpoint is removed once the next one's commit is stored, and the last one with the run's end", "[checkpoints]") {
  checkpoint_world world;
  const auto first = world.append(0, commit_of(1, state_of('a')));
  REQUIRE(world.wait_for_blobs(chunks_of_large));
  const auto second = world.append(first, commit_of(2, state_of('b')));
  REQUIRE(second > first);
  CHECK(world.wait_for_blobs(chunks_of_large));
  const auto last = world.read_by(world.log);
  REQUIRE(last);
  CHECK((*last)->commit == commit_of(2, state_of('b')));
  // The next one may have the content of one that is gone.
  const auto third = world.append(second, commit_of(3, state_of('a')));
  CHECK(world.wait_for_blobs(chunks_of_large));
  CHECK((*world.read_by(world.log))->commit == commit_of(3, state_of('a')));
  REQUIRE(world.append(third, commit_of(4, {})) > third);
  CHECK(world.wait_for_blobs(0));
}

TEST_CASE("an entry keeps its value though a checkpoint of the same content goes", "[checkpoints]") {
  checkpoint_world world;
  const auto c = commit_of(1, state_of('a'), state_of('a'));
  const auto first = world.append(0, c);
  REQUIRE(world.wait_for_blobs(2 * chunks_of_large));
  REQUIRE(world.append(first, commit_of(2, {})) > first);
  CHECK(world.wait_for_blobs(chunks_of_large));
  const auto reader = log_reader::open(*world.link.asks);
  REQUIRE(reader);
  const auto old = reader->next(session(), {first});
  REQUIRE(old);
  CHECK((*old)->commit.entries == c.entries);
}

TEST_CASE("a checkpoint stays while the commit that would replace it is not stored", "[checkpoints]") {
  checkpoint_world world;
  const auto first = world.append(0, commit_of(1, state_of('a')));
  nats_session_log zombie{*world.link.asks};
  REQUIRE(world.read_by(zombie));
  const auto second = world.append(first, commit_of(2, state_of('b')));
  REQUIRE(second > first);
  CHECK(world.append_by(zombie, first, commit_of(2, state_of('z'))) == 0);
  CHECK((*world.read_by(world.log))->commit == commit_of(2, state_of('b')));
  CHECK((*world.read_by(zombie))->commit == commit_of(2, state_of('b')));
  // What the zombie left goes with the next one.
  REQUIRE(world.append(second, commit_of(3, state_of('c'))) > second);
  CHECK(world.wait_for_blobs(chunks_of_large));
  CHECK((*world.read_by(world.log))->commit == commit_of(3, state_of('c')));
}

TEST_CASE("a next owner removes what the one before it stored", "[checkpoints]") {
  checkpoint_world world;
  const auto first = world.append(0, commit_of(1, state_of('a')));
  nats_session_log next_owner{*world.link.asks};
  REQUIRE(world.read_by(next_owner));
  SECTION("with its own checkpoint") {
    CHECK(world.append_by(next_owner, first, commit_of(2, state_of('b'))) > first);
    CHECK(world.wait_for_blobs(chunks_of_large));
    CHECK((*world.read_by(next_owner))->commit == commit_of(2, state_of('b')));
  }
  SECTION("with the run's end") {
    CHECK(world.append_by(next_owner, first, commit_of(2, {})) > first);
    CHECK(world.wait_for_blobs(0));
  }
}

TEST_CASE("an old commit is read without its checkpoint", "[checkpoints]") {
  checkpoint_world world;
  const auto first = world.append(0, commit_of(1, state_of('a')));
  REQUIRE(world.append(first, commit_of(2, {})) > first);
  REQUIRE(world.wait_for_blobs(0));
  const auto reader = log_reader::open(*world.link.asks);
  REQUIRE(reader);
  const auto old = reader->next(session(), {first});
  REQUIRE(old);
  CHECK((*old)->commit.entries == commit_of(1, {}).entries);
}

TEST_CASE("a full stream is told of by name", "[checkpoints]") {
  support::nats_server server;
  support::nats_link link{server.url()};
  REQUIRE(prepare_streams(*link.asks, {.partitions = 8, .blobs_max = 100'000}, {}));
  support::waited<std::string> told;
  nats_session_log::notices tell;
  tell.full = [to = told.to()](std::string_view stream) { to(std::string{stream}); };
  nats_session_log log{*link.asks, milliseconds{2'000}, std::move(tell)};
  support::waited<append_result> result;
  log.append({3}, {0}, commit_of(1, state_of('a')), result.to());
  CHECK(std::get<log_failure>(result.get()) == log_failure::full);
  CHECK(told.get() == subjects::blobs_stream);
}
