// From a message of a work queue to a delivery. What cannot be decoded becomes a delivery with a refusal. Pure; any thread.
#pragma once

#include "actors/ports/task_source.hpp"
#include "bridge/nats/requester.hpp"
#include "bridge/nats/task_source.hpp"

namespace baton::nats {

/// Where a message lies and what it is called there.
struct stored_place {
  partition_id partition;
  message_kind kind = message_kind::task;
  stream_seq seq;
  instant stored_at;
  std::string_view subject;
};

[[nodiscard]] delivery decode_delivery(
    const stored_place& at, const reply& message, const task_source_options& options);

/// The answer to a direct get, which carries its place in headers; nothing if it does not.
[[nodiscard]] std::optional<stored_place> place_of(message_kind kind, const reply& message);

} // namespace baton::nats
