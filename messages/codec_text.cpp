#include "messages/codec_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <type_traits>
#include <variant>

#include "messages/codec.hpp"

namespace baton::codec {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

unsigned char byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

/// Where the run of ASCII that starts at `from` ends; eight bytes at a time, because most text is ASCII.
std::size_t ascii_end(std::string_view text, std::size_t from) {
  while (text.size() - from >= sizeof(std::uint64_t)) {
    std::uint64_t block = 0;
    std::memcpy(&block, text.data() + from, sizeof block);
    if ((block & 0x8080'8080'8080'8080U) != 0) break;
    from += sizeof block;
  }
  while (from < text.size() && byte_at(text, from) < 0x80)
    ++from;
  return from;
}

/// Bytes of the character at `at`, which is not ASCII; 0 if there is none.
std::size_t long_character(std::string_view text, std::size_t at) {
  const auto first = byte_at(text, at);
  const std::size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (length == 0 || text.size() - at < length) return 0;
  const auto second = byte_at(text, at + 1);
  const unsigned lowest = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned highest = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (second < lowest || second > highest) return 0;
  for (std::size_t i = at + 2; i < at + length; ++i) {
    if ((byte_at(text, i) & 0xC0U) != 0x80) return 0;
  }
  return length;
}

/// Where the well-formed text that starts at `from` ends.
std::size_t utf8_end(std::string_view text, std::size_t from) {
  for (;;) {
    from = ascii_end(text, from);
    if (from == text.size()) return from;
    const auto length = long_character(text, from);
    if (length == 0) return from;
    from += length;
  }
}

/// A cursor over digits and signs; each step says whether it fitted.
class scanner {
public:
  explicit scanner(std::string_view text) : rest_(text) {}
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  bool one_of(std::string_view any) {
    if (rest_.empty() || any.find(rest_.front()) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool digits(std::size_t count, int& number) {
    if (rest_.size() < count) return false;
    number = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return false;
      number = number * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return true;
  }

private:
  std::string_view rest_;
};

/// Milliseconds of `.123456`, if there is a fraction; false if it has no digit.
bool fraction(scanner& in, int& ms) {
  ms = 0;
  if (!in.one_of(".")) return true;
  int digit = 0;
  int weight = 100;
  if (!in.digits(1, digit)) return false;
  do {
    ms += digit * weight;
    weight /= 10;
  } while (in.digits(1, digit));
  return true;
}

bool offset(scanner& in, std::chrono::minutes& east) {
  if (in.one_of("Zz")) return true;
  const bool plus = in.one_of("+");
  if (!plus && !in.one_of("-")) return false;
  int hours = 0;
  int minutes = 0;
  if (!in.digits(2, hours) || !in.one_of(":") || !in.digits(2, minutes) || hours > 23 || minutes > 59) return false;
  east = std::chrono::minutes{hours * 60 + minutes} * (plus ? 1 : -1);
  return true;
}

void append_escape(std::string& to, unsigned char c) {
  static constexpr std::string_view hex = "0123456789abcdef";
  switch (c) {
  case '"': to.append("\\\""); return;
  case '\\': to.append("\\\\"); return;
  case '\n': to.append("\\n"); return;
  case '\r': to.append("\\r"); return;
  case '\t': to.append("\\t"); return;
  default: to.append("\\u00").append(1, hex[c >> 4U]).append(1, hex[c & 15U]); return;
  }
}

template <class Number>
void append_number(std::string& to, Number n) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
  to.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

/// With a mark that it is no whole number, so that it is read back as what it was.
void append_double(std::string& to, double d) {
  if (!std::isfinite(d)) {
    to.append("null");
    return;
  }
  const auto from = to.size();
  append_number(to, d);
  if (to.find_first_of(".e", from) == std::string::npos) to.append(".0");
}

void append_array(std::string& to, const value::array& items) {
  to.push_back('[');
  for (const auto& item : items) {
    if (&item != &items.front()) to.push_back(',');
    append_json(to, item);
  }
  to.push_back(']');
}

void append_object(std::string& to, const value::object& fields) {
  to.push_back('{');
  for (const auto& field : fields) {
    if (&field != &fields.front()) to.push_back(',');
    append_json_text(to, field.first);
    to.push_back(':');
    append_json(to, field.second);
  }
  to.push_back('}');
}

} // namespace

bool is_utf8(std::string_view text) { return utf8_end(text, 0) == text.size(); }

std::string_view as_utf8(std::string_view text, std::string& repaired) {
  auto good = utf8_end(text, 0);
  if (good == text.size()) return text;
  repaired.assign(text.substr(0, good));
  while (good < text.size()) {
    repaired.append(replacement);
    const auto from = good + 1;
    good = utf8_end(text, from);
    repaired.append(text.substr(from, good - from));
  }
  return repaired;
}

std::string stored_text(std::string_view text, std::size_t bytes_max) {
  // A character that is cut here lies beyond `bytes_max`.
  static constexpr std::size_t character_bytes_max = 4;
  std::string repaired;
  const auto good = as_utf8(text.substr(0, bytes_max + character_bytes_max), repaired);
  auto end = std::min(good.size(), bytes_max);
  while (end < good.size() && (byte_at(good, end) & 0xC0U) == 0x80)
    --end;
  return std::string{good.substr(0, end)};
}

std::size_t characters(std::string_view utf8) {
  std::size_t count = 0;
  for (const char c : utf8)
    count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80 ? 1 : 0;
  return count;
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t held = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8U | (k < held ? byte_at(bytes, i + k) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      text.push_back(k <= held ? alphabet[group >> (18U - 6U * k) & 63U] : '=');
  }
  return text;
}

std::optional<instant> parse_rfc3339(std::string_view text) {
  scanner in{text};
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int ms = 0;
  std::chrono::minutes east{};
  const bool fits = in.digits(4, year) && in.one_of("-") && in.digits(2, month) && in.one_of("-") && in.digits(2, day)
      && in.one_of("Tt ") && in.digits(2, hour) && in.one_of(":") && in.digits(2, minute) && in.one_of(":")
      && in.digits(2, second) && fraction(in, ms) && offset(in, east) && in.at_end();
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
      std::chrono::day{static_cast<unsigned>(day)}};
  // A 60th second is a leap second, which Unix time counts as the next one.
  if (!fits || !date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const instant at = std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} - east
      + std::chrono::seconds{second} + milliseconds{ms};
  if (at < instant{} || at.time_since_epoch().count() > instant_max_ms) return std::nullopt;
  return at;
}

void append_json_text(std::string& to, std::string_view text) {
  std::string repaired;
  text = as_utf8(text, repaired);
  to.push_back('"');
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = byte_at(text, i);
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F) continue;
    to.append(text.substr(from, i - from));
    append_escape(to, c);
    from = i + 1;
  }
  to.append(text.substr(from)).push_back('"');
}

void append_json(std::string& to, const value& v) {
  std::visit(
      [&to](const auto& held) {
        using held_type = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<held_type, value::null>) {
          to.append("null");
        } else if constexpr (std::is_same_v<held_type, bool>) {
          to.append(held ? "true" : "false");
        } else if constexpr (std::is_same_v<held_type, double>) {
          append_double(to, held);
        } else if constexpr (std::is_integral_v<held_type>) {
          append_number(to, held);
        } else if constexpr (std::is_same_v<held_type, std::string>) {
          append_json_text(to, held);
        } else if constexpr (std::is_same_v<held_type, value::bytes>) {
          to.append("\"").append(base64(held.data)).append("\"");
        } else if constexpr (std::is_same_v<held_type, value::array>) {
          append_array(to, held);
        } else {
          append_object(to, held);
        }
      },
      v.of());
}

} // namespace baton::codec
