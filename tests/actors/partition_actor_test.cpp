// What a partition's actor keeps apart: sessions whose actors died from all others.
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
