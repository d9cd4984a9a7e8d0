// Text as the server writes it in its JSON answers: times, base64, raw header blocks. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/instant.hpp"

namespace baton::nats {

/// `2026-01-31T09:30:00.123456789Z`; digits beyond milliseconds are dropped.
[[nodiscard]] std::optional<instant> parse_server_time(std::string_view text);

[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

struct header_line {
  std::string name;
  std::string value;
};
/// Of a block that begins with `NATS/1.0`; nothing if it does not, or has a line without a colon.
[[nodiscard]] std::optional<std::vector<header_line>> parse_headers(std::string_view block);

} // namespace baton::nats
