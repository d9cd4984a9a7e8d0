#include "config/given.hpp"

#include <charconv>

#include "config/quantity.hpp"

namespace baton::config {

namespace {

constexpr std::size_t shown_max = 120;

std::string quoted(const std::string& text) {
  auto clean = without_passwords(text);
  if (clean.size() > shown_max) clean = clean.substr(0, shown_max) + "...";
  for (auto& c : clean) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return '"' + clean + '"';
}

/// The text of a given that is one, from whatever layer.
const std::string* text_in(const given& g) {
  if (const auto* loose = std::get_if<loose_text>(&g)) return &loose->text;
  return std::get_if<std::string>(&g);
}

template <class T>
reading<T> parsed(const given& g, std::optional<T> (*parse)(std::string_view)) {
  const auto* text = text_in(g);
  if (text == nullptr) return fault_kind::wrong_type;
  auto value = parse(*text);
  if (!value) return fault_kind::malformed;
  return *value;
}

text_list split(const std::string& text) {
  text_list parts;
  std::size_t begin = 0;
  while (!text.empty() && begin <= text.size()) {
    const auto end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

struct show {
  std::string operator()(const loose_text& t) const { return quoted(t.text); }
  std::string operator()(const std::string& t) const { return quoted(t); }
  std::string operator()(std::int64_t n) const { return std::to_string(n); }
  std::string operator()(bool b) const { return b ? "true" : "false"; }
  std::string operator()(const text_list& l) const {
    std::string all;
    for (const auto& t : l)
      all += (all.empty() ? "" : ", ") + quoted(t);
    return "[" + all + "]";
  }
  std::string operator()(const text_map& m) const {
    std::string all;
    for (const auto& [key, t] : m)
      all += (all.empty() ? "" : ", ") + key + " = ...";
    return "{" + all + "}";
  }
  std::string operator()(const other_type& o) const { return o.text; }
};

} // namespace

std::string without_passwords(std::string text) {
  for (auto scheme = text.find("://"); scheme != std::string::npos; scheme = text.find("://", scheme + 3)) {
    const auto begin = scheme + 3;
    const auto end = std::min(text.find_first_of("/,", begin), text.size());
    const auto at = text.rfind('@', end);
    if (at == std::string::npos || at < begin) continue;
    const auto colon = text.find(':', begin);
    const auto from = colon < at ? colon + 1 : begin;
    text.replace(from, at - from, "***");
  }
  return text;
}

std::string shown(const given& g) { return std::visit(show{}, g); }

reading<std::string> read_text(const given& g) {
  const auto* text = text_in(g);
  if (text == nullptr) return fault_kind::wrong_type;
  return *text;
}

reading<bool> read_flag(const given& g) {
  if (const auto* b = std::get_if<bool>(&g)) return *b;
  const auto* loose = std::get_if<loose_text>(&g);
  if (loose == nullptr) return fault_kind::wrong_type;
  if (loose->text == "true") return true;
  if (loose->text == "false") return false;
  return fault_kind::malformed;
}

reading<std::uint64_t> read_count(const given& g) {
  if (const auto* n = std::get_if<std::int64_t>(&g)) {
    if (*n < 0) return fault_kind::out_of_bounds;
    return static_cast<std::uint64_t>(*n);
  }
  const auto* loose = std::get_if<loose_text>(&g);
  if (loose == nullptr) return fault_kind::wrong_type;
  std::int64_t n = 0;
  const auto* end = loose->text.data() + loose->text.size();
  const auto [stop, failed] = std::from_chars(loose->text.data(), end, n);
  if (failed == std::errc::result_out_of_range && stop == end) return fault_kind::out_of_bounds;
  if (failed != std::errc{} || stop != end) return fault_kind::malformed;
  return read_count(n);
}

reading<std::chrono::milliseconds> read_duration(const given& g) { return parsed(g, parse_duration); }
reading<byte_size> read_size(const given& g) { return parsed(g, parse_size); }

reading<std::optional<listen_address>> read_address(const given& g) {
  const auto* text = text_in(g);
  if (text == nullptr) return fault_kind::wrong_type;
  if (*text == "off") return std::optional<listen_address>{};
  auto address = parse_address(*text);
  if (!address) return fault_kind::malformed;
  return address;
}

reading<text_list> read_list(const given& g) {
  if (const auto* list = std::get_if<text_list>(&g)) return *list;
  if (const auto* loose = std::get_if<loose_text>(&g)) return split(loose->text);
  return fault_kind::wrong_type;
}

reading<text_map> read_map(const given& g) {
  if (const auto* map = std::get_if<text_map>(&g)) return *map;
  return fault_kind::wrong_type;
}

} // namespace baton::config
