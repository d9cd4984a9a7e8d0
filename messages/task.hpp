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
