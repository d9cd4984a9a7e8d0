#include "actors/partition/ownership.hpp"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/owning_node.hpp"

namespace {

using namespace baton;
using namespace baton::ownership;
using namespace baton::support;
using namespace std::chrono_literals;

/// Node `a`, which is alone as far as it knows, with one partition.
owning_node node_a(std::uint64_t partitions = 1) {
  settings s;
  s.self = node_named("a");
  s.partitions = partitions;
  return owning_node{s};
}

/// Node `a` with partition 0 open, epoch 1, its record at revision 10.
owning_node with_open_partition() {
  auto n = node_a();
  n.settle({}, {}, 10);
  REQUIRE(std::get<owned>(n.state.partitions[0].now).at == owned::stage::open);
  return n;
}

} // namespace

TEST_CASE("a partition without a record is taken with epoch 1, by a write that expects no record", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  n.answer_reads({}, {});
  REQUIRE(n.count<write_owner>() == 1);
  CHECK(n.ordered<write_owner>()[0].record == owner(0, "a", 1, 0));
  CHECK(n.count<open_partition>() == 0);

  n.store_writes(5);
  REQUIRE(n.count<open_partition>() == 1);
  CHECK(n.ordered<open_partition>()[0].epoch == epoch{1});
  CHECK_FALSE(n.ordered<open_partition>()[0].unclean);
  CHECK(n.count<tell_taken>() == 0); // it was nobody's
}

TEST_CASE("nothing is read or taken without a lease", "[ownership]") {
  auto n = node_a();
  n.tick_after(20s);
  CHECK(n.last.empty());
}

TEST_CASE("a released partition is taken at once, and cleanly", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  n.answer_reads({owner(0, "b", 7, 3, true)}, {beating("b", 4)});
  REQUIRE(n.count<write_owner>() == 1);
  CHECK(n.ordered<write_owner>()[0].record == owner(0, "a", 8, 3));
  n.store_writes(5);
  CHECK_FALSE(n.ordered<open_partition>()[0].unclean);
}

TEST_CASE("owners are read first, and nodes after them, before anything is taken", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  REQUIRE(n.count<read_owners>() == 1);
  REQUIRE(n.count<read_nodes>() == 0);
  n.input(owners_read{{}});
  REQUIRE(n.count<read_nodes>() == 1);
  REQUIRE(n.count<write_owner>() == 0);
  n.input(nodes_read{{}});
  CHECK(n.count<write_owner>() == 1);
}

TEST_CASE("a partition is taken from another only when its heartbeat stood still for the lease time", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  const std::vector owners{owner(0, "b", 7, 3)};
  n.answer_reads(owners, {beating("b", 4)});
  CHECK(n.count<write_owner>() == 0);
  // The count starts at the answer of the first read, and ends with the sending of the last.
  for (int i = 0; i < 4; ++i) {
    n.look(owners, {beating("b", 4)});
    CHECK(n.count<write_owner>() == 0);
  }
  n.look(owners, {beating("b", 4)});
  REQUIRE(n.count<write_owner>() == 1);
  CHECK(n.ordered<write_owner>()[0].record == owner(0, "a", 8, 3));
  n.store_writes(5);
  CHECK(n.ordered<open_partition>()[0].unclean);
  REQUIRE(n.count<tell_taken>() == 1);
  CHECK(n.ordered<tell_taken>()[0].from == node_named("b"));
}

TEST_CASE("nodes are read when a silence falls due, however long the next read would be away", "[ownership]") {
  auto n = node_a();
  n.settings.read_every = 4s;
  n.input(lease_gained{});
  const std::vector owners{owner(0, "b", 7, 3)};
  n.answer_reads(owners, {beating("b", 4)});
  n.look(owners, {beating("b", 4)});
  n.look(owners, {beating("b", 4)});
  n.tick_after(n.settings.lease_time - 8s - 1ms);
  CHECK(n.last.empty());
  n.tick_after(1ms);
  n.answer_reads(owners, {beating("b", 4)});
  CHECK(n.count<write_owner>() == 1);
}

TEST_CASE("a silence that falls due makes a node read once, and again in its usual time", "[ownership]") {
  auto n = node_a();
  n.settings.read_every = 4s;
  n.input(lease_gained{});
  n.answer_reads({owner(0, "b", 7, 3)}, {beating("b", 4)});
  n.tick_after(n.settings.lease_time);
  REQUIRE(n.count<read_owners>() == 1);
  n.input(owners_unreadable{});
  n.tick_after(n.settings.read_every - 1ms);
  CHECK(n.last.empty());
  n.tick_after(1ms);
  CHECK(n.count<read_owners>() == 1);
}

TEST_CASE("while a node beats, no silence falls due", "[ownership]") {
  auto n = node_a();
  n.settings.read_every = 4s;
  n.input(lease_gained{});
  for (std::uint64_t beat = 1; beat <= 5; ++beat) {
    n.answer_reads({owner(0, "a", 1, 3)}, {beating("b", beat)});
    n.tick_after(n.settings.read_every - 1ms);
    CHECK(n.last.empty());
    n.tick_after(1ms);
  }
}

TEST_CASE("a record that is gone starts the count again, and makes nobody a member", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  const std::vector owners{owner(0, "b", 7, 3)};
  n.answer_reads(owners, {beating("b", 4)});
  n.look(owners, {beating("b", 5)});
  REQUIRE(cluster::members(n.state.nodes) == std::vector{node_named("b")});
  for (int i = 0; i < 5; ++i) {
    n.look(owners, {});
    CHECK(cluster::members(n.state.nodes).empty());
    CHECK(n.count<write_owner>() == 0);
  }
  n.look(owners, {});
  CHECK(n.count<write_owner>() == 1);
}

namespace {

node_record stored(std::string_view node, std::uint64_t revision, milliseconds at) {
  auto r = beating(node, revision);
  r.stored_at = instant{at};
  return r;
}

std::vector<std::string> removed(const owning_node& n) {
  std::vector<std::string> names;
  for (const auto& r : n.ordered<remove_node>()) {
    names.push_back(r.record.node.text() + " " + std::to_string(r.record.revision.value));
  }
  return names;
}

} // namespace

TEST_CASE("the records of earlier lives are removed at once, each once", "[ownership]") {
  auto n = node_a();
  n.settings.known_dead = {node_named("a-1"), node_named("a-2")};
  n.input(lease_gained{});
  const std::vector owners{owner(0, "a-2", 7, 3)};
  const std::vector records{stored("a", 5, 2s), stored("a-1", 2, 1s), stored("a-2", 1, 0s), stored("b", 4, 0s)};
  n.answer_reads(owners, records);
  CHECK(removed(n) == std::vector<std::string>{"a-2 1", "a-1 2"});
  CHECK(n.count<write_owner>() == 1);
  n.look(owners, records);
  CHECK(removed(n).empty());
}

TEST_CASE("a node's record is removed when it is silent, owns nothing on record and is a day older than the newest", "[ownership]") {
  auto n = node_a(2);
  const auto day = n.settings.forget_after;
  n.input(lease_gained{});
  const std::vector owners{owner(0, "owning", 7, 3), owner(1, "a", 1, 9)};
  std::uint64_t beat = 100;
  const auto records = [&] {
    ++beat;
    return std::vector{stored("a", beat, day + 1s), stored("beating", beat, 1s), stored("owning", 2, 0s),
        stored("long-dead", 3, 1s), stored("dead", 4, 2s)};
  };
  n.answer_reads(owners, records());
  for (int i = 0; i < 4; ++i) {
    n.look(owners, records());
    CHECK(removed(n).empty());
  }
  n.look(owners, records());
  CHECK(removed(n) == std::vector<std::string>{"long-dead 3"});
  n.look(owners, records());
  CHECK(removed(n).empty());
}

TEST_CASE("of many records that may go, the eldest go first, a few at a time", "[ownership]") {
  auto n = node_a();
  std::vector<node_record> records;
  for (std::uint64_t i = 0; i < cluster::removals_max + 4; ++i) {
    const auto name = "a-" + std::to_string(i);
    n.settings.known_dead.insert(node_named(name));
    records.push_back(stored(name, 100 - i, 0s));
  }
  n.input(lease_gained{});
  if (n.count<read_owners>() == 1) n.input(owners_read{{}});
  n.input(nodes_read{records});
  REQUIRE(n.count<remove_node>() == cluster::removals_max);
  CHECK(removed(n).front() == "a-" + std::to_string(cluster::removals_max + 3) + " " + std::to_string(97 - cluster::removals_max));
}

TEST_CASE("a heartbeat that moves starts the count again", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  const std::vector owners{owner(0, "b", 7, 3)};
  n.answer_reads(owners, {beating("b", 4)});
  for (std::uint64_t i = 0; i < 20; ++i) {
    n.look(owners, {beating("b", 5 + i / 4)});
    CHECK(n.count<write_owner>() == 0);
  }
}

TEST_CASE("the count ends with a read that shows the heartbeat unchanged, not with a clock alone", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  const std::vector owners{owner(0, "b", 7, 3)};
  n.answer_reads(owners, {beating("b", 4)});

  SECTION("a long pause, then a read that shows it moved") {
    n.pass(60s);
    n.look(owners, {beating("b", 5)});
    CHECK(n.count<write_owner>() == 0);
  }
  SECTION("a read that was sent too early, whenever its answer comes") {
    n.tick_after(2s);
    n.input(owners_read{owners});
    REQUIRE(n.count<read_nodes>() == 1);
    n.pass(60s);
    n.input(nodes_read{{beating("b", 4)}});
    CHECK(n.count<write_owner>() == 0);
  }
}

TEST_CASE("the contender's own late heartbeat starts its counts again", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  const std::vector owners{owner(0, "b", 7, 3)};
  n.answer_reads(owners, {beating("b", 4)});
  n.pass(7s);
  n.input(heartbeat_late{});
  n.look(owners, {beating("b", 4)});
  n.pass(5s);
  n.look(owners, {beating("b", 4)});
  CHECK(n.count<write_owner>() == 0); // 16 s since it was first seen, 9 s since the doubt
  n.look(owners, {beating("b", 4)});
  CHECK(n.count<write_owner>() == 1);
}

TEST_CASE("the contender's own lost lease starts its counts again", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  const std::vector owners{owner(0, "b", 7, 3)};
  n.answer_reads(owners, {beating("b", 4)});
  n.pass(9s);
  n.input(lease_lost{});
  n.input(lease_gained{});
  n.answer_reads(owners, {beating("b", 4)});
  n.look(owners, {beating("b", 4)});
  CHECK(n.count<write_owner>() == 0);
  n.pass(6s);
  n.look(owners, {beating("b", 4)});
  CHECK(n.count<write_owner>() == 1);
}

TEST_CASE("an owner without any node record is waited for like any other", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  const std::vector owners{owner(0, "b", 7, 3)};
  n.answer_reads(owners, {});
  for (int i = 0; i < 4; ++i) {
    n.look(owners, {});
    CHECK(n.count<write_owner>() == 0);
  }
  n.look(owners, {});
  CHECK(n.count<write_owner>() == 1);
}

TEST_CASE("an owner that is proven dead is not waited for", "[ownership]") {
  auto n = node_a();
  n.settings.known_dead = {node_named("old")};
  n.input(lease_gained{});
  n.answer_reads({owner(0, "old", 7, 3)}, {beating("old", 4)});
  REQUIRE(n.count<write_owner>() == 1);
  CHECK(n.ordered<write_owner>()[0].record == owner(0, "a", 8, 3));
  n.store_writes(5);
  CHECK(n.ordered<open_partition>()[0].unclean);
}

TEST_CASE("a refused take is not repeated before owners and nodes were read again", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  n.answer_reads({}, {});
  n.input(owner_refused{{0}, n.ordered<write_owner>()[0].number});
  CHECK(n.last.empty());
  CHECK(n.is<idle>(0));
  n.look({owner(0, "b", 1, 9)}, {beating("b", 4)});
  CHECK(n.count<write_owner>() == 0);
}

TEST_CASE("a take whose answer was lost is taken anew, with a higher epoch", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  n.answer_reads({}, {});
  n.input(owner_failed{{0}, n.ordered<write_owner>()[0].number});
  CHECK(n.count<open_partition>() == 0);
  n.look({owner(0, "a", 1, 9)}, {beating("a", 4)});
  REQUIRE(n.count<write_owner>() == 1);
  CHECK(n.ordered<write_owner>()[0].record == owner(0, "a", 2, 9));
}

TEST_CASE("epochs never fall, even if the record is gone", "[ownership]") {
  auto n = with_open_partition();
  n.input(partition_closed{{0}, {1}});
  n.look({}, {});
  REQUIRE(n.count<write_owner>() == 1);
  CHECK(n.ordered<write_owner>()[0].record == owner(0, "a", 2, 0));
}

TEST_CASE("a lost lease closes every partition and forgets every take that is under way", "[ownership]") {
  auto n = node_a(2);
  n.input(lease_gained{});
  n.answer_reads({}, {});
  const auto takes = n.ordered<write_owner>();
  REQUIRE(takes.size() == 2);
  n.input(owner_written{{0}, takes[0].number, {10}});
  n.input(lease_lost{});
  REQUIRE(n.count<close_partition>() == 1);
  CHECK(n.ordered<close_partition>()[0].partition == partition_id{0});
  CHECK(n.is<closing>(0));
  CHECK(n.is<idle>(1));

  n.input(owner_written{{1}, takes[1].number, {11}});
  CHECK(n.last.empty());
  CHECK(n.is<idle>(1));
}

TEST_CASE("the answer of an earlier take does not count for a later one", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  n.answer_reads({}, {});
  const auto first = n.ordered<write_owner>().at(0);
  n.input(lease_lost{});
  n.input(lease_gained{});
  n.answer_reads({}, {});
  const auto second = n.ordered<write_owner>().at(0);
  n.input(owner_written{{0}, first.number, {10}});
  CHECK(n.last.empty());
  n.input(owner_refused{{0}, second.number});
  CHECK(n.is<idle>(0));
}

TEST_CASE("after a lost lease the node's own partitions are taken anew, with new epochs, once they are closed",
    "[ownership]") {
  auto n = with_open_partition();
  n.input(lease_lost{});
  n.input(lease_gained{});
  const std::vector owners{owner(0, "a", 1, 10)};
  n.answer_reads(owners, {beating("a", 4)});
  CHECK(n.count<write_owner>() == 0); // its actor has not said that it is closed
  n.input(partition_closed{{0}, {1}});
  n.look(owners, {beating("a", 4)});
  REQUIRE(n.count<write_owner>() == 1);
  CHECK(n.ordered<write_owner>()[0].record == owner(0, "a", 2, 10));
  n.store_writes(11);
  CHECK(n.ordered<open_partition>()[0].unclean);
}

TEST_CASE("superseded by the queue: ownership is read again at once", "[ownership]") {
  auto n = with_open_partition();
  n.pass(3s);
  n.input(partition_stopped{{0}, {1}, source_failure::superseded});
  CHECK(n.is<idle>(0));
  REQUIRE(n.count<read_owners>() == 1);

  SECTION("by another node: it stays away") {
    n.answer_reads({owner(0, "b", 2, 11)}, {beating("b", 4)});
    CHECK(n.last.empty());
    n.look({owner(0, "b", 2, 11)}, {beating("b", 5)});
    CHECK(n.count<write_owner>() == 0);
  }
  SECTION("by nobody, the consumer is gone: it is taken anew") {
    n.answer_reads({owner(0, "a", 1, 10)}, {});
    REQUIRE(n.count<write_owner>() == 1);
    CHECK(n.ordered<write_owner>()[0].record.epoch == epoch{2});

    SECTION("and a queue that does so again and again does not make the node spin") {
      n.store_writes(11);
      n.input(partition_stopped{{0}, {2}, source_failure::superseded});
      CHECK(n.last.empty());
      n.tick_after(2s);
      CHECK(n.count<read_owners>() == 1);
    }
  }
}

TEST_CASE("superseded by a record: closed at once", "[ownership]") {
  auto n = node_a(2);
  n.settle({}, {}, 10);
  // Partition 1 died, so owners are read; partition 0 turns out to be somebody else's.
  n.input(partition_closed{{1}, {1}});
  n.tick_after(2s);
  REQUIRE(n.count<read_owners>() == 1);
  n.input(owners_read{{owner(0, "b", 2, 20), owner(1, "a", 1, 11)}});
  REQUIRE(n.count<close_partition>() == 1);
  CHECK(n.ordered<close_partition>()[0].partition == partition_id{0});
}

TEST_CASE("a read that is older than the node's own take supersedes nothing", "[ownership]") {
  auto n = with_open_partition();
  n.state.owners_wanted = true;
  n.tick_after(2s);
  n.input(owners_read{{owner(0, "b", 0, 3)}});
  CHECK(n.count<close_partition>() == 0);
}

TEST_CASE(
    "a partition that could not be opened, for the broker is away, is taken anew with the next look", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  n.answer_reads({}, {});
  n.store_writes(10);
  n.input(partition_stopped{{0}, {1}, source_failure::unreachable});
  CHECK(n.last.empty());
  n.look({owner(0, "a", 1, 10)}, {});
  REQUIRE(n.count<write_owner>() == 1);
  CHECK(n.ordered<write_owner>()[0].record.epoch == epoch{2});
}

TEST_CASE("a partition that was told to close has ended with whatever its actor says last", "[ownership]") {
  const std::vector<input> last_words{partition_closed{{0}, {1}}, partition_stopped{{0}, {1}},
      partition_released{{0}, {1}, true}, partition_released{{0}, {1}, false}};
  for (const auto& word : last_words) {
    auto n = with_open_partition();
    n.input(lease_lost{});
    REQUIRE(n.is<closing>(0));
    n.input(word);
    CHECK(n.last.empty());
    CHECK(n.is<idle>(0));
  }
}

TEST_CASE("what is said about an earlier opening changes nothing", "[ownership]") {
  auto n = with_open_partition();
  const std::vector<input> stale{partition_opened{{0}, {9}}, partition_stopped{{0}, {9}},
      partition_released{{0}, {9}, true}, partition_closed{{0}, {9}}, partition_closed{{77}, {1}},
      owner_written{{0}, 99, {50}}, owner_refused{{0}, 99}, owner_failed{{0}, 99}};
  for (const auto& in : stale) {
    n.input(in);
    CHECK(n.last.empty());
    CHECK(n.is<owned>(0));
  }
}

TEST_CASE("while all is as it should be, only nodes are read", "[ownership]") {
  auto n = with_open_partition();
  for (int i = 0; i < 10; ++i) {
    n.tick_after(2s);
    CHECK(n.count<read_owners>() == 0);
    REQUIRE(n.count<read_nodes>() == 1);
    n.input(nodes_read{{beating("a", 4)}});
    CHECK(n.last.empty());
  }
}

TEST_CASE("one read at a time; one that failed is repeated with the next tick that is due", "[ownership]") {
  auto n = node_a();
  n.input(lease_gained{});
  n.tick_after(2s);
  CHECK(n.last.empty());
  n.input(owners_unreadable{});
  CHECK(n.last.empty());
  n.tick_after(0ms);
  CHECK(n.count<read_owners>() == 1);
  n.input(owners_read{{}});
  n.input(nodes_unreadable{});
  CHECK(n.last.empty());
  n.tick_after(2s);
  CHECK(n.count<read_owners>() + n.count<read_nodes>() == 1);
}
