#include <catch2/catch_test_macros.hpp>

#include "tests/ports/task_source_world.hpp"

using namespace baton;
using namespace baton::nats;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<recording_listener> listener() { return std::make_shared<recording_listener>(); }

bool opened(const std::optional<expected<task_source::opened, source_failure>>& answer) { return answer && *answer; }

std::vector<std::string> numbered(int from, int count) {
  std::vector<std::string> ids;
  for (int i = from; i < from + count; ++i)
    ids.push_back("t" + std::to_string(i));
  return ids;
}

} // namespace

TEST_CASE("what was published before and after the opening is delivered once, in order, until it is acknowledged",
    "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  const auto first = world.publish_task("s1", "early");
  source_node node{world.url()};
  const auto heard = listener();
  REQUIRE(opened(node.open(home, 1, heard)));
  const auto second = world.publish_task("s1", "late");
  const auto third = world.publish_control("s1", "stop");
  REQUIRE(heard->wait_for(3));
  const auto all = heard->all();
  CHECK(heard->ids_of("s1").size() == 3);
  for (const auto& d : all) {
    CHECK(d.partition == home);
    CHECK(d.session == session("s1"));
    if (d.kind == message_kind::control) {
      CHECK(d.seq == third);
      CHECK(d.subject == "baton.control." + std::to_string(home.value) + ".s1");
      CHECK(std::holds_alternative<control>(d.body));
    } else {
      CHECK(d.before_open == (d.seq == first));
      CHECK(std::holds_alternative<task>(d.body));
    }
  }
  tally confirmed;
  node.source().acknowledge(home, message_kind::task, first, confirmed.one());
  node.source().acknowledge(home, message_kind::task, second, confirmed.one());
  node.source().acknowledge(home, message_kind::control, third, confirmed.one());
  REQUIRE(confirmed.wait_for(3));
  CHECK(world.stored(message_kind::task) == 0);
  CHECK(world.stored(message_kind::control) == 0);
}

TEST_CASE(
    "a next owner is delivered all that is unacknowledged, and the old one's acknowledgements go nowhere", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  source_node old_node{world.url()};
  source_node new_node{world.url()};
  const auto old_heard = listener();
  REQUIRE(opened(old_node.open(home, 1, old_heard)));
  const auto first = world.publish_task("s1", "t0");
  const auto second = world.publish_task("s1", "t1");
  REQUIRE(old_heard->wait_for(2));

  const auto new_heard = listener();
  REQUIRE(opened(new_node.open(home, 2, new_heard)));
  tally confirmed;
  old_node.source().acknowledge(home, message_kind::task, first, confirmed.one());
  REQUIRE(old_heard->wait_for_stop());
  CHECK(old_heard->stops().front().why == source_failure::superseded);
  CHECK(old_heard->stops().front().of == epoch{1});
  REQUIRE(new_heard->wait_for(2));
  CHECK(new_heard->ids_of("s1") == numbered(0, 2));
  CHECK(new_heard->all()[0].before_open);
  CHECK(world.stored(message_kind::task) == 2);
  tally settled;
  new_node.source().acknowledge(home, message_kind::task, first, settled.one());
  new_node.source().acknowledge(home, message_kind::task, second, settled.one());
  REQUIRE(settled.wait_for(2));
  CHECK(confirmed.count() == 0);
}
