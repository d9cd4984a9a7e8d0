#include "messages/codec_fields.hpp"

#include <utility>

#include "messages/codec_text.hpp"

namespace baton::codec {
namespace {

/// Above this a double no longer tells neighbouring whole numbers apart.
constexpr double exact_double_max = 9'007'199'254'740'992.0;

std::string bytes_limit(std::size_t bytes_max) { return "more than " + std::to_string(bytes_max) + " bytes"; }

} // namespace

fields::fields(value& of, std::optional<refusal>& fault, std::string_view where)
    : of_(std::get_if<value::object>(&of.of())), fault_(fault) {
  if (of_ == nullptr) fail(reason::wrong_type, where, "not a map");
}

void fields::fail(reason why, std::string_view field, std::string_view problem) {
  if (fault_) return;
  std::string detail{field};
  if (!problem.empty()) detail.append(": ").append(problem);
  fault_ = refusal{why, std::move(detail)};
}

value* fields::find(std::string_view name) {
  if (of_ == nullptr) return nullptr;
  for (auto& [key, held] : *of_) {
    if (key == name) return held.is_null() ? nullptr : &held;
  }
  return nullptr;
}

value* fields::require(std::string_view name) {
  auto* held = find(name);
  if (held == nullptr) fail(reason::missing_field, name);
  return held;
}

void fields::read(std::string_view name, bool& to) {
  const auto* held = find(name);
  if (held == nullptr) return;
  const auto* b = held->as<bool>();
  if (b == nullptr) return fail(reason::wrong_type, name, "not true or false");
  to = *b;
}

void fields::read(std::string_view name, std::uint64_t& to) {
  const auto* held = find(name);
  if (held == nullptr) return;
  const auto number = whole_number(*held);
  if (!number) return fail(reason::wrong_type, name, "not a whole number from 0");
  to = *number;
}

void fields::read(std::string_view name, std::uint32_t& to) {
  std::uint64_t wide = to;
  read(name, wide);
  if (wide > std::numeric_limits<std::uint32_t>::max()) return fail(reason::wrong_type, name, "too large a number");
  to = static_cast<std::uint32_t>(wide);
}

void fields::read(std::string_view name, std::string& to, std::size_t bytes_max) {
  auto* held = find(name);
  if (held == nullptr) return;
  auto* text = std::get_if<std::string>(&held->of());
  if (text == nullptr) return fail(reason::wrong_type, name, "not text");
  if (text->size() > bytes_max) return fail(reason::too_large, name, bytes_limit(bytes_max));
  to = std::move(*text);
}

void fields::read(std::string_view name, instant& to) {
  const auto* held = find(name);
  if (held == nullptr) return;
  const auto* ms = held->as<std::int64_t>();
  // So far that sums and differences of such times cannot overflow.
  if (ms == nullptr || *ms < -instant_max_ms || *ms > instant_max_ms)
    return fail(reason::wrong_type, name, "not a time in milliseconds");
  to = instant{milliseconds{*ms}};
}

void fields::read_bytes(std::string_view name, std::string& to) {
  auto* held = find(name);
  if (held == nullptr) return;
  auto* bytes = std::get_if<value::bytes>(&held->of());
  if (bytes == nullptr) return fail(reason::wrong_type, name, "not bytes");
  to = std::move(bytes->data);
}

void fields::read_value(std::string_view name, value& to) {
  if (auto* held = find(name)) to = std::move(*held);
}

std::optional<std::uint64_t> whole_number(const value& v) {
  if (const auto* n = v.as<std::uint64_t>()) return *n;
  if (const auto* n = v.as<std::int64_t>(); n != nullptr && *n >= 0) return static_cast<std::uint64_t>(*n);
  if (const auto* d = v.as<double>(); d != nullptr && *d >= 0 && *d <= exact_double_max) {
    const auto n = static_cast<std::uint64_t>(*d);
    if (static_cast<double>(n) == *d) return n;
  }
  return std::nullopt;
}

void read_labels(fields& of, labels& to) {
  const auto* held = of.find("labels");
  if (held == nullptr) return;
  const auto* pairs = held->as<value::object>();
  if (pairs == nullptr) return of.fail(reason::wrong_type, "labels", "not a map");
  if (pairs->size() > labels_max) {
    return of.fail(reason::too_many_labels, "labels", "more than " + std::to_string(labels_max));
  }
  for (const auto& [key, text_value] : *pairs) {
    const auto* text = text_value.as<std::string>();
    if (text == nullptr) return of.fail(reason::wrong_type, "labels", "a value that is not text");
    if (key.empty()) return of.fail(reason::wrong_type, "labels", "an empty key");
    if (key.size() > label_key_bytes_max) {
      return of.fail(reason::too_large, "labels", "a key of " + bytes_limit(label_key_bytes_max));
    }
    if (text->size() > label_value_bytes_max) {
      return of.fail(reason::too_large, "labels", "a value of " + bytes_limit(label_value_bytes_max));
    }
    to.emplace(key, *text);
  }
  if (bytes_of(to) > labels_bytes_max) of.fail(reason::too_large, "labels", bytes_limit(labels_bytes_max) + " together");
}

} // namespace baton::codec
