// The command line taken apart: every command, its options, their checks and help. What it gives is checked, but nothing is done.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "ops/baton/commands.hpp"
#include "ops/baton/target.hpp"

namespace baton::cli {

/// A text for stdout, and nothing else to do: help, a version, a completion script.
struct say_text {
  std::string text;
};
/// Needs a broker.
struct run_command {
  target_options target;
  bool json = false;
  std::function<ending(desk&)> command;
};
/// What a command line asks for, or what is wrong with it.
using request = std::variant<say_text, run_command, complaint>;

[[nodiscard]] request parse_arguments(
    const std::vector<std::string>& args, const std::map<std::string, std::string>& environment);

} // namespace baton::cli
