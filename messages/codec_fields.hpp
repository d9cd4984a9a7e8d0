// Reads the fields of one decoded object. What is absent, or null, leaves its target as it was; the first fault is kept and
// names field and limit, never content. Private to messages/codec*.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "messages/expected.hpp"
#include "messages/ids.hpp"
#include "messages/instant.hpp"
#include "messages/reason.hpp"
#include "messages/task.hpp"
#include "messages/value.hpp"

namespace baton::codec {

class fields {
public:
  /// Borrows both, and moves out of `of` what is read: read each field once. A reader of something that is no object has a
  /// fault, `where`, and no fields.
  fields(value& of, std::optional<refusal>& fault, std::string_view where);

  /// Keeps the first fault only.
  void fail(reason why, std::string_view field, std::string_view problem = {});
  [[nodiscard]] bool faulty() const { return fault_.has_value(); }
  [[nodiscard]] std::optional<refusal>& fault() { return fault_; }

  /// nullptr: absent or null.
  [[nodiscard]] value* find(std::string_view name);
  /// As find, but being absent is a fault.
  value* require(std::string_view name);

  void read(std::string_view name, bool& to);
  void read(std::string_view name, std::uint64_t& to);
  void read(std::string_view name, std::uint32_t& to);
  void read(std::string_view name, std::string& to, std::size_t bytes_max = any_size);
  /// Milliseconds since 1970, at most `instant_max_ms` away from it.
  void read(std::string_view name, instant& to);
  void read_bytes(std::string_view name, std::string& to);
  void read_value(std::string_view name, value& to);
  template <class Tag>
  void read(std::string_view name, number_id<Tag>& to) {
    read(name, to.value);
  }
  template <class Rule>
  void read(std::string_view name, text_id<Rule>& to, reason if_no_id = reason::wrong_type) {
    if (find(name) == nullptr) return;
    std::string text;
    read(name, text);
    if (faulty()) return;
    auto id = text_id<Rule>::parse(text);
    if (!id) return fail(if_no_id, name);
    to = *std::move(id);
  }

  static constexpr std::size_t any_size = std::numeric_limits<std::size_t>::max();

private:
  value::object* of_;
  std::optional<refusal>& fault_;
};

/// A whole number, written as one or as a float without a fraction (some producers know nothing else). Nothing if negative.
[[nodiscard]] std::optional<std::uint64_t> whole_number(const value& v);

/// An object of texts within the limits of labels.
void read_labels(fields& of, labels& to);

} // namespace baton::codec
