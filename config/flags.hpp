// The command line of a server, taken apart: what it says about options, and what it asks for. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/fault.hpp"
#include "config/given.hpp"
#include "config/load.hpp"

namespace baton::config {

struct flag_value {
  /// Index in `option_rows()`.
  std::size_t row = 0;
  std::string spelled;
  given says;
};

struct command_line {
  action wanted = action::run;
  std::optional<std::string> config_file;
  std::vector<flag_value> values;
  std::vector<fault> faults;
};

/// A flag that is repeated counts as given last.
[[nodiscard]] command_line parse_flags(const std::vector<std::string>& args);

} // namespace baton::config
