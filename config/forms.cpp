#include "config/forms.hpp"

#include <algorithm>
#include <string>

#include "config/quantity.hpp"

namespace baton::config {

namespace {

constexpr std::string_view digits = "0123456789";
constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Made of letters, digits and `extra` alone.
bool is_of(std::string_view text, std::string_view extra) {
  return std::ranges::all_of(text, [extra](char c) {
    return letters.find(c) != std::string_view::npos || digits.find(c) != std::string_view::npos
        || extra.find(c) != std::string_view::npos;
  });
}

bool is_url(std::string_view text) {
  const bool has_scheme = text.starts_with("nats://") || text.starts_with("tls://");
  if (!has_scheme || text.find_first_of(" \t\r\n") != std::string_view::npos) return false;
  auto place = text.substr(text.find("://") + 3);
  if (const auto at = place.rfind('@'); at != std::string_view::npos) place = place.substr(at + 1);
  const bool has_port = place.rfind(':') != std::string_view::npos && !place.ends_with(']');
  const auto address = parse_address(has_port ? std::string{place} : std::string{place} + ":4222");
  return address && address->port != 0;
}

} // namespace

bool is_tenant_name(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  return !text.empty() && text.size() <= 64 && std::ranges::none_of(text, is_control);
}

bool is_plain_name(std::string_view text) { return !text.empty() && text.size() <= 64 && is_of(text, "_-"); }

namespace forms {

bool is_anything(std::string_view) { return true; }
bool is_plain_name_or_empty(std::string_view text) { return text.empty() || is_plain_name(text); }
bool is_absolute_or_empty(std::string_view text) { return text.empty() || text.starts_with('/'); }

bool is_program(std::string_view text) {
  return text.starts_with('/') || (!text.empty() && text.find('/') == std::string_view::npos);
}

bool is_urls_or_empty(std::string_view text) {
  if (text.empty()) return true;
  for (;;) {
    const auto comma = text.find(',');
    if (!is_url(text.substr(0, comma))) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

bool is_subject_prefix(std::string_view text) {
  if (text.size() < 2 || text.size() > 255 || text.front() == '.' || text.back() != '.') return false;
  return text.find("..") == std::string_view::npos && is_of(text, "._-$");
}

bool is_variable_name(std::string_view text) {
  return !text.empty() && text.size() <= 255 && digits.find(text.front()) == std::string_view::npos && is_of(text, "_");
}

} // namespace forms

} // namespace baton::config
