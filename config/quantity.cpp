#include "config/quantity.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <span>

namespace baton::config {

namespace {

struct unit {
  std::string_view text;
  /// In the smallest unit.
  std::uint64_t worth;
};

// Largest first.
constexpr auto duration_units = std::to_array<unit>({{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}});
constexpr auto size_units = std::to_array<unit>(
    {{"TiB", 1ULL << 40U}, {"GiB", 1ULL << 30U}, {"MiB", 1ULL << 20U}, {"KiB", 1ULL << 10U}, {"B", 1}});

std::optional<std::uint64_t> parse(std::string_view text, std::span<const unit> units, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{}) return std::nullopt;
  const auto rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (rest.empty() && number == 0) return 0;
  for (const auto& u : units) {
    if (u.text != rest) continue;
    if (number > most / u.worth) return std::nullopt;
    return number * u.worth;
  }
  return std::nullopt;
}

std::string print(std::uint64_t number, std::span<const unit> units, std::string_view zero) {
  if (number == 0) return std::string{zero};
  for (const auto& u : units) {
    if (number % u.worth == 0) return std::to_string(number / u.worth).append(u.text);
  }
  return {};
}

bool is_host(std::string_view text) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  return !text.empty() && text.size() <= 253 && text.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_ipv6(std::string_view text) {
  return text.find(':') != std::string_view::npos && text.size() <= 45
      && text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
}

} // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto number = parse(text, duration_units, std::numeric_limits<std::int64_t>::max());
  if (!number) return std::nullopt;
  return std::chrono::milliseconds{static_cast<std::int64_t>(*number)};
}

std::string to_text(std::chrono::milliseconds d) {
  return print(static_cast<std::uint64_t>(d.count()), duration_units, "0s");
}

std::optional<byte_size> parse_size(std::string_view text) {
  const auto number = parse(text, size_units, std::numeric_limits<std::uint64_t>::max());
  if (!number) return std::nullopt;
  return byte_size{*number};
}

std::string to_text(byte_size s) { return print(s.bytes, size_units, "0B"); }

std::optional<listen_address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  const auto digits = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (!is_ipv6(host)) return std::nullopt;
  } else if (!is_host(host)) {
    return std::nullopt;
  }
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (failed != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return listen_address{std::string{host}, port};
}

std::string to_text(const listen_address& a) {
  const bool is_bracketed = a.host.find(':') != std::string::npos;
  return (is_bracketed ? "[" + a.host + "]" : a.host) + ":" + std::to_string(a.port);
}

} // namespace baton::config
