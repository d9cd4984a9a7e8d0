// What a node has seen of the others' heartbeats. Pure; times are the observer's own monotonic clock.
//
// A node is SILENT if a read shows its record's revision unchanged, and that read was sent at least `lease_time` after the
// revision was first seen; the count starts again whenever the observer has reason to doubt its own view (`restart`).
// The argument for safety: a revision seen at u was stored before u, so the node's last confirmed heartbeat was sent before
// u, and by its own rule it has stopped before u + `held_for`, which is less than u + `lease_time`.
// A node is a MEMBER if its revision changed under the observer's eyes and it has not been silent since; what only left its
// record behind is none. Membership decides who should own what, never who may take it.
// A record that is gone is a revision like any other, only no sign of life: the count starts again, and ends as it would have.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "actors/ports/owner_store.hpp"

namespace baton::cluster {

struct watched {
  /// 0: the node has no record, it is only named as an owner.
  stream_seq revision;
  monotonic_instant unchanged_since;
  bool beating = false;
  bool draining = false;
  bool silent = false;
  /// The record at `revision` was named by `let_go`.
  bool let_go = false;
  friend bool operator==(const watched&, const watched&) = default;
};
using watch = std::map<node_id, watched>;

struct nodes_seen {
  const std::vector<node_record>& records;
  /// Owners must be watched even if they have no record.
  const std::set<node_id>& owners;
  monotonic_instant sent_at;
  monotonic_instant arrived_at;
};
/// What `before` becomes with one more read. Nodes with neither a record nor a partition are forgotten.
[[nodiscard]] watch observe(const watch& before, const nodes_seen& seen, milliseconds lease_time);
/// All counts start again at `now`; nobody is silent.
[[nodiscard]] watch restart(watch w, monotonic_instant now);

/// Which records say nothing any more and may be removed, at most `removals_max`, the eldest first, each named once until a
/// `restart` (by which what was asked may have been lost): those of lives `known_dead`; and those of nodes that are silent, stand
/// on no partition's record, and wrote theirs `age` or more before the newest one was written.
[[nodiscard]] std::vector<node_record> let_go(
    watch& w, const nodes_seen& seen, const std::set<node_id>& known_dead, milliseconds age);
inline constexpr std::size_t removals_max = 16;

[[nodiscard]] bool is_silent(const watch& w, const node_id& node);
/// A read that is sent `now` may show a node to be silent that none before it could, the last of which was sent at `last_sent`.
[[nodiscard]] bool is_silence_due(const watch& w, monotonic_instant last_sent, monotonic_instant now, milliseconds lease_time);
/// Beating and not draining.
[[nodiscard]] std::vector<node_id> members(const watch& w);

} // namespace baton::cluster
