// Large values of a session, stored by content in BATON_BLOBS, in chunks. Writing what is there already changes nothing.
// Calls return at once; callbacks come exactly once, from the requester's threads.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "bridge/nats/requester.hpp"
#include "messages/entry.hpp"
#include "messages/expected.hpp"
#include "messages/ids.hpp"

namespace baton::nats {

enum class blob_failure : std::uint8_t { unreachable, full, missing };

[[nodiscard]] blob_ref blob_of(std::string_view bytes);
/// Nothing: it is stored.
void put_blob(requester& over, const session_id& session, std::string bytes,
    std::function<void(std::optional<blob_failure>)> done);
/// The bytes, checked against their digest.
void get_blob(requester& over, const session_id& session, const blob_ref& ref,
    std::function<void(expected<std::string, blob_failure>)> done);
/// All blobs of a deleted session. Best effort: what remains costs room, not correctness.
void purge_blobs(requester& over, const session_id& session);

} // namespace baton::nats
