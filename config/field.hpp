// What can be done with a row of the table, whatever its field is: set it from what a layer says, say its bounds, write it.
// For `options`, `runner_options` and `tenant_options`. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/fault.hpp"
#include "config/given.hpp"
#include "config/table.hpp"

namespace baton::config {

/// Sets the field if `says` fits; else leaves it and says why not.
template <class Of>
[[nodiscard]] std::optional<fault_kind> set(const row<Of>& of, const given& says, Of& in);

/// `100ms to 10m`, `text or json`: the bounds, without the default.
template <class Of>
[[nodiscard]] std::string bounds(const row<Of>& of);

/// The bounds behind the kind of value, for a fault: `a duration such as "10s", 100ms to 10m`.
template <class Of>
[[nodiscard]] std::string wanted(const row<Of>& of);

/// The kind of value, as help shows it: `DURATION`. Empty for a flag that needs none.
template <class Of>
[[nodiscard]] std::string_view placeholder(const row<Of>& of);

/// The value as it stands in a TOML file, on one line. `in` is only read.
template <class Of>
[[nodiscard]] std::string toml_value(const row<Of>& of, Of& in);

/// A TOML string in quotes. `text` is UTF-8.
[[nodiscard]] std::string toml_string(std::string_view text);

} // namespace baton::config
