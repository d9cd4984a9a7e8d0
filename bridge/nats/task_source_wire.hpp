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
#include "messages/expected.hpp"
#include "messages/ids.hpp"
#include "messages/instant.hpp"

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

// Subjects of the JetStream API.
[[nodiscard]] std::string consumer_names_subject(message_kind kind);
[[nodiscard]] std::string consumer_delete_subject(message_kind kind, std::string_view consumer);
[[nodiscard]] std::string consumer_create_subject(message_kind kind, std::string_view consumer);
[[nodiscard]] std::string stream_info_subject(message_kind kind);
[[nodiscard]] std::string pull_subject(message_kind kind, std::string_view consumer);
[[nodiscard]] std::string direct_get_subject(message_kind kind);
/// The same, from the stream's leader; the answer is JSON.
[[nodiscard]] std::string stream_get_subject(message_kind kind);
[[nodiscard]] std::string get_request(stream_seq seq);

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

/// What the server answered to a request of its API.
struct api_error {
  /// JetStream's own number; 0 if the answer could not be read at all.
  int code = 0;
  std::string text;
};
inline constexpr int message_not_found = 10'037;
inline constexpr int consumer_not_found = 10'014;
/// Another consumer of the work queue has the same filter.
inline constexpr int consumer_not_unique = 10'100;

struct names_page {
  std::vector<std::string> names;
  std::uint64_t total = 0;
};
[[nodiscard]] expected<names_page, api_error> read_names(std::string_view json);
[[nodiscard]] std::string names_request(std::size_t offset);
struct stream_state {
  stream_seq last;
  /// When the stream was made, as the server writes it.
  std::string made;
};
[[nodiscard]] expected<stream_state, api_error> read_stream_state(std::string_view json);
/// Any answer without an error.
[[nodiscard]] std::optional<api_error> read_error(std::string_view json);

} // namespace baton::nats
