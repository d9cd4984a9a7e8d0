// One immutable piece of a session's transcript, as stored in a commit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "messages/ids.hpp"
#include "messages/instant.hpp"
#include "messages/value.hpp"

namespace baton {

/// Where a large value lies: BATON_BLOBS, by content.
struct blob_ref {
  /// SHA-256 of the bytes, 64 hex characters.
  std::string digest;
  std::uint64_t size = 0;
  friend bool operator==(const blob_ref&, const blob_ref&) = default;
};

enum class entry_kind : std::uint8_t { user, assistant, tool_call, tool_result, note };

struct entry {
  entry_kind kind = entry_kind::note;
  task_id run;
  instant at;
  /// Kept for the record but not part of what a person is shown.
  bool hidden = false;
  /// Null if the content lies in `blob`.
  value content;
  /// Set by the shell before the append, when the encoded content is over `inline_max`.
  std::optional<blob_ref> blob;
  friend bool operator==(const entry&, const entry&) = default;
};

/// What a slice leaves so that another can go on. Opaque to Baton.
struct checkpoint {
  value state;
  std::optional<blob_ref> blob;
  slice_number slice;
  instant at;
  friend bool operator==(const checkpoint&, const checkpoint&) = default;
};

/// Encoded values larger than this many bytes go to BATON_BLOBS.
inline constexpr std::size_t inline_max = 64 * 1024;
/// A checkpoint stands in the head, which each commit rewrites: it goes to BATON_BLOBS much earlier.
inline constexpr std::size_t checkpoint_inline_max = 1024;

} // namespace baton
