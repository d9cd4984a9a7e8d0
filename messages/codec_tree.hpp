// Builds one `value` from the parts that a parser reports, in order, and counts as it goes: the bounds hold before anything
// is allocated for what a payload only claims to contain. Private to messages/codec*.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messages/codec.hpp"

namespace baton::codec {

/// What a text in a payload must be. Our own records are written as UTF-8 and need not be asked again.
enum class text_rule : std::uint8_t { utf8, unchecked };

/// Each step answers whether the payload may go on; after a false, `failure` says why.
class tree_builder {
public:
  /// `limits.values_max` bounds values and keys together, `limits.depth_max` open arrays and objects.
  tree_builder(const decode_limits& limits, text_rule rule) : limits_(limits), rule_(rule) {}

  bool put(value&& v);
  /// A text value, or a key if the innermost object waits for one.
  bool put_text(std::string&& text);
  /// `claimed` items or fields are said to follow; a parser that does not know claims none.
  bool open_array(std::size_t claimed);
  bool open_object(std::size_t claimed);
  /// The text that follows is a key.
  void expect_key() { key_is_next_ = true; }
  [[nodiscard]] bool key_is_next() const { return key_is_next_; }
  bool close();
  bool fail(reason why, std::string detail);

  [[nodiscard]] const std::optional<refusal>& failure() const { return failure_; }
  /// Valid once, after the outermost value was complete.
  [[nodiscard]] value take() { return std::move(root_); }

private:
  struct open_container {
    value of;
    /// Of the field that comes next, in an object.
    std::string key;
  };
  bool count(std::size_t values);
  bool open(value&& container, std::size_t claimed);
  bool place(value&& v);

  decode_limits limits_;
  text_rule rule_;
  std::size_t counted_ = 0;
  bool key_is_next_ = false;
  std::vector<open_container> open_;
  value root_;
  std::optional<refusal> failure_;
};

/// Exactly one msgpack value, nothing after it.
[[nodiscard]] expected<value, refusal> parse_msgpack(
    std::string_view bytes, const decode_limits& limits, text_rule rule);
[[nodiscard]] expected<value, refusal> parse_json(std::string_view text, const decode_limits& limits);

} // namespace baton::codec
