// Which partitions this node owns. Pure; one machine for all partitions of a node; `now` is the monotonic clock.
//
// A partition may be taken only if it has no record; or its owner released it; or its owner has been silent for the lease
// time (cluster/watch.hpp); or its owner is `known_dead`; or the owner is this node itself, which then does not work on it.
// (The lock on a data directory proves that the lives of `batond` that had it before are over. So a restart need not wait
// for their leases, as DESIGN section 4 would have it: proof is better than silence.)
// Taking is a compare-and-set on the record that was read, with the epoch raised by one; owners are read first and nodes
// after them, so that a silent owner was silent when it stood in the record. Each loss, of the lease, of the consumer, of
// the partition's actor, ends in a new take with a new epoch; nothing is adopted.
// A partition is opened only after the take is confirmed, and taken again only after its actor is said to have ended.
//
// Where rendezvous hashing gives a partition to another member, it is released, one at a time: the next one when the one before
// is seen to be taken.
#pragma once

#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "actors/cluster/watch.hpp"
#include "actors/partition/ownership_inputs.hpp"

namespace baton::ownership {

struct settings {
  node_id self;
  /// How many there are; fixed when the streams were made.
  std::uint64_t partitions = 32;
  /// Earlier lives that are proven to be over.
  std::set<node_id> known_dead;
  /// More than the time after which a node without a lease has stopped.
  milliseconds lease_time{10'000};
  /// How soon after it was stored a heartbeat is seen, or a change of owners while something moves. The wait for a silent node counts
  /// from when its last heartbeat was seen; its end is not waited for: it is read then.
  milliseconds read_every{2'000};
  milliseconds drain_timeout{60'000};
  /// Records of silent nodes that are this much older than the newest one are removed.
  milliseconds forget_after{24 * 3'600'000};
};

// ---- state: what this node does with one partition
struct idle {};
struct taking {
  baton::epoch epoch;
  bool unclean = false;
  write_number number = 0;
};
/// Ours: the record stands at `revision`, and its actor works, or is about to, or falls quiet.
struct owned {
  baton::epoch epoch;
  stream_seq revision;
  enum class stage : std::uint8_t { opening, open, releasing } at = stage::opening;
};
/// Nothing runs there any more; the record does not say so yet. `number` 0: to be written again.
struct giving_back {
  baton::epoch epoch;
  stream_seq revision;
  bool unclean = false;
  write_number number = 0;
};
/// Told to close. Not ours, perhaps somebody else's already.
struct closing {
  baton::epoch epoch;
};
using phase = std::variant<idle, taking, owned, giving_back, closing>;

struct partition {
  phase now;
  /// As last read or written. Revision 0: none.
  owner_record record;
  /// The highest epoch that was ever seen here.
  baton::epoch highest;
};

struct state {
  /// By number.
  std::vector<partition> partitions;
  cluster::watch nodes;
  bool lease_held = false;
  /// One read at a time: owners, then nodes; or only nodes, while nothing is missing and nothing moves away.
  enum class read : std::uint8_t { none, owners, nodes } reading = read::none;
  monotonic_instant read_sent_at;
  monotonic_instant owners_read_at;
  /// The read of nodes under way follows one of owners.
  bool owners_fresh = false;
  bool owners_wanted = true;
  /// Owners and nodes were read since the lease began.
  bool surveyed = false;
  write_number last_write = 0;
  std::optional<monotonic_instant> drain_until;
  bool finished = false;
};

// clang-format off
// ---- events: what happened
struct lease_changed { bool held = false; monotonic_instant at; };
struct counts_restarted { monotonic_instant at; };
struct read_started { state::read what = state::read::none; monotonic_instant at; };
struct read_failed {};
struct owners_were_read { std::vector<owner_record> records; };
struct nodes_were_read { cluster::watch nodes; };
struct record_was_written { owner_record record; };
struct partition_moved { partition_id partition; phase to; };
struct owners_became_doubtful {};
struct drain_began { monotonic_instant until; };
struct drain_ended {};
// clang-format on
using event = std::variant<lease_changed, counts_restarted, read_started, read_failed, owners_were_read,
    nodes_were_read, record_was_written, partition_moved, owners_became_doubtful, drain_began, drain_ended>;

// clang-format off
// ---- effects: orders
struct read_nodes {};
struct read_owners {};
/// Of a life that is over.
struct remove_node { node_record record; };
/// Answered by owner_written, owner_refused or owner_failed with the same number.
struct write_owner { owner_record record; write_number number = 0; };
/// `unclean`: sessions may have been cut off, for an owner before did not release it, and no later one has seen to them all.
struct open_partition { partition_id partition; baton::epoch epoch; bool unclean = false; };
/// Stop at once. Always answered by `partition_closed`, unless its end was reported already.
struct close_partition { partition_id partition; baton::epoch epoch; };
/// Fall quiet, end, then answer with `partition_released`.
struct release_partition { partition_id partition; baton::epoch epoch; };
/// For the operator: what another node had is this node's; what this node had is on record as free for `to`, if that is known.
struct tell_taken { partition_id partition; node_id from; };
struct tell_handed { partition_id partition; node_id to; };
/// Drained, or told to stop: nothing more will be ordered. `quiet`: everything had ended by then.
struct finish { bool quiet = false; };
// clang-format on
using effect = std::variant<read_nodes, read_owners, remove_node, write_owner, open_partition, close_partition,
    release_partition, tell_taken, tell_handed, finish>;

struct decision {
  std::vector<event> events;
  std::vector<effect> effects;
};

[[nodiscard]] state initial(const settings& s);
[[nodiscard]] decision decide(const state& s, const input& in, monotonic_instant now, const settings& set);
[[nodiscard]] state evolve(state s, const event& e);

/// All partitions that this node should own, as far as it knows the members, are open.
[[nodiscard]] bool is_ready(const state& s, const settings& set);
/// How many of them this node has open, and how many it should own, as far as it knows the members; none while it drains.
struct share {
  std::uint64_t open = 0;
  std::uint64_t due = 0;
};
[[nodiscard]] share share_of(const state& s, const settings& set);

} // namespace baton::ownership
