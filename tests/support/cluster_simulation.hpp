// Several nodes' lease and ownership machines on one store, in one thread, on simulated time; everything that can go wrong
// between them goes wrong, by the seed: requests and answers are lost or come late (a write even after it was reported
// failed), clocks run at different rates, nodes are paused, cut off, killed and drained. Independent of the machines it
// keeps its own account of who works on what, and of what may not be.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "actors/cluster/lease.hpp"
#include "actors/partition/ownership.hpp"

namespace baton::support {

struct simulation_plan {
  std::uint32_t seed = 1;
  std::size_t nodes = 3;
  std::uint64_t partitions = 6;
  /// For so long faults happen; then the world is kind for `healing`.
  milliseconds storm{240'000};
  milliseconds healing{60'000};
  lease::limits lease;
  milliseconds lease_time{10'000};
  milliseconds read_every{2'000};
  /// Far less than in earnest, so that records of nodes that only stood still are removed, too.
  milliseconds forget_after{12'000};
};

struct simulation_result {
  /// Rules that were broken, as sentences with the time. Empty: none.
  std::vector<std::string> broken;
  std::uint64_t opened = 0;
  std::uint64_t leases_lost = 0;
  std::uint64_t taken_from_silent = 0;
  std::uint64_t released = 0;
  std::uint64_t killed = 0;
  std::uint64_t forgotten = 0;
};

class cluster_simulation {
public:
  explicit cluster_simulation(simulation_plan plan);
  [[nodiscard]] simulation_result run();

private:
  using sim_time = std::int64_t; // milliseconds since the start
  struct worker {
    epoch of;
    /// Told to close under the lease that counts from here: a later lease does not cover it.
    std::optional<monotonic_instant> closing_under;
  };
  /// One life of one node. A new life is a new object.
  struct life {
    node_id id;
    std::size_t machine = 0;
    ownership::settings settings;
    lease::state lease;
    ownership::state owns;
    std::map<std::uint64_t, worker> workers;
    /// Sending of the last heartbeat that was confirmed in time, on its own clock.
    monotonic_instant lease_from;
    bool alive = true;
    bool draining = false;
    std::int64_t clock_offset = 0;
    /// Own milliseconds in 1,000 true ones.
    std::int64_t clock_rate = 1'000;
    sim_time paused_until = 0;
    sim_time cut_off_until = 0;
  };
  struct due {
    sim_time at = 0;
    std::uint64_t order = 0;
    std::function<void()> what;
    friend bool operator<(const due& a, const due& b) { return a.at != b.at ? a.at > b.at : a.order > b.order; }
  };

  // the world
  void at(sim_time when, std::function<void()> what);
  /// Happens in that life, when it is not paused; never, if it has ended.
  void in(std::size_t life_index, sim_time when, std::function<void()> what);
  std::int64_t chance(std::int64_t below);
  bool one_in(std::int64_t n) { return storming() && chance(n) == 0; }
  [[nodiscard]] bool storming() const { return now_ < plan_.storm.count(); }
  [[nodiscard]] monotonic_instant clock_of(const life& l) const;
  void start_life(std::size_t machine);
  void tick(std::size_t index);
  void fault();

  // the shell of one life
  void feed(std::size_t index, const lease::input& in);
  void feed(std::size_t index, const ownership::input& in);
  void perform(std::size_t index, const lease::effect& e);
  void perform(std::size_t index, const ownership::effect& e);
  /// `apply` runs in the store and gives what is to be done with its answer; `fail` instead of that, if the answer is lost.
  void call(std::size_t index, std::function<std::function<void()>()> apply, std::function<void()> fail);
  void open(std::size_t index, const ownership::open_partition& e);
  void close(std::size_t index, const ownership::close_partition& e);
  void release(std::size_t index, const ownership::release_partition& e);
  void end_life(std::size_t index);

  // the store
  std::function<void()> store_owner(std::size_t index, const ownership::write_owner& w);
  std::function<void()> forget(const node_record& record);

  // the account
  void broke(const std::string& rule, std::uint64_t partition);
  [[nodiscard]] bool works_on(const life& l, std::uint64_t partition) const;
  void check_no_overlap();
  void check_healed();

  simulation_plan plan_;
  simulation_result result_;
  std::mt19937 random_;
  sim_time now_ = 0;
  std::uint64_t order_ = 0;
  std::priority_queue<due> queue_;
  std::vector<life> lives_;
  std::map<std::uint64_t, owner_record> owners_;
  std::map<node_id, node_record> nodes_;
  std::uint64_t revision_ = 0;
  std::map<std::pair<std::uint64_t, std::uint64_t>, node_id> opened_by_;
  /// Opened, and not released in good order since.
  std::map<std::uint64_t, bool> cut_off_;
};

} // namespace baton::support
