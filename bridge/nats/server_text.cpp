#include "bridge/nats/server_text.hpp"

#include <openssl/evp.h>

#include <charconv>

namespace baton::nats {
namespace {

constexpr std::string_view header_version = "NATS/1.0";

/// `digits` digits at the front, then `after`, if that is not 0; the text loses both.
bool take(std::string_view& text, std::size_t digits, char after, int& number) {
  if (text.size() < digits) return false;
  const auto* end = text.data() + digits;
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stopped != end) return false;
  text.remove_prefix(digits);
  if (after == 0) return true;
  if (text.empty() || text.front() != after) return false;
  text.remove_prefix(1);
  return true;
}

/// Of `.123456`; 0 if there is no fraction.
int milliseconds_of(std::string_view fraction) {
  if (!fraction.starts_with('.')) return 0;
  fraction.remove_prefix(1);
  int total = 0;
  for (int weight = 100; weight > 0; weight /= 10) {
    if (fraction.empty() || fraction.front() < '0' || fraction.front() > '9') return total;
    total += (fraction.front() - '0') * weight;
    fraction.remove_prefix(1);
  }
  return total;
}

} // namespace

std::optional<instant> parse_server_time(std::string_view text) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!text.ends_with('Z')) return std::nullopt;
  const bool read = take(text, 4, '-', year) && take(text, 2, '-', month) && take(text, 2, 'T', day)
      && take(text, 2, ':', hour) && take(text, 2, ':', minute) && take(text, 2, 0, second);
  if (!read) return std::nullopt;
  const auto date = std::chrono::year{year} / month / day;
  if (!date.ok()) return std::nullopt;
  const auto time = std::chrono::hours{hour} + std::chrono::minutes{minute} + std::chrono::seconds{second};
  return instant{std::chrono::sys_days{date} + time + milliseconds{milliseconds_of(text)}};
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty()) return std::string{};
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const auto size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

std::optional<std::vector<header_line>> parse_headers(std::string_view block) {
  std::vector<header_line> lines;
  if (block.empty()) return lines;
  if (!block.starts_with(header_version)) return std::nullopt;
  auto rest = block.substr(std::min(block.find("\r\n"), block.size()));
  while (rest.size() > 2) {
    rest.remove_prefix(2);
    const auto line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(line.size());
    if (line.empty()) break;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto value = line.substr(colon + 1);
    while (value.starts_with(' '))
      value.remove_prefix(1);
    lines.push_back({std::string{line.substr(0, colon)}, std::string{value}});
  }
  return lines;
}

} // namespace baton::nats
