// Closed lists of names: an enumeration and its texts, in the same order. A row never changes its meaning, since its text, and
// of some its place, stand in what was stored.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace baton {

template <class Enum>
struct name_row {
  Enum is;
  std::string_view text;
};

template <class Rows>
[[nodiscard]] constexpr bool in_order(const Rows& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (static_cast<std::size_t>(rows[i].is) != i) return false;
  }
  return true;
}

template <class Rows, class Enum>
[[nodiscard]] constexpr std::string_view name_in(const Rows& rows, Enum e) {
  return rows[static_cast<std::size_t>(e)].text;
}

/// Nothing, if it is not one that is known.
template <class Rows>
[[nodiscard]] constexpr auto parse_in(const Rows& rows, std::string_view text) -> std::optional<decltype(rows[0].is)> {
  for (const auto& row : rows) {
    if (row.text == text) return row.is;
  }
  return std::nullopt;
}

} // namespace baton
