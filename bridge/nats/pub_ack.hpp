// The server's answer to a publish into a stream. On the hot path: read without building a tree. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bridge/nats/js_api.hpp"
#include "messages/expected.hpp"
#include "messages/ids.hpp"

namespace baton::nats {

/// The message is stored at `seq`; `duplicate`: it already was, by the same Nats-Msg-Id.
struct published {
  stream_seq seq;
  bool duplicate = false;
};
[[nodiscard]] expected<published, api_failure> read_pub_ack(std::string_view json);
/// The same of a request's result, its failures included.
[[nodiscard]] expected<published, api_failure> published_of(const requester::result& answer);

inline constexpr auto expected_last_header = "Nats-Expected-Last-Subject-Sequence";
inline constexpr auto message_id_header = "Nats-Msg-Id";
inline constexpr auto rollup_header = "Nats-Rollup";
inline constexpr auto event_header = "Baton-Event";
inline constexpr auto trace_header = "traceparent";

} // namespace baton::nats
