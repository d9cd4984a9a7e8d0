// Who may deliver a partition: take-over, epochs, consumers that are deleted.
#include <catch2/catch_test_macros.hpp>

#include "tests/ports/task_source_world.hpp"

using namespace baton;
using namespace baton::nats;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<recording_listener> listener() { return std::make_shared<recording_listener>(); }

bool opened(const std::optional<expected<task_source::opened, source_failure>>& answer) { return answer && *answer; }

std::vector<std::uint64_t> epochs_of(const std::vector<std::string>& consumers, partition_id partition) {
  std::vector<std::uint64_t> epochs;
  for (const auto& name : consumers) {
    const auto parsed = parse_consumer(name);
    if (parsed && parsed->partition == partition) epochs.push_back(parsed->epoch.value);
  }
  return epochs;
}

} // namespace

TEST_CASE("a next owner gets all that is unacknowledged, and the old one's acknowledgements go nowhere", "[source]") {
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
  tally lost;
  old_node.source().acknowledge(home, message_kind::task, first, lost.one());
  REQUIRE(old_heard->wait_for_stop());
  CHECK(old_heard->stops().front().partition == home);
  CHECK(old_heard->stops().front().why == source_failure::superseded);
  CHECK(old_heard->stops().front().of == epoch{1});
  REQUIRE(new_heard->wait_for(2));
  CHECK(new_heard->ids_of("s1") == std::vector<std::string>{"t0", "t1"});
  CHECK(new_heard->all()[0].before_open);
  CHECK(world.stored(message_kind::task) == 2);
  tally settled;
  new_node.source().acknowledge(home, message_kind::task, first, settled.one());
  new_node.source().acknowledge(home, message_kind::task, second, settled.one());
  REQUIRE(settled.wait_for(2));
  CHECK(lost.count() == 0);
  CHECK(old_heard->stops().size() == 1);
}

TEST_CASE("an owner with a lower epoch opens nothing and deletes nothing", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  source_node owner{world.url()};
  source_node late{world.url()};
  const auto heard = listener();
  REQUIRE(opened(owner.open(home, 7, heard)));
  const auto before = world.consumers(message_kind::task);
  const auto refused = late.open(home, 6, listener());
  REQUIRE((refused && !*refused));
  CHECK(refused->error() == source_failure::superseded);
  CHECK(world.consumers(message_kind::task) == before);
  world.publish_task("s1", "t0");
  CHECK(heard->wait_for(1));
  CHECK(heard->stops().empty());
}

TEST_CASE("only consumers of the partition are deleted, of lower epochs and leftovers of this one", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  const partition_id other{(home.value + 1) % test_partitions};
  const auto leave = [&](const consumer_name& name) {
    const auto text = to_text(name, "left");
    const auto request = consumer_create_request(text, {message_kind::task, name.partition, 1h});
    (void)world.call(consumer_create_subject(message_kind::task, text), request);
  };
  leave({other, {1}});
  SECTION("a lower one") { leave({home, {4}}); }
  SECTION("one of an earlier attempt of ours") { leave({home, {5}}); }
  source_node node{world.url()};
  const auto heard = listener();
  REQUIRE(opened(node.open(home, 5, heard)));
  const auto left = world.consumers(message_kind::task);
  CHECK(epochs_of(left, home) == std::vector<std::uint64_t>{5});
  CHECK(epochs_of(left, other) == std::vector<std::uint64_t>{1});
  world.publish_task("s1", "t0");
  CHECK(heard->wait_for(1));
}

TEST_CASE("a consumer deleted by nobody with a higher epoch is made again, and what is held stays held", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  source_node node{world.url()};
  const auto heard = listener();
  REQUIRE(opened(node.open(home, 1, heard)));
  const auto first = world.publish_task("s1", "t0");
  REQUIRE(heard->wait_for(1));
  const auto consumers = world.consumers(message_kind::task);
  REQUIRE(consumers.size() == 1);
  (void)world.call(consumer_delete_subject(message_kind::task, consumers.front()));
  const auto second = world.publish_task("s1", "t1");
  REQUIRE(heard->wait_for(2));
  CHECK(heard->ids_of("s1") == std::vector<std::string>{"t0", "t1"});
  CHECK_FALSE(heard->all()[1].before_open); // it was not there at the opening
  tally confirmed;
  node.source().acknowledge(home, message_kind::task, first, confirmed.one());
  node.source().acknowledge(home, message_kind::task, second, confirmed.one());
  CHECK(confirmed.wait_for(2));
  CHECK(heard->stops().empty());
  CHECK(world.consumers(message_kind::task) != consumers);
}

TEST_CASE("of two owners that open at once the one with the higher epoch delivers in the end", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  world.publish_task("s1", "t0");
  source_node low{world.url()};
  source_node high{world.url()};
  for (std::uint64_t round = 0; round < 20; ++round) {
    const auto low_heard = listener();
    const auto high_heard = listener();
    low.source().open(home, {round * 2 + 1}, low_heard, [](const auto&) {});
    REQUIRE(opened(high.open(home, round * 2 + 2, high_heard)));
    REQUIRE(high_heard->wait_for(1));
    CHECK(high_heard->stops().empty());
    high.source().close(home);
    low.source().close(home);
  }
}

TEST_CASE("a partition that is closed delivers nothing more, and leaves the queue to the next owner", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  source_node node{world.url()};
  const auto heard = listener();
  REQUIRE(opened(node.open(home, 1, heard)));
  const auto first = world.publish_task("s1", "t0");
  REQUIRE(heard->wait_for(1));
  node.source().close(home);
  tally never;
  node.source().acknowledge(home, message_kind::task, first, never.one());
  world.publish_task("s1", "t1");
  const auto again = listener();
  REQUIRE(opened(node.open(home, 1, again))); // the same epoch: it is still ours
  REQUIRE(again->wait_for(2));
  CHECK(again->ids_of("s1") == std::vector<std::string>{"t0", "t1"});
  CHECK(heard->all().size() == 1);
  CHECK(heard->stops().empty());
  CHECK(never.count() == 0);
  CHECK(world.consumers(message_kind::task).size() == 1);
}

TEST_CASE("opening again closes what was open, and what was being opened is answered", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  source_node node{world.url()};
  tally answered;
  node.source().open(home, {1}, listener(), [one = answered.one()](const auto& result) {
    if (!result && result.error() == source_failure::unreachable) one();
  });
  const auto heard = listener();
  REQUIRE(opened(node.open(home, 2, heard)));
  CHECK(answered.wait_for(1));
  world.publish_task("s1", "t0");
  CHECK(heard->wait_for(1));
}
