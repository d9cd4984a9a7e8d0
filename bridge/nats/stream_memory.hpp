// What this node has seen of the streams, kept in a small file of its own: so that a broker that comes back empty, or with less
// than it had, is noticed and not taken for a new one. One thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "messages/expected.hpp"

namespace baton::nats {

struct seen_stream {
  std::string name;
  /// When the stream was made, as the server writes it: a stream made anew has another.
  std::string made;
  std::uint64_t last_seq = 0;
  friend bool operator==(const seen_stream&, const seen_stream&) = default;
};

/// Empty if there is no file yet. The error names the file and what is wrong with it.
[[nodiscard]] expected<std::vector<seen_stream>, std::string> load_seen(const std::filesystem::path& file);
/// Atomic, and on the disk when it returns. The error names the file and why it could not be written.
[[nodiscard]] std::optional<std::string> save_seen(
    const std::filesystem::path& file, const std::vector<seen_stream>& streams);

/// What is wrong with `now`, given what was `before`: a stream that is gone or was made anew, or one whose last sequence went
/// backwards. Empty: nothing. `now` holds only the streams that are there. (The first sequence may go back: a server that was
/// killed may bring back what was acknowledged last, and whoever gets it again knows it.)
[[nodiscard]] std::string loss(const std::vector<seen_stream>& before, const std::vector<seen_stream>& now);

} // namespace baton::nats
