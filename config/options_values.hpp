// What options are made of, beside numbers, texts and durations. Plain values.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace baton {

/// A size, of memory or of what is stored.
struct byte_size {
  std::uint64_t bytes = 0;
  friend auto operator<=>(byte_size, byte_size) = default;
};
[[nodiscard]] constexpr byte_size kib(std::uint64_t n) { return {n << 10U}; }
[[nodiscard]] constexpr byte_size mib(std::uint64_t n) { return {n << 20U}; }
[[nodiscard]] constexpr byte_size gib(std::uint64_t n) { return {n << 30U}; }

struct listen_address {
  /// A name or an IP address, without brackets.
  std::string host;
  /// 0: any free one.
  std::uint16_t port = 0;
  friend bool operator==(const listen_address&, const listen_address&) = default;
};

} // namespace baton
