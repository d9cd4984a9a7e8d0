// The `[runners.NAME]` tables of a file: read, and checked one by one and against the rest of the options. Pure.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "config/fault.hpp"
#include "config/options.hpp"
#include "config/toml_file.hpp"

namespace baton::config {

/// Adds the runners that are without fault to `into`; answers with the faults of the others. `time_limit_max`: of the session's
/// slices, which no runner's own limit may be above.
[[nodiscard]] std::vector<fault> read_runners(const std::vector<file_runner>& tables, const std::string& path,
    std::chrono::milliseconds time_limit_max, std::map<std::string, runner_options>& into);

} // namespace baton::config
