// The known name that a mistyped one most likely meant. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace baton::config {

/// Fewest insertions, deletions and replacements; empty if even the nearest differs in more than a third of its letters.
[[nodiscard]] std::string nearest(std::string_view name, std::span<const std::string> known);

} // namespace baton::config
