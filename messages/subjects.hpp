// The only place that composes or parses a subject, or names a stream. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messages/ids.hpp"

namespace baton::subjects {

inline constexpr std::string_view tasks_stream = "BATON_TASKS";
inline constexpr std::string_view control_stream = "BATON_CONTROL";
inline constexpr std::string_view log_stream = "BATON_LOG";
inline constexpr std::string_view owners_stream = "BATON_OWNERS";
inline constexpr std::string_view nodes_stream = "BATON_NODES";
inline constexpr std::string_view dead_stream = "BATON_DEAD";
inline constexpr std::string_view blobs_stream = "BATON_BLOBS";
inline constexpr std::string_view wakes_stream = "BATON_WAKES";

/// The partition of a session among `partitions`, as the server's own `partition(N,1)` transform computes it:
/// FNV-1a, 32 bits, over the token, modulo N.
[[nodiscard]] partition_id partition_of(const session_id& session, std::uint64_t partitions);

// What producers publish to.
[[nodiscard]] std::string task(const session_id& session);
[[nodiscard]] std::string control(const session_id& session);
// As the streams store them.
[[nodiscard]] std::string stored_tasks_of(partition_id partition);   // baton.task.7.*
[[nodiscard]] std::string stored_control_of(partition_id partition); // baton.control.7.*
[[nodiscard]] std::string log(partition_id partition, const session_id& session);
[[nodiscard]] std::string wake(partition_id partition, const session_id& session, const wake_key& key);
[[nodiscard]] std::string wakes_of(partition_id partition); // baton.wake.7.*.*
[[nodiscard]] std::string owner(partition_id partition);
[[nodiscard]] std::string node(const node_id& node);
/// Where a node hears that it is to drain; not stored.
[[nodiscard]] std::string drain(const node_id& node);
/// An empty session: `baton.dead.$invalid`.
[[nodiscard]] std::string dead(const session_id& session);
[[nodiscard]] std::string blob(const session_id& session, std::string_view digest, std::uint64_t chunk);
[[nodiscard]] std::string blobs_of(const session_id& session); // baton.blob.s1.>
/// A chunk of a checkpoint, which unlike other blobs is removed one day, even if another blob has the same content.
[[nodiscard]] std::string checkpoint(const session_id& session, std::string_view digest, std::uint64_t chunk);
[[nodiscard]] std::string checkpoints_of(const session_id& session); // baton.blob.s1.checkpoint.*
// What observers subscribe to.
[[nodiscard]] std::string live(const session_id& session, std::string_view kind);
[[nodiscard]] std::string live_of(const session_id& session); // baton.live.s1.>
[[nodiscard]] std::string committed(const session_id& session);
[[nodiscard]] std::string refused(const session_id& session);
inline constexpr std::string_view all_live = "baton.live.>";
inline constexpr std::string_view all_committed = "baton.committed.*";
inline constexpr std::string_view all_refused = "baton.refused.*";

// What the streams are made of: the subjects that each takes in, as the server's configuration writes them.
inline constexpr std::string_view task_intake = "baton.task.*";
inline constexpr std::string_view control_intake = "baton.control.*";
inline constexpr std::string_view log_intake = "baton.log.*.*";
inline constexpr std::string_view wake_intake = "baton.wake.*.*.*";
inline constexpr std::string_view owner_intake = "baton.owner.*";
inline constexpr std::string_view node_intake = "baton.node.*";
inline constexpr std::string_view dead_intake = "baton.dead.*";
inline constexpr std::string_view blob_intake = "baton.blob.*.*.*";
/// Where the server's own transforms and republishing put a message.
[[nodiscard]] std::string task_storage(std::uint64_t partitions);    // baton.task.{{partition(N,1)}}.{{wildcard(1)}}
[[nodiscard]] std::string control_storage(std::uint64_t partitions); // likewise
inline constexpr std::string_view committed_destination = "baton.committed.{{wildcard(2)}}";
inline constexpr std::string_view refused_destination = "baton.refused.{{wildcard(1)}}";
/// N of a transform's destination as task_storage or control_storage write it; nothing if it is another one.
[[nodiscard]] std::optional<std::uint64_t> partitions_in(std::string_view storage);

/// Of a stored task's, control message's or commit's subject: `baton.<kind>.<partition>.<token>`.
struct stored_subject {
  partition_id partition;
  /// Nothing if the last token is no session id.
  std::optional<session_id> session;
};
[[nodiscard]] std::optional<stored_subject> parse_stored(std::string_view subject);
struct wake_subject {
  partition_id partition;
  session_id session;
  wake_key key;
};
[[nodiscard]] std::optional<wake_subject> parse_wake(std::string_view subject);
/// The session in `baton.committed.<s>`, `baton.refused.<s>`, `baton.live.<s>.<kind>`, `baton.dead.<s>`.
[[nodiscard]] std::optional<session_id> session_of(std::string_view subject);
/// The last token.
[[nodiscard]] std::string_view last_token(std::string_view subject);

} // namespace baton::subjects
