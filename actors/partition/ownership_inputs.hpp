// What arrives at the ownership machine (ownership.hpp). The partition_ ones are sent by the partition's own actor; an epoch
// that is not the current one marks a message about an earlier opening, and nothing happens.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "actors/ports/owner_store.hpp"
#include "actors/ports/task_source.hpp"

namespace baton::ownership {

/// Tells the answers of one node's writes apart. 0: none.
using write_number = std::uint64_t;

// clang-format off
struct tick {};
struct nodes_read { std::vector<node_record> records; };
struct nodes_unreadable {};
struct owners_read { std::vector<owner_record> records; };
struct owners_unreadable {};
struct owner_written { partition_id partition; write_number number = 0; stream_seq revision; };
struct owner_refused { partition_id partition; write_number number = 0; };
/// Whether it was stored is not known.
struct owner_failed { partition_id partition; write_number number = 0; };

/// Of one's own heartbeats: one failed, or takes long.
struct heartbeat_late {};
struct lease_lost {};
struct lease_gained {};

struct partition_opened { partition_id partition; baton::epoch epoch; };
/// It could not be opened, or it delivers no more. It has ended.
struct partition_stopped { partition_id partition; baton::epoch epoch; source_failure why = source_failure::unreachable; };
/// It fell quiet as asked, and has ended. `clean`: nothing was cut off, and nothing that an earlier owner left cut off is
/// left so: the next owner need not look. Else it will, but need not wait.
struct partition_released { partition_id partition; baton::epoch epoch; bool clean = false; };
/// It has ended, as it was told to, or because its actor died.
struct partition_closed { partition_id partition; baton::epoch epoch; };

/// The first begins a drain, the second stops at once.
struct drain {};
// clang-format on

using input = std::variant<tick, nodes_read, nodes_unreadable, owners_read, owners_unreadable, owner_written,
    owner_refused, owner_failed, heartbeat_late, lease_lost, lease_gained, partition_opened, partition_stopped,
    partition_released, partition_closed, drain>;

} // namespace baton::ownership
