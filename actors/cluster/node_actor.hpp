// The node as a member of its cluster: the shell around its lease and around what it owns. It keeps the heartbeat, takes and
// gives back partitions, and spawns the actor of each that it owns. Spawn it detached: telling the fence that the lease is
// lost may wait for programs to die.
#pragma once

#include <caf/event_based_actor.hpp>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/cluster/messages.hpp"
#include "actors/partition/actor.hpp"
#include "actors/ports/clock.hpp"
#include "actors/ports/execution_fence.hpp"
#include "actors/ports/operator_log.hpp"
#include "actors/ports/owner_store.hpp"

namespace baton::actors {

class node_actor : public caf::event_based_actor {
public:
  /// Ports outlive the actor. Functions are called from its thread.
  struct place {
    ownership::settings own;
    lease::limits lease;
    std::string host;
    std::uint64_t slots = 0;
    const baton::clock* clock = nullptr;
    owner_store* store = nullptr;
    execution_fence* fence = nullptr;
    operator_log* notices = nullptr;
    /// Spawns the partition's actor, which reports through the functions.
    std::function<caf::actor(partition_id, epoch, bool after_crash, partition_reports)> open;
    /// All that this node should own is open, or no longer, and how much that is.
    std::function<void(bool, const ownership::share&)> ready;
    /// Drained or stopped: nothing runs any more. `quiet`: in good order.
    std::function<void(bool quiet)> finished;
  };
  node_actor(caf::actor_config& config, place at);
  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "node"; }

private:
  friend struct keeping;
  friend struct owning;
  struct opened {
    caf::actor actor;
    baton::epoch epoch;
  };

  void tick();
  void take(const lease::input& in);
  void take(ownership::input in);
  void write_beat(lease::beat_number number);
  void open(const ownership::open_partition& order);
  void on_down(const caf::down_msg& down);
  void tell_if_ready();
  /// What moved between nodes since the last time, a line for each of them.
  void tell_moves();

  place at_;
  lease::state lease_;
  ownership::state own_;
  std::map<partition_id, opened> open_;
  /// By node; to be told.
  std::map<node_id, std::vector<partition_id>> taken_;
  std::map<node_id, std::vector<partition_id>> handed_;
  bool draining_ = false;
  bool ready_ = false;
  bool finished_ = false;
};

} // namespace baton::actors
