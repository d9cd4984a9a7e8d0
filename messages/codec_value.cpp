#include <msgpack.hpp>
#include <nlohmann/json.hpp>

#include <cmath>

#include "messages/codec.hpp"
#include "messages/codec_pack.hpp"
#include "messages/codec_text.hpp"
#include "messages/codec_tree.hpp"

namespace baton::codec {
namespace {

refusal unreadable(std::string_view what) { return {reason::not_decodable, std::string{what}}; }

/// Whole numbers are int64 where they fit.
value whole(std::uint64_t n) {
  if (n <= static_cast<std::uint64_t>(INT64_MAX)) return static_cast<std::int64_t>(n);
  return n;
}

/// Hands what msgpack::parse finds to a tree builder. The names are msgpack's.
class msgpack_visitor : public msgpack::null_visitor {
public:
  explicit msgpack_visitor(tree_builder& tree) : tree_(tree) {}

  bool visit_nil() { return scalar({}); }
  bool visit_boolean(bool b) { return scalar(b); }
  bool visit_positive_integer(std::uint64_t n) { return scalar(whole(n)); }
  bool visit_negative_integer(std::int64_t n) { return scalar(n); }
  bool visit_float32(float f) { return number(static_cast<double>(f)); }
  bool visit_float64(double d) { return number(d); }
  bool visit_str(const char* text, std::uint32_t size) { return tree_.put_text(std::string(text, size)); }
  bool visit_bin(const char* data, std::uint32_t size) { return scalar(value::bytes{std::string(data, size)}); }
  bool visit_ext(const char*, std::uint32_t) { return tree_.fail(reason::wrong_type, "a msgpack extension"); }
  bool start_array(std::uint32_t items) { return no_key() && tree_.open_array(items); }
  bool end_array() { return tree_.close(); }
  bool start_map(std::uint32_t fields) { return no_key() && tree_.open_object(fields); }
  bool start_map_key() {
    tree_.expect_key();
    return true;
  }
  bool end_map() { return tree_.close(); }

private:
  bool no_key() { return !tree_.key_is_next() || tree_.fail(reason::wrong_type, "a key that is not text"); }
  bool scalar(value&& v) { return no_key() && tree_.put(std::move(v)); }
  bool number(double d) {
    return std::isfinite(d) ? scalar(d) : tree_.fail(reason::wrong_type, "a number that is not finite");
  }

  tree_builder& tree_;
};

/// Hands what the JSON parser finds to a tree builder. The names are nlohmann's.
class json_listener {
public:
  using json = nlohmann::json;
  explicit json_listener(tree_builder& tree) : tree_(tree) {}

  bool null() { return tree_.put({}); }
  bool boolean(bool b) { return tree_.put(b); }
  bool number_integer(std::int64_t n) { return tree_.put(n); }
  bool number_unsigned(std::uint64_t n) { return tree_.put(whole(n)); }
  bool number_float(double d, const std::string&) { return tree_.put(d); }
  bool string(std::string& text) { return tree_.put_text(std::move(text)); }
  bool binary(json::binary_t&) { return false; }
  bool key(std::string& text) {
    tree_.expect_key();
    return tree_.put_text(std::move(text));
  }
  bool start_object(std::size_t) { return tree_.open_object(0); }
  bool end_object() { return tree_.close(); }
  bool start_array(std::size_t) { return tree_.open_array(0); }
  bool end_array() { return tree_.close(); }
  bool parse_error(std::size_t, const std::string&, const json::exception&) { return false; }

private:
  tree_builder& tree_;
};

std::optional<refusal> too_large(std::string_view bytes, const decode_limits& limits) {
  if (bytes.size() <= limits.bytes_max) return std::nullopt;
  return refusal{reason::too_large, "more than " + std::to_string(limits.bytes_max) + " bytes"};
}

bool looks_like_json(std::string_view bytes) {
  const auto first = bytes.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (bytes[first] == '{' || bytes[first] == '[');
}

} // namespace

expected<value, refusal> parse_msgpack(std::string_view bytes, const decode_limits& limits, text_rule rule) {
  if (auto why = too_large(bytes, limits)) return unexpected{std::move(*why)};
  tree_builder tree{limits, rule};
  msgpack_visitor visitor{tree};
  std::size_t read = 0;
  const bool whole_value = msgpack::parse(bytes.data(), bytes.size(), read, visitor);
  if (tree.failure()) return unexpected{*tree.failure()};
  if (!whole_value) return unexpected{unreadable("not msgpack, or cut off")};
  if (read != bytes.size()) return unexpected{unreadable("bytes after the end")};
  return tree.take();
}

expected<value, refusal> parse_json(std::string_view text, const decode_limits& limits) {
  if (auto why = too_large(text, limits)) return unexpected{std::move(*why)};
  // nlohmann's lexer answers for UTF-8, but takes a NUL for the end of the text.
  if (text.find('\0') != std::string_view::npos) return unexpected{unreadable("a NUL in JSON")};
  tree_builder tree{limits, text_rule::unchecked};
  json_listener listener{tree};
  const bool whole_value = nlohmann::json::sax_parse(text.begin(), text.end(), &listener);
  if (tree.failure()) return unexpected{*tree.failure()};
  if (!whole_value) return unexpected{unreadable("not JSON, or cut off")};
  return tree.take();
}

expected<decoded_value, refusal> decode_value(std::string_view bytes, const decode_limits& limits) {
  const auto as = looks_like_json(bytes) ? encoding::json : encoding::msgpack;
  auto read = as == encoding::json ? parse_json(bytes, limits) : parse_msgpack(bytes, limits, text_rule::utf8);
  if (!read) return unexpected{std::move(read).error()};
  return decoded_value{.value = *std::move(read), .encoding = as};
}

std::string encode_value(const value& v, encoding as) {
  if (as == encoding::json) {
    std::string text;
    append_json(text, v);
    return text;
  }
  // These two would be one byte each, `[` and `{`, and be taken for JSON.
  const auto* number = v.as<std::int64_t>();
  if (number != nullptr && (*number == '[' || *number == '{')) return {'\xcc', static_cast<char>(*number)};
  return packed([&v](pack_writer& out) { out.put(v); });
}

} // namespace baton::codec
