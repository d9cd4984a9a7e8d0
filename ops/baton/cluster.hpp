// The nodes on a broker and what each of them owns, as seen from outside.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/ports/owner_store.hpp"
#include "ops/baton/commands.hpp"

namespace baton::cli {

struct seen_node {
  node_record record;
  /// A heartbeat came while we listened.
  bool alive = false;
  /// Partitions that are recorded as its own.
  std::vector<std::uint64_t> owned;
};

struct cluster_view {
  std::uint64_t partitions = 0;
  /// Those that live, or own something; one that is gone and owns nothing is history.
  std::vector<seen_node> nodes;
  /// Partitions that no live node owns.
  [[nodiscard]] std::vector<std::uint64_t> without_owner() const;
};

/// Listens until every owner's heartbeat came, for at most two heartbeats of the usual length.
[[nodiscard]] or_complaint<cluster_view> look_at_cluster(desk& at);

/// One line.
[[nodiscard]] std::string shown(const seen_node& node);
[[nodiscard]] value to_value(const seen_node& node);

} // namespace baton::cli
