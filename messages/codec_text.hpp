// Text for the codec: UTF-8, base64, RFC 3339, JSON. Private to messages/codec*. Pure; any thread; nothing throws on bad input.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "messages/instant.hpp"
#include "messages/value.hpp"

namespace baton::codec {

/// Well-formed as Unicode has it: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);
/// `text` itself if it is UTF-8; else `repaired` is filled, with U+FFFD for each byte that belongs to no character, and returned.
[[nodiscard]] std::string_view as_utf8(std::string_view text, std::string& repaired);
/// Code points of a text that is UTF-8.
[[nodiscard]] std::size_t characters(std::string_view utf8);

[[nodiscard]] std::string base64(std::string_view bytes);

/// The latest point in time that a message may name: the end of the year 9999, in ms.
inline constexpr std::int64_t instant_max_ms = 253'402'300'799'999;
/// `2026-01-31T09:30:00.250Z` or with an offset such as `+02:00`; digits beyond milliseconds are dropped.
/// Nothing before 1970.
[[nodiscard]] std::optional<instant> parse_rfc3339(std::string_view text);

/// Appends `v` as JSON: bytes as base64, numbers that JSON does not have (NaN, infinities) as null, text repaired to UTF-8.
void append_json(std::string& to, const value& v);
/// Appends `text` in quotes.
void append_json_text(std::string& to, std::string_view text);

} // namespace baton::codec
