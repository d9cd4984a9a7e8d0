// What a producer publishes on baton.task.<session>, decoded and checked.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>

#include "messages/ids.hpp"
#include "messages/instant.hpp"
#include "messages/value.hpp"

namespace baton {

/// The encoding of a request; its answer uses the same.
enum class encoding : std::uint8_t { msgpack, json };

using labels = std::map<std::string, std::string>;
/// Of a message and of a session. A session may have fewer by configuration, never more.
inline constexpr std::size_t labels_max = 32;
inline constexpr std::size_t label_key_bytes_max = 64;
inline constexpr std::size_t label_value_bytes_max = 256;
/// Keys and values together: each commit writes a session's labels again.
inline constexpr std::size_t labels_bytes_max = 2'048;
[[nodiscard]] inline std::size_t bytes_of(const labels& pairs) {
  std::size_t bytes = 0;
  for (const auto& [key, text] : pairs) bytes += key.size() + text.size();
  return bytes;
}

/// Both stand in the record of a run.
inline constexpr std::size_t tenant_bytes_max = 64;
inline constexpr std::size_t runner_bytes_max = 64;

/// 8 bytes of SHA-256 over a payload as it arrived: the same id with another digest is a conflict.
using body_digest = number_id<struct body_digest_tag>;

/// One turn of the conversation.
struct turn {
  /// Text, or an array of parts whose meaning is the runner's.
  value input;
  /// Name of a configured runner.
  std::string runner;
  /// For the runner: models, tools, limits. An object, or null.
  value options;
  friend bool operator==(const turn&, const turn&) = default;
};

struct task {
  task_id id;
  /// Empty: none given.
  std::string tenant;
  baton::labels labels;
  /// When the producer loses interest; not in the past when the task is admitted.
  std::optional<instant> deadline;
  /// W3C trace context, or empty.
  std::string traceparent;
  /// Where the answer goes, or empty. Already checked against the allowed prefixes.
  std::string reply_to;
  baton::encoding encoding = baton::encoding::msgpack;
  body_digest digest;
  std::variant<turn> what;
  friend bool operator==(const task&, const task&) = default;
};

} // namespace baton
