// The ownership machine of one node with its clock and the world's answers in the test's hand. Time starts at 100 s.
#pragma once

#include <algorithm>

#include "actors/partition/ownership.hpp"

namespace baton::support {

inline node_id node_named(std::string_view name) { return node_id::parse(name).value(); }

inline owner_record owner(std::uint64_t partition, std::string_view node, std::uint64_t of_epoch,
    std::uint64_t revision, bool released = false, bool unclean = false) {
  return {{partition}, node_named(node), {of_epoch}, released, {revision}, unclean};
}

inline node_record beating(std::string_view node, std::uint64_t revision, bool draining = false) {
  return {node_named(node), revision, "host", 1, draining, {revision}, {}};
}

struct owning_node {
  ownership::settings settings;
  ownership::state state;
  monotonic_instant now{std::chrono::seconds{100}};
  std::vector<ownership::effect> last;

  explicit owning_node(ownership::settings of) : settings(std::move(of)), state(ownership::initial(settings)) {}

  void input(const ownership::input& in) {
    auto d = ownership::decide(state, in, now, settings);
    for (const auto& e : d.events) {
      state = ownership::evolve(std::move(state), e);
    }
    last = std::move(d.effects);
  }

  /// All effects of this kind that the last input ordered.
  template <class Effect>
  [[nodiscard]] std::vector<Effect> ordered() const {
    std::vector<Effect> found;
    for (const auto& e : last) {
      if (const auto* is = std::get_if<Effect>(&e)) found.push_back(*is);
    }
    return found;
  }
  template <class Effect>
  [[nodiscard]] std::size_t count() const {
    return ordered<Effect>().size();
  }
  template <class Phase>
  [[nodiscard]] bool is(std::uint64_t partition) const {
    return std::holds_alternative<Phase>(state.partitions[partition].now);
  }

  void pass(milliseconds d) { now += d; }
  void tick_after(milliseconds d) {
    pass(d);
    input(ownership::tick{});
  }
  /// One whole look at the world, on the tick that is due: owners if it asks for them, then nodes.
  void look(const std::vector<owner_record>& owners, const std::vector<node_record>& nodes) {
    tick_after(settings.read_every);
    answer_reads(owners, nodes);
  }
  void answer_reads(const std::vector<owner_record>& owners, const std::vector<node_record>& nodes) {
    if (count<ownership::read_owners>() == 1) input(ownership::owners_read{owners});
    if (count<ownership::read_nodes>() == 1) input(ownership::nodes_read{nodes});
  }
  /// The writes that the last input ordered are stored, from `revision` on.
  void store_writes(std::uint64_t revision) {
    for (const auto& w : ordered<ownership::write_owner>()) {
      input(ownership::owner_written{w.record.partition, w.number, {revision++}});
    }
  }
  /// Gains the lease, takes what is there (all answers at once) and opens it.
  void settle(const std::vector<owner_record>& owners, const std::vector<node_record>& nodes, std::uint64_t revision) {
    input(ownership::lease_gained{});
    answer_reads(owners, nodes);
    for (const auto& w : ordered<ownership::write_owner>()) {
      input(ownership::owner_written{w.record.partition, w.number, {revision++}});
      input(ownership::partition_opened{w.record.partition, w.record.epoch});
    }
  }
};

} // namespace baton::support
