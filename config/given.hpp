// What one layer says about one option, before anybody knows whether it fits. The file is typed, flags and the environment
// are not: their text is read as whatever the option is.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/fault.hpp"
#include "config/options.hpp"

namespace baton::config {

struct loose_text {
  std::string text;
};
/// A TOML type that no option has.
struct other_type {
  std::string text;
};

using text_list = std::vector<std::string>;
using text_map = std::map<std::string, std::string>;
using given = std::variant<loose_text, std::string, std::int64_t, bool, text_list, text_map, other_type>;

/// `nats://user:secret@host` with `***` for the secret, wherever it stands in the text.
[[nodiscard]] std::string without_passwords(std::string text);
/// As a fault shows it: short, passwords of URLs blotted out.
[[nodiscard]] std::string shown(const given& g);

/// The value read, or why not: `wrong_type`, `malformed`, or `out_of_bounds` for a count below 0.
template <class T>
using reading = std::variant<T, fault_kind>;

[[nodiscard]] reading<std::string> read_text(const given& g);
[[nodiscard]] reading<bool> read_flag(const given& g);
[[nodiscard]] reading<std::uint64_t> read_count(const given& g);
[[nodiscard]] reading<std::chrono::milliseconds> read_duration(const given& g);
[[nodiscard]] reading<byte_size> read_size(const given& g);
/// `off`, or an address.
[[nodiscard]] reading<std::optional<listen_address>> read_address(const given& g);
/// Loose text is split at its commas.
[[nodiscard]] reading<text_list> read_list(const given& g);
[[nodiscard]] reading<text_map> read_map(const given& g);

} // namespace baton::config
