// The node as a member of its cluster: what actors/cluster/node_actor.cpp does around the machines of the lease and of ownership,
// without CAF; and the streams that they share, as the broker keeps them: the newest record of each subject, changed by
// compare-and-set alone where it says who owns a partition.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "actors/cluster/lease.hpp"
#include "actors/partition/ownership.hpp"
#include "tests/simulation/node.hpp"

namespace baton::simulation {

/// BATON_OWNERS and BATON_NODES. Holds that an epoch never falls, and that nobody releases as clean what was cut off.
class members {
public:
  explicit members(world& in) : world_(in) {}
  [[nodiscard]] std::vector<owner_record> owners() const;
  [[nodiscard]] std::vector<node_record> nodes() const;
  write_result write_owner(owner_record record);
  write_result write_node(node_record record);
  void remove_node(const node_record& record);

private:
  world& world_;
  std::map<partition_id, owner_record> owners_;
  std::map<node_id, node_record> nodes_;
  std::uint64_t revision_ = 0;
};

class member final : public actor {
public:
  struct place {
    ownership::settings own;
    lease::limits lease;
    /// Drained, and ended.
    std::function<void()> finished;
  };
  member(world& in, node& of, members& store, place at);

  // ---- mail
  void tick();
  void drain();

  /// By its lease: with what a node may take to stop once it is lost.
  [[nodiscard]] bool may_work() const;
  [[nodiscard]] bool is_ready() const { return ownership::is_ready(own_, at_.own); }

private:
  struct keeping;
  struct owning;
  void take(const lease::input& in);
  void take(const ownership::input& in);
  void answer(const ownership::input& in);
  void write_beat(lease::beat_number number);
  void open(const ownership::open_partition& order);
  template <class Ask, class Then>
  void ask(Ask at_store, Then then, std::function<void()> failed);

  node& node_;
  members& store_;
  place at_;
  lease::state lease_;
  ownership::state own_;
  monotonic_instant lease_from_;
  bool draining_ = false;
  bool finished_ = false;
};

} // namespace baton::simulation
