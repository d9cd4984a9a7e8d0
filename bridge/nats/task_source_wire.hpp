// What the task source and the server say to each other about consumers, as text and as values: names, ack subjects,
// requests of the JetStream API and what comes back. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/digest.hpp"
#include "messages/ids.hpp"
#include "messages/instant.hpp"
#include "messages/value.hpp"

namespace baton::nats {

/// BATON_TASKS or BATON_CONTROL.
[[nodiscard]] std::string_view stream_of(message_kind kind);

/// `p<partition>-e<epoch>-<random>`: the name says who may delete it.
struct consumer_name {
  partition_id partition;
  baton::epoch epoch;
};
[[nodiscard]] std::string to_text(const consumer_name& name, std::string_view random);
/// Nothing if it is no name of ours.
[[nodiscard]] std::optional<consumer_name> parse_consumer(std::string_view text);

/// The reply subject of a delivered message, `$JS.ACK.…`. Views point into the text that was parsed.
struct ack_subject {
  std::string_view stream;
  std::string_view consumer;
  std::uint64_t delivered = 0;
  stream_seq seq;
  /// Counts the deliveries of one consumer from 1, without a hole.
  std::uint64_t consumer_seq = 0;
  /// When the broker stored the message.
  instant stored_at;
};
[[nodiscard]] std::optional<ack_subject> parse_ack(std::string_view subject);

[[nodiscard]] std::string consumer_names_subject(message_kind kind);
[[nodiscard]] std::string consumer_delete_subject(message_kind kind, std::string_view consumer);
[[nodiscard]] std::string consumer_create_subject(message_kind kind, std::string_view consumer);
[[nodiscard]] std::string stream_info_subject(message_kind kind);
[[nodiscard]] std::string pull_subject(message_kind kind, std::string_view consumer);

struct consumer_shape {
  message_kind kind = message_kind::task;
  partition_id partition;
  /// Longer than a message is ever held: the server's own redelivery must not come.
  milliseconds ack_wait{};
};
[[nodiscard]] std::string consumer_create_request(std::string_view consumer, const consumer_shape& shape);

struct pull_request {
  /// Names the request among those of its partition and kind.
  std::uint64_t token = 0;
  std::uint64_t batch = 0;
  std::uint64_t bytes = 0;
  milliseconds expires{};
  milliseconds heartbeat{};
};
[[nodiscard]] std::string to_text(const pull_request& request);

// Numbers that JetStream gives its refusals.
inline constexpr std::int64_t consumer_not_found = 10'014;
/// Another consumer of the work queue has the same filter.
inline constexpr std::int64_t consumer_not_unique = 10'100;

[[nodiscard]] std::string names_request(std::size_t offset);
struct names_page {
  std::vector<std::string> names;
  /// Of all pages.
  std::uint64_t total = 0;
};
[[nodiscard]] names_page names_in(const value& answer);

} // namespace baton::nats
