// What a partition's actor keeps apart: sessions whose actors died, and refusals that nobody takes, from all others.
#include <catch2/catch_test_macros.hpp>
#include <algorithm>

#include "tests/actors/node_world.hpp"

using namespace baton;
using namespace baton::support;
using strings = std::vector<std::string>;

namespace {

const session_id s1 = *session_id::parse("s1");

class one_partition : public node_world {
public:
  /// Somebody else writes to the session's log, without changing anything: its actor ends with its next append.
  void write_behind(const session_id& session) {
    auto foreign = log.of(session).back().commit;
    foreign.node = *node_id::parse("zombie");
    foreign.number = next(foreign.number);
    foreign.events.clear();
    log.write(foreign);
  }
  stream_seq publish_broken(const std::string& session) {
    const auto seq = queue.publish_refused({0}, message_kind::task, session, {reason::not_decodable, {}});
    settle();
    return seq;
  }
  stream_seq publish_for_nobody(const std::string& session, const std::string& id) {
    task t;
    t.id = *task_id::parse(id);
    t.what = turn{"hello", "unheard of", {}};
    const auto seq = queue.publish(*session_id::parse(session), std::move(t));
    settle();
    return seq;
  }
  bool is_light(stream_seq seq) { return source.is_light({0}, message_kind::task, seq); }
};

} // namespace

TEST_CASE_METHOD(one_partition, "a turn that was on its way when its session's actor died does not overtake the run", "[partition]") {
  open(1);
  publish("s1", "t1");
  runner.of("t1").listener->at_boundary({{}, value{"half"}});
  settle();
  source.hold_deliveries(true);
  publish("s1", "t2");
  publish("s2", "u1");
  write_behind(s1);
  runner.of("t1").listener->at_boundary({{}, value{"more"}});
  settle();
  source.hold_deliveries(false);
  settle();
  CHECK(counts.counts[counter::appends_superseded] == 1);
  CHECK(runner.started("t1") == 2);
  CHECK(runner.started("t2") == 0);
  CHECK(runner.started("u1") == 1);
  complete("t1");
  REQUIRE(runner.started("t2") == 1);
  complete("t2");
  const auto events = events_of("s1");
  CHECK(std::ranges::count(events, "run_failed") == 0);
  CHECK(std::ranges::count(events, "run_completed") == 2);
  CHECK(queue.left(message_kind::task).size() == 1);
}

TEST_CASE_METHOD(one_partition, "while no letter can be stored, no message that waits for one weighs on its partition", "[partition]") {
  open(1);
  dead.set_reachable(false);
  const auto broken = publish_broken("s2");
  const auto unheard = publish_for_nobody("s3", "t3");
  const auto failing = publish("s1", "t1");
  CHECK_FALSE(is_light(failing));
  runner.end("t1", failed{reason::runner_failed, "no", false});
  settle();
  for (const auto seq : {broken, unheard, failing}) {
    CHECK(is_light(seq));
    CHECK(queue.holds(message_kind::task, seq));
  }
  crash();
  open(2, true);
  for (const auto seq : {broken, unheard, failing}) CHECK(is_light(seq));
  dead.set_reachable(true);
  advance(services_->retry_every);
  CHECK(dead.letters().size() == 3);
  CHECK(queue.left(message_kind::task).empty());
}

TEST_CASE_METHOD(one_partition, "the more letters wait, the more rarely each is tried, and all get there", "[partition]") {
  open(1);
  dead.set_reachable(false);
  for (int i = 0; i < 128; ++i) publish_broken("s2");
  advance(2 * services_->retry_every);
  dead.set_reachable(true);
  advance(services_->retry_every);
  CHECK(dead.letters().size() < 128);
  advance(3 * services_->retry_every);
  CHECK(dead.letters().size() == 128);
  CHECK(queue.left(message_kind::task).empty());
}

TEST_CASE_METHOD(one_partition, "what a session may hold in memory goes by its payloads too, and by how full the partition is", "[partition]") {
  services_->limits.in_memory_bytes_max = 1000;
  services_->limits.in_memory_max = 64;
  open(1);
  queue.set_bytes(400);
  std::vector<stream_seq> seqs;
  for (const auto* id : {"t1", "t2", "t3", "t4"}) seqs.push_back(publish("s1", id));
  // One runs, two wait.
  CHECK_FALSE(is_light(seqs[2]));
  CHECK(is_light(seqs[3]));
  for (const auto* id : {"t1", "t2", "t3", "t4"}) {
    REQUIRE(runner.started(id) == 1);
    complete(id);
  }
  CHECK(queue.left(message_kind::task).empty());
}
