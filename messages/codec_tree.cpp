#include "messages/codec_tree.hpp"

#include <algorithm>
#include <string_view>

#include "messages/codec_text.hpp"

namespace baton::codec {
namespace {

/// Room made at once for what a payload claims; what really comes after that grows the array as it comes.
constexpr std::size_t claim_trusted = 256;
/// Objects up to this many fields are compared key by key, larger ones sorted.
constexpr std::size_t few_fields = 8;

bool repeats_among_few(const value::object& fields) {
  for (std::size_t i = 1; i < fields.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (fields[i].first == fields[k].first) return true;
    }
  }
  return false;
}

bool repeats_a_key(const value::object& fields) {
  if (fields.size() <= few_fields) return repeats_among_few(fields);
  std::vector<std::string_view> keys;
  keys.reserve(fields.size());
  for (const auto& field : fields)
    keys.emplace_back(field.first);
  std::ranges::sort(keys);
  return std::ranges::adjacent_find(keys) != keys.end();
}

} // namespace

bool tree_builder::fail(reason why, std::string detail) {
  if (!failure_) failure_ = refusal{why, std::move(detail)};
  return false;
}

bool tree_builder::count(std::size_t values) {
  counted_ += values;
  if (counted_ <= limits_.values_max) return true;
  return fail(reason::too_many_values, "more than " + std::to_string(limits_.values_max) + " values");
}

bool tree_builder::put(value&& v) { return count(1) && place(std::move(v)); }

bool tree_builder::put_text(std::string&& text) {
  if (rule_ == text_rule::utf8 && !is_utf8(text)) return fail(reason::not_decodable, "text that is not UTF-8");
  if (!key_is_next_) return put(value{std::move(text)});
  key_is_next_ = false;
  open_.back().key = std::move(text);
  return count(1);
}

bool tree_builder::open(value&& container, std::size_t claimed) {
  if (open_.size() == limits_.depth_max) {
    return fail(reason::too_deep, "deeper than " + std::to_string(limits_.depth_max));
  }
  // The claimed values are counted when they come; here they only must be possible.
  if (!count(1)) return false;
  if (claimed > limits_.values_max - counted_) return count(claimed);
  open_.push_back({.of = std::move(container), .key = {}});
  return true;
}

bool tree_builder::open_array(std::size_t claimed) {
  value::array items;
  items.reserve(std::min(claimed, claim_trusted));
  return open(value{std::move(items)}, claimed);
}

bool tree_builder::open_object(std::size_t claimed) {
  value::object fields;
  fields.reserve(std::min(claimed, claim_trusted));
  return open(value{std::move(fields)}, 2 * claimed);
}

bool tree_builder::close() {
  value closed = std::move(open_.back().of);
  open_.pop_back();
  const auto* fields = closed.as<value::object>();
  if (fields != nullptr && repeats_a_key(*fields)) return fail(reason::not_decodable, "a key is repeated");
  return place(std::move(closed));
}

bool tree_builder::place(value&& v) {
  if (open_.empty()) {
    root_ = std::move(v);
    return true;
  }
  auto& innermost = open_.back();
  if (auto* items = std::get_if<value::array>(&innermost.of.of())) {
    items->push_back(std::move(v));
  } else {
    std::get<value::object>(innermost.of.of()).emplace_back(std::move(innermost.key), std::move(v));
  }
  return true;
}

} // namespace baton::codec
