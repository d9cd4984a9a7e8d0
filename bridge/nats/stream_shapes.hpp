// How each of Baton's streams must look: what is asked of the server when it is made, and what is compared when it is there.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/value.hpp"

namespace baton::nats {

/// Bytes unless said otherwise; 0: only the broker's own limit.
struct stream_plan {
  /// Used when the streams are made; compared with what is there otherwise.
  std::uint64_t partitions = 32;
  std::uint64_t replicas = 1;
  /// Of a task's or control message's payload; the streams take some headers in addition.
  std::uint64_t payload_max = 256 * 1024;
  std::uint64_t tasks_max = 0;
  std::uint64_t control_max = 0;
  std::uint64_t log_max = 0;
  std::uint64_t dead_max = 0;
  std::uint64_t blobs_max = 0;
  std::uint64_t wakes_max = 0;
};

/// What a producer's headers may add to the largest payload.
inline constexpr std::uint64_t task_headers_max = 16 * 1024;

struct stream_shape {
  std::string_view name;
  /// Of `$JS.API.STREAM.CREATE`.
  value config;
};

/// All streams, in the order in which they are made.
[[nodiscard]] std::vector<stream_shape> stream_shapes(const stream_plan& plan);

/// The first difference that matters between a stream as it is and as it must be: subjects, retention, transform, republish,
/// discard, roll-up, direct get, ages and deletion. Sizes, replicas and placement are the operator's. Empty: none.
[[nodiscard]] std::string difference(const stream_shape& wanted, const value& found);

/// N of the stream's transform; nothing if it has none of ours.
[[nodiscard]] std::optional<std::uint64_t> partitions_of(const value& config);

} // namespace baton::nats
