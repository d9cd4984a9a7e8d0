// Digests that stand in stored records: never change what they are computed over. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "messages/head.hpp"
#include "messages/ids.hpp"
#include "messages/reason.hpp"
#include "messages/task.hpp"

namespace baton {

/// First 8 bytes (big endian) of SHA-256 over the payload.
[[nodiscard]] body_digest digest_of_body(std::string_view payload);
/// First 16 bytes of SHA-256 over `t:` or `c:` and the id.
[[nodiscard]] id_hash hash_of_id(message_kind kind, const task_id& id);
/// Stands in the ledger for one refused message, whatever its id: first 16 bytes of SHA-256 over `r:t:` or `r:c:`, the
/// sequence, `:`, the reason's text, `:` and the detail.
[[nodiscard]] id_hash hash_of_refusal(message_kind kind, stream_seq seq, reason why, std::string_view detail);
/// SHA-256, 64 hex characters.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

} // namespace baton
