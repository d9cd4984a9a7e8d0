// The `[runners.NAME]` tables of a file: read, and checked one by one and against the rest of the options. Pure.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/fault.hpp"
#include "config/options.hpp"
#include "config/toml_file.hpp"

namespace baton::config {

/// What the tables are checked against.
struct runner_rules {
  /// The file's.
  std::string path;
  /// Of the session's slices, which no runner's own limit may be above.
  std::chrono::milliseconds time_limit_max;
  /// Why the machine would not run this program; nothing if it would.
  std::function<std::optional<std::string>(const std::string& program)> why_not_runnable;
};

struct runner_faults {
  std::vector<fault> faults;
  /// Programs that cannot be run: a runner of which only this is wrong is in `into`.
  std::vector<fault> unrunnable;
};

/// Adds the runners that are without fault to `into`; answers with the faults of the others.
[[nodiscard]] runner_faults read_runners(
    const std::vector<named_table>& tables, const runner_rules& rules, std::map<std::string, runner_options>& into);

} // namespace baton::config
