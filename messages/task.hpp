// What a producer publishes on baton.task.<session>, decoded and checked.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "messages/closed_list.hpp"
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

inline constexpr std::uint8_t priority_max = 9;

/// 8 bytes of SHA-256 over a payload as it arrived: the same id with another digest is a conflict.
using body_digest = number_id<struct body_digest_tag>;

/// What becomes of a turn that comes while a run of its session is under way, whether that runs, waits or has yielded.
enum class busy_policy : std::uint8_t {
  /// Waits for its turn.
  enqueue,
  /// Joins the run at its next safe boundary; if that never comes, is the next turn.
  steer,
  /// Ends the run as cancelled, and waits for its turn.
  interrupt,
  /// Likewise, and what the run added is no part of the context any more.
  rollback,
  /// Is refused.
  reject,
  /// Takes the place of all turns that wait.
  replace,
  /// Becomes part of the last turn that waits, if there is one with the same runner.
  merge,
  /// Likewise; and such a turn starts only after a while in which no further one came.
  debounce,
};

inline constexpr auto busy_policies = std::to_array<name_row<busy_policy>>({
    {busy_policy::enqueue, "enqueue"},
    {busy_policy::steer, "steer"},
    {busy_policy::interrupt, "interrupt"},
    {busy_policy::rollback, "rollback"},
    {busy_policy::reject, "reject"},
    {busy_policy::replace, "replace"},
    {busy_policy::merge, "merge"},
    {busy_policy::debounce, "debounce"},
});
static_assert(in_order(busy_policies));
[[nodiscard]] constexpr std::string_view to_text(busy_policy p) { return name_in(busy_policies, p); }
[[nodiscard]] constexpr std::optional<busy_policy> parse_busy_policy(std::string_view text) { return parse_in(busy_policies, text); }

/// One turn of the conversation.
struct turn {
  /// Text, or an array of parts whose meaning is the runner's.
  value input;
  /// Name of a configured runner.
  std::string runner;
  /// For the runner: models, tools, limits. An object, or null.
  value options;
  busy_policy when_busy = busy_policy::enqueue;
  friend bool operator==(const turn&, const turn&) = default;
};

struct task {
  task_id id;
  /// Empty: none given.
  std::string tenant;
  /// Among the tenant's waiting sessions: higher first. At most `priority_max`.
  std::uint8_t priority = 0;
  baton::labels labels;
  /// When the producer loses interest; not in the past when the task is admitted.
  std::optional<instant> deadline;
  /// The turn waits until then, and takes its place before those that have not started.
  std::optional<instant> not_before;
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
