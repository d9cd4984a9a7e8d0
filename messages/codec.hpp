// Between values and bytes. The only place that knows msgpack and JSON. Pure: no clock, no I/O; any thread.
// Whatever arrives is checked (size, depth, count) before a tree is built; nothing here throws on bad input.
// msgpack maps have string keys; unknown keys are ignored; a repeated key is refused.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "messages/commit.hpp"
#include "messages/control.hpp"
#include "messages/dead_letter.hpp"
#include "messages/expected.hpp"
#include "messages/task.hpp"
#include "messages/wake.hpp"

namespace baton::codec {

/// What a payload may be at most.
struct decode_limits {
  std::size_t bytes_max = 256 * 1024;
  std::size_t depth_max = 32;
  /// Values of all kinds together, keys included.
  std::size_t values_max = 65'536;
};

/// JSON if the first byte that is no white space is `{` or `[`, else msgpack.
struct decoded_value {
  baton::value value;
  baton::encoding encoding = baton::encoding::msgpack;
};
[[nodiscard]] expected<decoded_value, refusal> decode_value(std::string_view bytes, const decode_limits& limits);
[[nodiscard]] std::string encode_value(const value& v, encoding as);

/// Where a payload came from: what is needed besides its bytes.
struct arrival {
  stream_seq seq;
  /// When the broker stored it: part of the id that a task without one is given, `s<seq>-<milliseconds>`.
  instant stored_at;
  /// The message's own `traceparent` header, or empty; the field in the body comes second.
  std::string_view traceparent;
  /// Subjects that `reply_to` may begin with; `_INBOX.` is always allowed.
  const std::vector<std::string>* reply_prefixes = nullptr;
};

/// `now` is not asked: a deadline in the past is the session's to refuse.
[[nodiscard]] expected<task, refusal> decode_task(std::string_view bytes, const arrival& from, const decode_limits& limits);
[[nodiscard]] expected<control, refusal> decode_control(std::string_view bytes, const arrival& from, const decode_limits& limits);
/// For a client: what decode_task and decode_control read. A task is encoded without `digest`.
[[nodiscard]] std::string encode_task(const task& t, encoding as);
[[nodiscard]] std::string encode_control(const control& c, encoding as);

/// The body only; events and trace context travel as headers.
[[nodiscard]] std::string encode_commit(const commit& c);
/// An unknown schema is refused with `unknown_version`; anything else that cannot be read, with `log_unreadable`.
[[nodiscard]] expected<commit, refusal> decode_commit(std::string_view body);
/// A text as it is stored and read back: repaired to UTF-8, then cut to at most `bytes_max`, never within a character.
[[nodiscard]] std::string stored_text(std::string_view text, std::size_t bytes_max);
/// Bytes of the head as it stands in a commit's body.
[[nodiscard]] std::size_t head_size(const head& h);

/// One JSON object per event, in order; at most `event_bytes_max` together, the rest counted in a final `events_omitted`.
[[nodiscard]] std::vector<std::string> encode_events(const std::vector<event>& events);
[[nodiscard]] expected<event, refusal> decode_event(std::string_view json);

[[nodiscard]] std::string encode_answer(const answer& a, encoding as);
[[nodiscard]] expected<answer, refusal> decode_answer(std::string_view bytes);
[[nodiscard]] std::string encode_dead_letter(const dead_letter& d);
[[nodiscard]] expected<dead_letter, refusal> decode_dead_letter(std::string_view bytes);

[[nodiscard]] std::string encode_wake(const wake& w);
/// `unknown_version` if a newer node wrote it.
[[nodiscard]] expected<wake, refusal> decode_wake(std::string_view bytes);

} // namespace baton::codec
