// From a message of a work queue to a delivery. What cannot be decoded becomes a delivery with a refusal. Pure; any thread.
#pragma once

#include <string_view>

#include "actors/ports/task_source.hpp"
#include "bridge/nats/task_source.hpp"

namespace baton::nats {

inline constexpr auto traceparent_header = "traceparent";

/// Where a message lies and what it is called there.
struct stored_place {
  partition_id partition;
  message_kind kind = message_kind::task;
  stream_seq seq;
  instant stored_at;
  std::string_view subject;
};

/// `traceparent`: of the message's headers; empty: none.
[[nodiscard]] delivery decode_delivery(
    const stored_place& at, std::string_view payload, std::string_view traceparent, const task_source_options& options);

} // namespace baton::nats
