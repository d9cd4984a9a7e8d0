#include "actors/cluster/node_actor.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "tests/support/actor_world.hpp"
#include "tests/support/fake_owner_store.hpp"

namespace {

using namespace baton;
using namespace baton::support;
using namespace std::chrono_literals;

/// Stands for the actor of one partition: notes what it is told, answers what the test wants.
struct partition_double {
  baton::epoch epoch;
  bool unclean = false;
  actors::partition_reports reports;
  caf::actor actor;
  bool told_to_drain = false;
  bool ended = false;
};

class double_actor : public caf::event_based_actor {
public:
  double_actor(caf::actor_config& config, std::shared_ptr<partition_double> notes)
      : caf::event_based_actor(config), notes_(std::move(notes)) {}
  caf::behavior make_behavior() override {
    return {
        [this](actors::drain_partition) { notes_->told_to_drain = true; },
        [this](actors::close_partition) {
          notes_->ended = true;
          notes_->reports.closed();
          quit();
        },
    };
  }
  /// The notes hold the actor, and a newer opening may have taken their place with the member.
  void on_exit() override { notes_ = nullptr; }

private:
  std::shared_ptr<partition_double> notes_;
};

struct recording_fence final : execution_fence {
  void renewed(monotonic_instant from) override {
    ++renewals;
    renewed_from = from;
  }
  void lost() override { ++losses; }
  int renewals = 0;
  std::optional<monotonic_instant> renewed_from;
  int losses = 0;
};

/// One node's actor with doubles around it.
struct member {
  explicit member(kept_records& records) : store(records) {}

  fake_owner_store store;
  recording_fence fence;
  recording_log notices;
  caf::actor actor;
  /// The newest opening of each partition.
  std::map<std::uint64_t, std::shared_ptr<partition_double>> partitions;
  std::vector<baton::epoch> openings;
  bool ready = false;
  std::optional<bool> finished;
  /// Openings succeed, and drains end, by themselves.
  bool obliging = true;

  [[nodiscard]] std::set<std::uint64_t> working_on() const {
    std::set<std::uint64_t> found;
    for (const auto& [p, d] : partitions) {
      if (!d->ended) found.insert(p);
    }
    return found;
  }
};

class cluster_world : public actor_world {
public:
  ~cluster_world() { end_actors(); }

  /// The partitions are two, unless said otherwise.
  member& start(const std::string& name, std::uint64_t partitions = 2, std::set<node_id> known_dead = {}) {
    auto& m = *members_.emplace(name, std::make_unique<member>(records)).first->second;
    actors::node_actor::place at;
    at.own.self = *node_id::parse(name);
    at.own.partitions = partitions;
    at.own.known_dead = std::move(known_dead);
    at.host = "host-of-" + name;
    at.slots = 3;
    at.clock = &clock;
    at.store = &m.store;
    at.fence = &m.fence;
    at.notices = &m.notices;
    at.open = [this, &m](partition_id p, epoch e, bool unclean, actors::partition_reports reports) {
      return open(m, p, e, unclean, std::move(reports));
    };
    at.ready = [&m](bool is, const ownership::share&) { m.ready = is; };
    at.finished = [&m](bool quiet) { m.finished = quiet; };
    m.actor = keep(system().spawn<actors::node_actor>(std::move(at)));
    pumps.emplace_back([&m] { return m.store.run(); });
    pumps.emplace_back([this, &m] { return m.obliging ? drain_all(m) : 0; });
    settle();
    return m;
  }
  /// The process is gone, with all that was in its memory.
  void crash(member& m) {
    m.obliging = false;
    m.store.hold(true);
    kill(m.actor);
    for (auto& [p, d] : m.partitions) {
      d->ended = true;
    }
  }
  const owner_record& record(std::uint64_t partition) { return records.owners.at({partition}); }

  kept_records records;

private:
  caf::actor open(member& m, partition_id p, epoch e, bool unclean, actors::partition_reports reports) {
    auto d = std::make_shared<partition_double>();
    d->epoch = e;
    d->unclean = unclean;
    d->reports = std::move(reports);
    d->actor = keep(system().spawn<double_actor>(d));
    if (m.obliging) d->reports.opened();
    m.partitions[p.value] = d;
    m.openings.push_back(e);
    return d->actor;
  }
  static std::size_t drain_all(member& m) {
    std::size_t done = 0;
    for (auto& [p, d] : m.partitions) {
      if (!d->told_to_drain || d->ended) continue;
      d->ended = true;
      d->reports.released();
      caf::anon_send_exit(d->actor, caf::exit_reason::normal);
      ++done;
    }
    return done;
  }

  std::map<std::string, std::unique_ptr<member>> members_;
};

const std::set<std::uint64_t> none;
const std::set<std::uint64_t> both{0, 1};

} // namespace

TEST_CASE_METHOD(cluster_world, "a node alone takes all partitions with its first heartbeat, and is ready", "[node]") {
  auto& a = start("a");
  CHECK(a.working_on() == both);
  CHECK(a.ready);
  CHECK(a.partitions[0]->epoch == epoch{1});
  CHECK_FALSE(a.partitions[0]->unclean);
  const auto& node = records.nodes.at(*node_id::parse("a"));
  CHECK(node.host == "host-of-a");
  CHECK(node.slots == 3);
  CHECK_FALSE(node.draining);
}

TEST_CASE_METHOD(cluster_world, "a node is not ready while a partition is not open", "[node]") {
  auto& a = start("a");
  a.obliging = false;
  kill(a.partitions[0]->actor);
  CHECK_FALSE(a.ready);
  advance(2s);
  REQUIRE(a.partitions[0]->epoch == epoch{2});
  CHECK_FALSE(a.ready);
  a.partitions[0]->reports.opened();
  settle();
  CHECK(a.ready);
}

TEST_CASE_METHOD(
    cluster_world, "a heartbeat goes out every two seconds, and each one confirmed renews the fence", "[node]") {
  auto& a = start("a");
  CHECK(a.store.beats_asked() == 1);
  advance(20s);
  CHECK(a.store.beats_asked() == 11);
  CHECK(a.fence.renewals == 11);
  CHECK(a.fence.losses == 0);
  CHECK(records.nodes.at(*node_id::parse("a")).beat == 11);
}

TEST_CASE_METHOD(
    cluster_world, "a heartbeat confirmed late renews the fence from when it was sent", "[node]") {
  auto& a = start("a");
  advance(1'900ms);
  a.store.hold(true);
  const auto before = clock.monotonic_now();
  advance(200ms);
  const auto sent_by = clock.monotonic_now();
  advance(1s);
  a.store.hold(false);
  settle();
  REQUIRE(a.fence.renewed_from);
  CHECK(*a.fence.renewed_from > before);
  CHECK(*a.fence.renewed_from <= sent_by);
}

TEST_CASE_METHOD(
    cluster_world, "without a confirmed heartbeat a node stops its own work after eight seconds", "[node]") {
  auto& a = start("a");
  a.store.set_reachable(false);
  advance(7'900ms);
  CHECK(a.working_on() == both);
  CHECK(a.fence.losses == 0);
  advance(200ms);
  CHECK(a.working_on() == none);
  CHECK(a.fence.losses == 1);
  CHECK_FALSE(a.ready);
  CHECK(a.notices.lines.size() == 1);

  SECTION("and takes its partitions anew, with new epochs, when the broker is back") {
    a.store.set_reachable(true);
    advance(4s);
    CHECK(a.working_on() == both);
    CHECK(a.partitions[0]->epoch == epoch{2});
    CHECK(a.partitions[0]->unclean);
    CHECK(a.ready);
  }
}

TEST_CASE_METHOD(cluster_world, "a store that answers nothing at all costs the lease just as well", "[node]") {
  auto& a = start("a");
  a.store.hold(true);
  advance(8'100ms);
  CHECK(a.working_on() == none);
  CHECK(a.fence.losses == 1);
  // Of all that is confirmed now, only what was sent after the loss counts.
  a.store.hold(false);
  advance(100ms);
  CHECK(a.working_on() == both);
  CHECK(a.partitions[0]->epoch == epoch{2});
}

TEST_CASE_METHOD(
    cluster_world, "a process that stood still opens nothing under a lease that ran out meanwhile", "[node]") {
  auto& a = start("a", 1);
  kill(a.partitions[0]->actor);
  a.openings.clear();
  a.store.hold_owners(true);
  advance(3s);
  stand_still(9s);
  a.store.hold_owners(false);
  settle();
  CHECK(a.fence.losses == 1);
  // The take of epoch 2 was stored, but what is opened is what was taken under the next lease.
  CHECK(record(0).epoch == epoch{3});
  CHECK(a.openings == std::vector{epoch{3}});
}

TEST_CASE_METHOD(cluster_world,
    "a silent owner's partitions are taken after the lease time, when it has stopped long since", "[node]") {
  auto& a = start("a");
  advance(1s);
  auto& b = start("b");
  advance(4s);
  // The balance is struck first.
  CHECK(a.working_on().size() + b.working_on().size() == 2);
  advance(10s);
  a.store.set_reachable(false);
  for (int ms = 0; ms <= 20'000; ms += 100) {
    std::set<std::uint64_t> overlap;
    for (const auto p : a.working_on()) {
      if (b.working_on().contains(p)) overlap.insert(p);
    }
    REQUIRE(overlap == none);
    advance(100ms);
  }
  CHECK(a.working_on() == none);
  CHECK(b.working_on() == both);
  CHECK(b.ready);
}

TEST_CASE_METHOD(cluster_world, "a node that joins gets its share, and both are ready", "[node]") {
  auto& a = start("a", 16);
  auto& b = start("b", 16);
  advance(120s);
  CHECK(a.working_on().size() + b.working_on().size() == 16);
  CHECK(a.working_on().size() >= 4);
  CHECK(b.working_on().size() >= 4);
  CHECK(a.ready);
  CHECK(b.ready);
  for (const auto& [p, d] : b.partitions) {
    CHECK_FALSE(d->unclean);
    const auto partition = "partition " + std::to_string(p);
    CHECK(std::ranges::count(a.notices.lines, partition + " handed to node b") == 1);
    const auto took = "took over " + partition + " from node a: ";
    CHECK(std::ranges::count_if(b.notices.lines, [&](const std::string& line) { return line.starts_with(took); }) == 1);
  }
}

TEST_CASE_METHOD(
    cluster_world, "after a crash, who knows that the earlier life is over need not wait for its lease", "[node]") {
  auto& first = start("a-1");
  crash(first);
  auto& second = start("a-2", 2, {*node_id::parse("a-1")});
  CHECK(second.working_on() == both);
  CHECK(second.partitions[0]->epoch == epoch{2});
  CHECK(second.partitions[0]->unclean);
  SECTION("and removes what the earlier life left behind") {
    CHECK_FALSE(records.nodes.contains(*node_id::parse("a-1")));
    CHECK(records.nodes.contains(*node_id::parse("a-2")));
  }
}

TEST_CASE_METHOD(cluster_world, "after a crash, who does not know waits for the lease time", "[node]") {
  auto& first = start("a");
  crash(first);
  auto& second = start("b");
  advance(9'900ms);
  CHECK(second.working_on() == none);
  advance(2'200ms);
  CHECK(second.working_on() == both);
}

TEST_CASE_METHOD(cluster_world, "a partition whose actor died is taken anew", "[node]") {
  auto& a = start("a");
  kill(a.partitions[1]->actor);
  advance(2s);
  CHECK(a.partitions[1]->epoch == epoch{2});
  CHECK(a.partitions[0]->epoch == epoch{1});
}

TEST_CASE_METHOD(cluster_world, "a take whose answer was lost opens nothing under an epoch in doubt", "[node]") {
  auto& a = start("a", 1);
  kill(a.partitions[0]->actor);
  a.partitions.clear();
  a.store.lose_acks_of_owners(true);
  advance(2s);
  CHECK(record(0).epoch == epoch{2});
  CHECK(a.partitions.empty());
  a.store.lose_acks_of_owners(false);
  advance(2s);
  REQUIRE_FALSE(a.partitions.empty());
  CHECK(a.partitions[0]->epoch == epoch{3});
}

TEST_CASE_METHOD(cluster_world, "a drain releases every partition as it falls quiet, and then ends", "[node]") {
  auto& a = start("a");
  a.obliging = false;
  tell(a.actor, cluster::drain_node{});
  CHECK(records.nodes.at(*node_id::parse("a")).draining);
  CHECK_FALSE(a.ready);
  REQUIRE(a.partitions[0]->told_to_drain);
  REQUIRE(a.partitions[1]->told_to_drain);
  CHECK_FALSE(a.finished);

  a.partitions[1]->reports.released();
  settle();
  CHECK(record(1).released);
  CHECK_FALSE(record(1).unclean);
  CHECK_FALSE(record(0).released);
  CHECK_FALSE(a.finished);

  a.partitions[0]->reports.released();
  settle();
  CHECK(record(0).released);
  REQUIRE(a.finished);
  CHECK(*a.finished);
  const auto beats = a.store.beats_asked();
  advance(10s);
  CHECK(a.store.beats_asked() == beats);
}

TEST_CASE_METHOD(cluster_world, "a partition that was taken after a crash is given back as such", "[node]") {
  auto& first = start("a-1", 1);
  crash(first);
  auto& second = start("a-2", 1, {*node_id::parse("a-1")});
  tell(second.actor, cluster::drain_node{});
  CHECK(record(0).released);
  CHECK(record(0).unclean);
  auto& third = start("b", 1);
  CHECK(third.working_on().size() == 1);
  CHECK(third.partitions[0]->unclean);
}

TEST_CASE_METHOD(cluster_world, "a second drain closes what is left, and ends at once", "[node]") {
  auto& a = start("a");
  a.obliging = false;
  tell(a.actor, cluster::drain_node{});
  tell(a.actor, cluster::drain_node{});
  REQUIRE(a.finished);
  CHECK_FALSE(*a.finished);
  CHECK(a.working_on() == none);
  CHECK_FALSE(record(0).released);
}

TEST_CASE_METHOD(cluster_world, "a drain that takes too long ends like the second one", "[node]") {
  auto& a = start("a");
  a.obliging = false;
  tell(a.actor, cluster::drain_node{});
  advance(59'900ms);
  CHECK_FALSE(a.finished);
  CHECK(a.working_on() == both);
  advance(200ms);
  REQUIRE(a.finished);
  CHECK_FALSE(*a.finished);
  CHECK(a.working_on() == none);
}

TEST_CASE_METHOD(cluster_world, "when the node's actor ends, so do its partitions", "[node]") {
  auto& a = start("a");
  const auto watched = caf::actor_cast<caf::actor_addr>(a.partitions[0]->actor);
  int down = 0;
  auto watch = [&](caf::event_based_actor* self) -> caf::behavior {
    self->set_down_handler([&](const caf::down_msg&) { ++down; });
    self->monitor(caf::actor_cast<caf::actor>(caf::actor_cast<caf::strong_actor_ptr>(watched)));
    return {[](int) {}};
  };
  keep(system().spawn(watch));
  settle();
  kill(a.actor);
  CHECK(down == 1);
}
