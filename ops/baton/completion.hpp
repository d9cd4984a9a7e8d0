// Completion scripts for shells, made from the tree of commands itself. Pure.
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace baton::cli {

/// `shell` is one of `completion_shells`.
[[nodiscard]] std::string completion_script(const CLI::App& tree, std::string_view shell);

inline constexpr auto completion_shells = {"bash", "fish", "zsh"};

} // namespace baton::cli
