// Durations, sizes and addresses as people write them, and back. Whole numbers with a unit only, so that each text has one
// meaning and a written value reads back as the same. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "config/options.hpp"

namespace baton::config {

/// `ms`, `s`, `m`, `h`; a bare `0` too. Nothing if it is no such text or does not fit into 64 bits.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
/// In the largest unit that needs no fraction.
[[nodiscard]] std::string to_text(std::chrono::milliseconds d);

/// `B`, `KiB`, `MiB`, `GiB`, `TiB`; a bare `0` too.
[[nodiscard]] std::optional<byte_size> parse_size(std::string_view text);
[[nodiscard]] std::string to_text(byte_size s);

/// `host:port`, an IPv6 address in brackets.
[[nodiscard]] std::optional<listen_address> parse_address(std::string_view text);
[[nodiscard]] std::string to_text(const listen_address& a);

} // namespace baton::config
