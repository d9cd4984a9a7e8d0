// Options as a test gives them: everything from outside comes in with the call.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "config/load.hpp"

namespace baton::support {

using variables = std::map<std::string, std::string>;

struct outside {
  std::vector<std::string> args = {};
  variables environment = {{"HOME", "/home/ada"}};
  /// Of baton.toml; empty: no file is named.
  std::string file = {};
  /// Programs that the machine would not run.
  std::vector<std::string> unrunnable = {};
};

inline config::load_result load_from(outside o) {
  if (!o.file.empty()) o.args.insert(o.args.end(), {"--config", "baton.toml"});
  const auto read = [text = o.file](const std::string& path) -> config::file_text {
    if (path != "baton.toml") return config::unreadable{"it is not there"};
    return text;
  };
  const auto look = [none = o.unrunnable](const std::string& program, const std::string&) -> std::optional<std::string> {
    return std::ranges::find(none, program) == none.end() ? std::nullopt : std::optional<std::string>{"it is not there"};
  };
  return config::load(
      {.args = std::move(o.args), .environment = std::move(o.environment), .read = read, .why_not_runnable = look});
}

inline options options_from(outside o) {
  auto result = load_from(std::move(o));
  if (const auto* faults = std::get_if<std::vector<config::fault>>(&result)) FAIL(to_text(*faults));
  return std::get<config::loaded>(result).options;
}

inline std::vector<config::fault> faults_from(outside o) {
  auto result = load_from(std::move(o));
  if (std::holds_alternative<config::loaded>(result)) return {};
  return std::get<std::vector<config::fault>>(result);
}

/// The faults of a file, as sentences.
inline std::string said_of(const std::string& file) { return to_text(faults_from({.file = file})); }

} // namespace baton::support
