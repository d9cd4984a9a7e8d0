// Large values of a session, stored by content in BATON_BLOBS, in chunks that fit a message. A chunk's subject ends with its
// offset in bytes, and the first one stored there stays: so chunks of different sizes, sent by different nodes, still make one
// chain from 0 to the end. Calls return at once; callbacks come exactly once, from the requester's threads. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bridge/nats/js_api.hpp"
#include "bridge/nats/requester.hpp"
#include "messages/entry.hpp"
#include "messages/expected.hpp"
#include "messages/ids.hpp"

namespace baton::nats {

enum class blob_failure : std::uint8_t { unreachable, full, missing };

inline constexpr std::size_t blob_chunk_max = 512 * 1024;
/// Left free for subject and headers where the server's max_payload bounds a chunk.
inline constexpr std::size_t blob_chunk_margin = 4 * 1024;
/// A value that claims more is not read.
inline constexpr std::uint64_t blob_bytes_max = 256ULL * 1024 * 1024;
/// Blobs remembered as stored, so that none is sent again with a commit that is tried again; beyond it all are forgotten.
inline constexpr std::size_t blobs_known_max = 16'384;

[[nodiscard]] blob_ref blob_of(std::string_view bytes);
/// As large as the broker at hand takes them.
[[nodiscard]] std::size_t blob_chunk_size(const requester& over);
/// The stream, or the broker's storage, takes nothing more.
[[nodiscard]] bool is_full(const api_failure& why);

class blob_store {
public:
  /// `over` outlives the last callback; the store itself need not.
  blob_store(requester& over, milliseconds patience);
  ~blob_store();

  /// Nothing: every chunk is confirmed, now or earlier. One chunk is on its way at a time. `ref` is `blob_of(bytes)`. The callback
  /// comes from inside the call if the blob is known to be there.
  void put(const session_id& session, blob_ref ref, std::string bytes,
      std::function<void(std::optional<blob_failure>)> done);

  using bytes_or_failure = expected<std::string, blob_failure>;
  /// The bytes, checked against their digest, as the stream's leader has them.
  void get(const session_id& session, const blob_ref& ref, std::function<void(bytes_or_failure)> done);

  /// All blobs of a deleted session. Best effort: what remains costs room, not correctness.
  void purge(const session_id& session);

private:
  struct state;
  std::shared_ptr<state> state_;
};

} // namespace baton::nats
