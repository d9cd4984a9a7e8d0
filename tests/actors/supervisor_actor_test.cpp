#include <catch2/catch_test_macros.hpp>

#include "tests/actors/node_world.hpp"

using namespace baton;
using namespace baton::support;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

TEST_CASE_METHOD(node_world, "what a slice says after its end is not taken for the next one's", "[supervisor]") {
  open(1);
  publish("s1", "t1");
  complete("t1");
  const auto over = runner.of("t1").listener;
  publish("s2", "t2");
  over->ended({completed{"once more"}, {}, std::nullopt});
  over->at_boundary({{}, value{"late"}});
  settle();
  CHECK(log.of(*session_id::parse("s2")).empty());
  CHECK(runner.of("t2").answers.empty());
  complete("t2");
  CHECK(events_of("s2") == strings{"run_completed"});
}

TEST_CASE_METHOD(node_world, "an exception in a runner loses that slice and no other", "[supervisor]") {
  open(1);
  publish("s1", "t1");
  runner.throw_next();
  publish("s2", "t2");
  CHECK(events_of("s2") == strings{"execution_lost"});
  CHECK(runner.started("t2") == 2);
  REQUIRE(runner.of("t2").request.state.attempt == 1);
  CHECK_FALSE(runner.of("t1").destroyed);
  complete("t1");
  complete("t2");
  publish("s3", "t3");
  complete("t3");
  CHECK(events_of("s3") == strings{"run_completed"});
}

TEST_CASE_METHOD(node_world, "the next slice of a session starts only when the one before has stopped", "[supervisor]") {
  open(1);
  publish("s1", "t1");
  publish("s1", "t2");
  publish("s2", "other");
  auto& first = runner.of("t1");
  first.dies_slowly = true;
  // The run ends here and now; what ran in it does not.
  entry open_call;
  open_call.kind = entry_kind::tool_call;
  open_call.content = value::object{{"id", "c1"}, {"name", "look"}};
  first.listener->at_boundary({{open_call}, value{"half"}});
  settle();
  CHECK(events_of("s1").front() == "run_failed");
  CHECK(first.aborted);
  CHECK(runner.started("t2") == 0);
  complete("other");
  first.listener->ended({lost{"killed at last"}, {}, std::nullopt});
  settle();
  CHECK(runner.started("t2") == 1);
  complete("t2");
  CHECK(events_of("s1").back() == "run_completed");
}

TEST_CASE_METHOD(node_world, "a session that is started anew waits for what it left running", "[supervisor]") {
  open(1);
  publish("s1", "t1");
  auto& first = runner.of("t1");
  first.dies_slowly = true;
  commit foreign;
  foreign.session = *session_id::parse("s1");
  foreign.node = *node_id::parse("node-9");
  foreign.number = {1};
  log.write(foreign);
  first.listener->at_boundary({{}, value{"half"}});
  settle();
  CHECK(first.aborted);
  CHECK(runner.started("t1") == 1);
  first.listener->ended({lost{"killed at last"}, {}, std::nullopt});
  settle();
  CHECK(runner.started("t1") == 2);
}

TEST_CASE_METHOD(node_world, "with more sessions than slots, long turns take turns", "[supervisor]") {
  services_->slots.most = 1;
  crash();
  open(1);
  publish("s1", "t1");
  advance(services_->slots.share_after * 2);
  CHECK(runner.of("t1").asked.empty());
  publish("s2", "t2");
  advance(milliseconds{500});
  CHECK(runner.of("t1").asked == std::vector{boundary_order::yield});
  runner.end("t1", yielded{"asked"});
  settle();
  CHECK(runner.started("t2") == 1);
  CHECK(runner.started("t1") == 1);
  advance(services_->slots.share_after - milliseconds{1'000});
  CHECK(runner.of("t2").asked.empty());
  advance(milliseconds{1'500});
  CHECK(runner.of("t2").asked == std::vector{boundary_order::yield});
  runner.end("t2", yielded{"asked"});
  settle();
  CHECK(runner.started("t1") == 2);
  CHECK(runner.of("t1").request.state.attempt == 0);
  complete("t1");
  complete("t2");
}

TEST_CASE_METHOD(node_world, "no more slices are asked to yield than others wait, the oldest first", "[supervisor]") {
  services_->slots.most = 3;
  crash();
  open(1);
  for (const auto* run : {"a", "b", "c"}) {
    publish(run, run);
    advance(milliseconds{1'000});
  }
  publish("d", "d");
  advance(services_->slots.share_after + milliseconds{1'000});
  CHECK(runner.of("a").asked == std::vector{boundary_order::yield});
  CHECK(runner.of("b").asked.empty());
  CHECK(runner.of("c").asked.empty());
}

TEST_CASE_METHOD(node_world, "a slice is asked to yield before it is stopped for its time", "[supervisor]") {
  open(1);
  publish("s1", "t1");
  advance(services_->slots.yield_after + milliseconds{500});
  CHECK(runner.of("t1").asked == std::vector{boundary_order::yield});
  CHECK_FALSE(runner.of("t1").aborted);
}

TEST_CASE_METHOD(node_world, "a wall clock that is set forward or back ends no slice", "[supervisor]") {
  open(1);
  publish("s1", "t1");
  clock.set_wall(std::chrono::hours{24});
  advance(milliseconds{1'000});
  CHECK_FALSE(runner.of("t1").aborted);
  clock.set_wall(-std::chrono::hours{48});
  publish("s2", "t2");
  advance(milliseconds{1'500});
  CHECK(events_of("s2") == strings{"slice_started"});
}

TEST_CASE_METHOD(node_world, "a slice whose session is gone is stopped", "[supervisor]") {
  open(1);
  publish("s1", "t1");
  control_message("s1", "d1", baton::remove{"ann"});
  advance(services_->limits.settle);
  CHECK(runner.of("t1").destroyed);
}

TEST_CASE_METHOD(node_world, "a slice that overstays its limit by far is aborted and counts as lost", "[supervisor]") {
  open(1);
  publish("s1", "t1");
  advance(services_->limits.slice_time_limit + 3 * services_->limits.settle);
  CHECK(runner.slices().front()->aborted);
  CHECK(runner.started("t1") == 2);
}

TEST_CASE_METHOD(node_world, "a tenant's limit holds, and its load is told", "[supervisor]") {
  services_->slots.tenants["few"] = {.slots_max = 1};
  crash();
  open(1);
  publish_for("few", "s1", "t1");
  publish_for("few", "s2", "t2");
  publish_for("other", "s3", "t3");
  CHECK(runner.started("t1") == 1);
  CHECK(runner.started("t2") == 0);
  CHECK(runner.started("t3") == 1);
  advance(milliseconds{500});
  CHECK(counts.loads == std::vector<tenant_load>{{"few", 1, 1}, {"other", 0, 1}});
  complete("t1");
  CHECK(runner.started("t2") == 1);
  complete("t2");
  complete("t3");
  advance(milliseconds{500});
  CHECK(counts.loads == std::vector<tenant_load>{{"few", 0, 0}, {"other", 0, 0}});
}

TEST_CASE_METHOD(node_world, "of a tenant's waiting turns the one with the highest priority is next", "[supervisor]") {
  services_->slots.most = 1;
  crash();
  open(1);
  publish("s1", "t1");
  publish_for("", "s2", "t2", 1);
  publish_for("", "s3", "t3", 5);
  complete("t1");
  CHECK(runner.started("t2") == 0);
  CHECK(runner.started("t3") == 1);
  complete("t3");
  CHECK(runner.started("t2") == 1);
}
