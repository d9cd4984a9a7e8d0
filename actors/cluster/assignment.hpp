// Who should own a partition: rendezvous hashing over the members. Pure; any thread.
#pragma once

#include <span>

#include "messages/ids.hpp"

namespace baton::cluster {

/// The member whose hash with `partition` is the highest. The order of `members` does not matter, and a member that joins or
/// leaves moves only its own partitions. Every node must come to the same answer: the hash never changes.
/// `members` must not be empty.
[[nodiscard]] const node_id& assigned(partition_id partition, std::span<const node_id> members);

} // namespace baton::cluster
