// A durable timer of a session: at `due` somebody must look at it, though no message comes. Who and which of its wakes stands in
// the subject, not in the body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "messages/instant.hpp"

namespace baton {

/// Raised when an older node could no longer read what a newer one writes.
inline constexpr std::uint32_t wake_schema = 1;
/// Of `wake::what`.
inline constexpr std::size_t wake_what_bytes_max = 64;
/// Of a wake's body. One that is larger is none of ours.
inline constexpr std::size_t wake_bytes_max = 1'024;

struct wake {
  /// Not before this, by the wall clock of whoever looks.
  instant due;
  /// What for, for a person who looks at the stream.
  std::string what;
  friend bool operator==(const wake&, const wake&) = default;
};

} // namespace baton
