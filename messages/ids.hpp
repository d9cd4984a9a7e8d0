// Identifiers as distinct types: none converts into another, or into text or a number, by accident.
// Text ids hold only characters that are safe in a subject, a file name and a header; `parse` is the one way in.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace baton {

/// A validated text. Rule says which characters and what length: `static bool allows(char)` and `static constexpr std::size_t longest`.
/// A default-constructed one is empty, which no rule allows: it stands for "none".
template <class Rule>
class text_id {
public:
  text_id() = default;

  /// Nothing, if `text` is empty, too long or holds a character that the rule does not allow.
  [[nodiscard]] static std::optional<text_id> parse(std::string_view text) {
    if (text.empty() || text.size() > Rule::longest) return std::nullopt;
    for (const char c : text) {
      if (!Rule::allows(c)) return std::nullopt;
    }
    text_id id;
    id.text_ = text;
    return id;
  }

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  friend auto operator<=>(const text_id&, const text_id&) = default;

private:
  std::string text_;
};

namespace id_rules {
constexpr bool is_word(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}
struct session {
  static constexpr std::size_t longest = 128;
  static constexpr bool allows(char c) { return is_word(c); }
};
struct task {
  static constexpr std::size_t longest = 64;
  static constexpr bool allows(char c) { return is_word(c) || c == '.' || c == ':'; }
};
struct execution {
  static constexpr std::size_t longest = 64;
  static constexpr bool allows(char c) { return is_word(c); }
};
struct node {
  static constexpr std::size_t longest = 64;
  static constexpr bool allows(char c) { return is_word(c); }
};
/// Of a wake within its session.
struct wake {
  static constexpr std::size_t longest = 64;
  static constexpr bool allows(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; }
};
} // namespace id_rules

using session_id = text_id<id_rules::session>;
/// A task's id, unique in its session; also the id of the run that it becomes, and of a control message.
using task_id = text_id<id_rules::task>;
using execution_id = text_id<id_rules::execution>;
/// One life of one `batond`: made at start, never used again.
using node_id = text_id<id_rules::node>;
/// Unique in its session: the same key again is the same wake.
using wake_key = text_id<id_rules::wake>;

/// A number with a meaning. Compares and prints; does no arithmetic but `next`.
template <class Tag>
struct number_id {
  std::uint64_t value = 0;
  friend auto operator<=>(const number_id&, const number_id&) = default;
};

template <class Tag>
[[nodiscard]] constexpr number_id<Tag> next(number_id<Tag> n) noexcept {
  return {n.value + 1};
}

/// 0 … N-1, N fixed when the streams are made.
using partition_id = number_id<struct partition_tag>;
/// Raised by one whenever a partition changes hands. 0: never owned.
using epoch = number_id<struct epoch_tag>;
/// Position in a JetStream stream, from 1. 0: nothing there yet.
using stream_seq = number_id<struct stream_seq_tag>;
/// 16 bytes of SHA-256 over stream kind and id.
struct id_hash {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const id_hash&, const id_hash&) = default;
};

/// Which of the two queues a message came through. Tasks and control messages have separate id spaces.
enum class message_kind : std::uint8_t { task, control };
/// Where a message lies in its queue.
struct message_place {
  message_kind kind = message_kind::task;
  stream_seq seq;
  friend auto operator<=>(const message_place&, const message_place&) = default;
};
/// Counts a session's commits from 1.
using commit_number = number_id<struct commit_number_tag>;
/// Counts a run's slices from 1.
using slice_number = number_id<struct slice_number_tag>;

} // namespace baton

template <class Rule>
struct std::hash<baton::text_id<Rule>> {
  std::size_t operator()(const baton::text_id<Rule>& id) const noexcept { return std::hash<std::string>{}(id.text()); }
};

template <class Tag>
struct std::hash<baton::number_id<Tag>> {
  std::size_t operator()(baton::number_id<Tag> n) const noexcept { return std::hash<std::uint64_t>{}(n.value); }
};
