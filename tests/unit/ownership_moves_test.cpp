// How partitions move in good order: drains, stops, and the balance between members. And what the balance is made from.
#include <catch2/catch_test_macros.hpp>

#include "actors/cluster/assignment.hpp"
#include "tests/support/owning_node.hpp"

namespace {

using namespace baton;
using namespace baton::ownership;
using namespace baton::support;
using namespace std::chrono_literals;

owning_node node_a(std::uint64_t partitions) {
  settings s;
  s.self = node_named("a");
  s.partitions = partitions;
  return owning_node{s};
}

std::vector<owner_record> all_owned_by(std::string_view node, std::uint64_t partitions) {
  std::vector<owner_record> all;
  for (std::uint64_t p = 0; p < partitions; ++p) {
    all.push_back(owner(p, node, 1, 10 + p));
  }
  return all;
}

std::set<std::uint64_t> assigned_to(
    std::string_view node, std::uint64_t partitions, const std::vector<node_id>& members) {
  std::set<std::uint64_t> found;
  for (std::uint64_t p = 0; p < partitions; ++p) {
    if (cluster::assigned({p}, members) == node_named(node)) found.insert(p);
  }
  return found;
}

/// What another node must be called so that a single partition belongs to it and not to `a`.
std::string name_that_wins() {
  std::string name = "b";
  while (assigned_to(name, 1, {node_named("a"), node_named(name)}).empty()) {
    name += 'b';
  }
  return name;
}

} // namespace

TEST_CASE("rendezvous: each member gets about its share, in whatever order they are listed", "[assignment]") {
  const std::vector members{node_named("n-1"), node_named("n-2"), node_named("n-3"), node_named("n-4")};
  const std::vector reversed(members.rbegin(), members.rend());
  for (const auto& m : members) {
    const auto share = assigned_to(m.text(), 1'024, members);
    CHECK(share.size() > 200);
    CHECK(share.size() < 312);
    CHECK(share == assigned_to(m.text(), 1'024, reversed));
  }
}

TEST_CASE("rendezvous: who leaves moves only its own partitions", "[assignment]") {
  const std::vector members{node_named("n-1"), node_named("n-2"), node_named("n-3")};
  const std::vector fewer{node_named("n-1"), node_named("n-3")};
  for (std::uint64_t p = 0; p < 256; ++p) {
    const auto& before = cluster::assigned({p}, members);
    if (before != node_named("n-2")) CHECK(before == cluster::assigned({p}, fewer));
  }
}

TEST_CASE("rendezvous: the hash is part of the contract between nodes and never changes", "[assignment]") {
  const std::vector members{node_named("alpha"), node_named("beta"), node_named("gamma")};
  std::string owners;
  for (std::uint64_t p = 0; p < 32; ++p) {
    owners += cluster::assigned({p}, members).text().substr(0, 1);
  }
  CHECK(owners == "bbabbbabgggbgbbaaaabbaaaaagaabaa");
}

TEST_CASE("only a node that was seen to beat counts as a member", "[ownership]") {
  auto n = node_a(16);
  n.input(lease_gained{});
  // Records that others left behind, and nothing owned: all of it is for this node.
  n.answer_reads({}, {beating("b", 4), beating("c", 5)});
  CHECK(n.count<write_owner>() == 16);
}

TEST_CASE("a partition that belongs to a living member is left to it, even if it is free", "[ownership]") {
  auto n = node_a(16);
  n.input(lease_gained{});
  n.answer_reads(all_owned_by("b", 16), {beating("b", 4)});
  REQUIRE(n.count<write_owner>() == 0);
  auto released = all_owned_by("b", 16);
  for (auto& r : released) {
    r.released = true;
  }
  n.look(released, {beating("b", 5)});
  const auto mine = assigned_to("a", 16, {node_named("a"), node_named("b")});
  std::set<std::uint64_t> taken;
  for (const auto& w : n.ordered<write_owner>()) {
    taken.insert(w.record.partition.value);
  }
  CHECK(taken == mine);

  SECTION("until it drains") {
    for (const auto& w : n.ordered<write_owner>()) {
      n.input(owner_refused{w.record.partition, w.number});
    }
    n.look(released, {beating("b", 6, true)});
    CHECK(n.count<write_owner>() == 16);
  }
}

TEST_CASE("a silent node is no member until it beats again, whatever the node doubts meanwhile", "[ownership]") {
  auto n = node_a(16);
  n.settle({}, {}, 10);
  n.look({}, {beating("b", 4)});
  n.look({}, {beating("b", 5)});
  REQUIRE(n.count<release_partition>() == 1);
  for (int i = 0; i < 6; ++i) {
    n.look({}, {beating("b", 5)});
  }
  CHECK(cluster::members(n.state.nodes).empty());
  n.input(heartbeat_late{});
  n.look({}, {beating("b", 5)});
  CHECK(cluster::members(n.state.nodes).empty());
  n.look({}, {beating("b", 6)});
  CHECK(cluster::members(n.state.nodes).size() == 1);
}

TEST_CASE("what falls to a node while it reads only nodes is not taken before the owners were read", "[ownership]") {
  auto n = node_a(1);
  const auto b = name_that_wins();
  const std::vector owners{owner(0, b, 7, 3)};
  n.settle(owners, {beating(b, 4)}, 10);
  n.look(owners, {beating(b, 5)});
  for (int i = 0; i < 4; ++i) {
    n.tick_after(2s);
    REQUIRE(n.count<read_nodes>() == 1); // it is all as it should be
    n.input(nodes_read{{beating(b, 5)}});
    REQUIRE(n.last.empty());
  }
  n.tick_after(2s);
  n.input(nodes_read{{beating(b, 5)}});
  CHECK(n.count<write_owner>() == 0);
  REQUIRE(n.count<read_owners>() == 1);
  n.answer_reads(owners, {beating(b, 5)});
  CHECK(n.count<write_owner>() == 1);
}

TEST_CASE("what belongs to another member is released, one partition at a time", "[ownership]") {
  auto n = node_a(16);
  n.settle({}, {}, 10);
  const auto theirs = assigned_to("b", 16, {node_named("a"), node_named("b")});
  REQUIRE(theirs.size() > 3);
  std::uint64_t beat = 4;
  n.look({}, {beating("b", beat++)});
  CHECK(n.last.empty());

  std::set<std::uint64_t> released;
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    n.look({}, {beating("b", beat++)});
    REQUIRE(n.count<release_partition>() == 1);
    const auto p = n.ordered<release_partition>()[0].partition;
    released.insert(p.value);
    n.look({}, {beating("b", beat++)});
    CHECK(n.last.empty()); // the first is still falling quiet
    n.input(partition_released{p, {1}, true});
    REQUIRE(n.count<write_owner>() == 1);
    CHECK(n.ordered<write_owner>()[0].record == owner(p.value, "a", 1, 10 + p.value, true));
    n.store_writes(100 + i);
    REQUIRE(n.count<tell_handed>() == 1);
    CHECK(n.ordered<tell_handed>()[0].partition == p);
    CHECK(n.ordered<tell_handed>()[0].to == node_named("b"));
  }
  CHECK(released == theirs);
  CHECK(share_of(n.state, n.settings).open == 16 - theirs.size());
  CHECK(share_of(n.state, n.settings).due == 16 - theirs.size());
  n.look({}, {beating("b", beat++)});
  CHECK(n.last.empty());
  CHECK(is_ready(n.state, n.settings));
}

TEST_CASE("the next partition is released when the one before was taken", "[ownership]") {
  auto n = node_a(16);
  n.settle({}, {}, 10);
  n.look({}, {beating("b", 4)});
  n.look({}, {beating("b", 5)});
  REQUIRE(n.count<release_partition>() == 1);
  const auto p = n.ordered<release_partition>()[0].partition;
  n.input(partition_released{p, {1}, true});
  n.store_writes(100);
  const std::vector given_back{owner(p.value, "a", 1, 100, true)};
  for (std::uint64_t beat = 6; beat < 16; ++beat) {
    n.look(given_back, {beating("b", beat)});
    CHECK(n.last.empty());
  }

  SECTION("by the member that it is for") {
    n.look({owner(p.value, "b", 2, 101)}, {beating("b", 16)});
    REQUIRE(n.count<release_partition>() == 1);
    CHECK(n.ordered<release_partition>()[0].partition != p);
  }
  SECTION("by nobody: that member falls silent, and it comes back") {
    for (auto waited = 0ms; waited < n.settings.lease_time; waited += n.settings.read_every) {
      CHECK(n.count<write_owner>() == 0);
      n.look(given_back, {beating("b", 15)});
    }
    REQUIRE(n.count<write_owner>() == 1);
    CHECK(n.ordered<write_owner>()[0].record == owner(p.value, "a", 2, 100));
  }
}

TEST_CASE("what an owner did not see to is said when it releases, and the next one will look", "[ownership]") {
  auto n = node_a(1);
  n.settle({}, {}, 10);
  n.input(drain{});
  n.input(partition_released{{0}, {1}, false});
  REQUIRE(n.count<write_owner>() == 1);
  const auto given_back = n.ordered<write_owner>()[0].record;
  CHECK(given_back == owner(0, "a", 1, 10, true, true));

  settings s;
  s.self = node_named("c");
  s.partitions = 1;
  owning_node next{s};
  next.input(lease_gained{});
  next.answer_reads({given_back}, {});
  next.store_writes(11); // without a wait
  REQUIRE(next.count<open_partition>() == 1);
  CHECK(next.ordered<open_partition>()[0].unclean);
}

TEST_CASE("a node is ready when every partition that it should own is open", "[ownership]") {
  auto n = node_a(2);
  CHECK_FALSE(is_ready(n.state, n.settings));
  n.input(lease_gained{});
  CHECK_FALSE(is_ready(n.state, n.settings));
  n.answer_reads({}, {});
  n.store_writes(10);
  CHECK_FALSE(is_ready(n.state, n.settings));
  n.input(partition_opened{{0}, {1}});
  CHECK_FALSE(is_ready(n.state, n.settings));
  n.input(partition_opened{{1}, {1}});
  CHECK(is_ready(n.state, n.settings));
  n.input(lease_lost{});
  CHECK_FALSE(is_ready(n.state, n.settings));
}

TEST_CASE("a look at the world that was cut off in the middle is repeated from its beginning", "[ownership]") {
  auto n = node_a(0);
  n.input(lease_gained{});
  n.input(owners_read{{}});
  n.input(nodes_unreadable{});
  CHECK_FALSE(is_ready(n.state, n.settings));
  n.look({}, {});
  CHECK(is_ready(n.state, n.settings));
}

TEST_CASE("draining: nothing is taken, everything is released as it falls quiet, then it ends", "[ownership]") {
  auto n = node_a(2);
  n.settle({}, {}, 10);
  n.input(drain{});
  CHECK(n.count<release_partition>() == 2);
  CHECK_FALSE(is_ready(n.state, n.settings));
  n.tick_after(2s);
  CHECK(n.last.empty());

  CHECK(share_of(n.state, n.settings).due == 0);
  n.input(partition_released{{0}, {1}, true});
  n.store_writes(20);
  CHECK(n.count<finish>() == 0);
  REQUIRE(n.count<tell_handed>() == 1);
  CHECK(n.ordered<tell_handed>()[0].to == node_id{}); // nobody else is known
  n.input(partition_released{{1}, {1}, true});
  n.store_writes(21);
  REQUIRE(n.count<finish>() == 1);
  CHECK(n.ordered<finish>()[0].quiet);
  n.tick_after(2s);
  CHECK(n.last.empty());
}

TEST_CASE("draining catches what is on its way in every stage", "[ownership]") {
  auto n = node_a(4);
  n.input(lease_gained{});
  // Partition 2 was left behind uncleanly, by a node that is proven dead.
  n.settings.known_dead = {node_named("old")};
  n.answer_reads({owner(2, "old", 5, 3)}, {});
  const auto takes = n.ordered<write_owner>();
  REQUIRE(takes.size() == 4);
  n.input(owner_written{{0}, takes[0].number, {10}}); // opening
  n.input(drain{});
  CHECK(n.last.empty());

  n.input(partition_opened{{0}, {1}});
  CHECK(n.count<release_partition>() == 1);
  n.input(partition_released{{0}, {1}, true});
  n.store_writes(20);

  n.input(owner_written{{1}, takes[1].number, {11}}); // never opened, so it is clean as it was
  CHECK(n.count<open_partition>() == 0);
  REQUIRE(n.count<write_owner>() == 1);
  CHECK(n.ordered<write_owner>()[0].record == owner(1, "a", 1, 11, true));
  n.store_writes(21);

  n.input(owner_written{{2}, takes[2].number, {12}}); // what was cut off is still cut off
  REQUIRE(n.count<write_owner>() == 1);
  CHECK(n.ordered<write_owner>()[0].record == owner(2, "a", 6, 12, true, true));
  n.store_writes(22);

  n.input(owner_refused{{3}, takes[3].number});
  CHECK(n.count<finish>() == 1);
}

TEST_CASE("a release that could not be written is written again until the drain ends", "[ownership]") {
  auto n = node_a(1);
  n.settle({}, {}, 10);
  n.input(drain{});
  n.input(partition_released{{0}, {1}, true});
  n.input(owner_failed{{0}, n.ordered<write_owner>()[0].number});
  CHECK(n.last.empty());
  n.tick_after(500ms);
  REQUIRE(n.count<write_owner>() == 1);

  SECTION("stored at last") {
    n.store_writes(11);
    CHECK(n.count<finish>() == 1);
  }
  SECTION("refused, for the first one was stored after all") {
    n.input(owner_refused{{0}, n.ordered<write_owner>()[0].number});
    CHECK(n.count<finish>() == 1);
  }
}

TEST_CASE("a drain ends after its timeout, whatever still runs is closed", "[ownership]") {
  auto n = node_a(2);
  n.settle({}, {}, 10);
  n.input(drain{});
  n.tick_after(59'999ms);
  CHECK(n.last.empty());
  n.tick_after(1ms);
  CHECK(n.count<close_partition>() == 2);
  REQUIRE(n.count<finish>() == 1);
  CHECK_FALSE(n.ordered<finish>()[0].quiet);
}

TEST_CASE("a second drain stops at once", "[ownership]") {
  auto n = node_a(2);
  n.settle({}, {}, 10);
  n.input(drain{});
  n.input(drain{});
  CHECK(n.count<close_partition>() == 2);
  CHECK(n.count<finish>() == 1);
}

TEST_CASE("a lease lost while draining: all is closed, then it ends", "[ownership]") {
  auto n = node_a(1);
  n.settle({}, {}, 10);
  n.input(drain{});
  n.input(lease_lost{});
  CHECK(n.count<close_partition>() == 1);
  CHECK(n.count<finish>() == 0);
  n.input(partition_closed{{0}, {1}});
  CHECK(n.count<finish>() == 1);
}

TEST_CASE("a node that owns nothing drains at once", "[ownership]") {
  auto n = node_a(1);
  n.input(drain{});
  CHECK(n.count<finish>() == 1);
}
