#include "ops/guard/settings.hpp"

#include <charconv>
#include <string_view>
#include <system_error>

namespace baton {

namespace {

template <class Number>
bool read_number(std::string_view text, Number& into) {
  const auto* end = text.data() + text.size();
  const auto [stopped, failure] = std::from_chars(text.data(), end, into);
  return failure == std::errc{} && stopped == end;
}

bool read_milliseconds(std::string_view text, std::chrono::milliseconds& into) {
  std::uint32_t ms = 0;
  if (!read_number(text, ms)) return false;
  into = std::chrono::milliseconds{ms};
  return true;
}

bool read_instant(std::string_view text, std::optional<monotonic_instant>& into) {
  std::int64_t ms = 0;
  if (!read_number(text, ms)) return false;
  into = monotonic_instant{std::chrono::milliseconds{ms}};
  return true;
}

bool take(guard_settings& s, std::string_view name, const std::string& text) {
  if (name == "--lease-fd") return read_number(text, s.lease_fd) && s.lease_fd > 2;
  if (name == "--lease-fifo") return !(s.lease_fifo = text).empty();
  if (name == "--lease-ms") return read_milliseconds(text, s.lease) && s.lease.count() > 0;
  if (name == "--lease-ends-ms") return read_instant(text, s.lease_end);
  if (name == "--settle-ms") return read_milliseconds(text, s.settle);
  if (name == "--memory") return read_number(text, s.memory_max);
  if (name == "--status-fd") return read_number(text, s.status_fd) && s.status_fd > 2;
  if (name == "--record") return !(s.record = text).empty();
  return false;
}

} // namespace

std::optional<guard_settings> parse_guard_settings(const std::vector<std::string>& arguments) {
  guard_settings s;
  auto at = arguments.begin();
  for (; at != arguments.end() && *at != "--"; at += 2) {
    if (arguments.end() - at < 2 || !take(s, *at, *(at + 1))) return std::nullopt;
  }
  if (at == arguments.end()) return std::nullopt;
  s.command.assign(at + 1, arguments.end());
  const bool one_lease = (s.lease_fd >= 0) != !s.lease_fifo.empty();
  if (!one_lease || s.lease.count() == 0 || s.command.empty()) return std::nullopt;
  return s;
}

} // namespace baton
