// A TOML file taken apart, before anybody knows which options exist. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/fault.hpp"
#include "config/given.hpp"

namespace baton::config {

struct file_value {
  /// `group.name` or, directly in the file, `name`; of a runner or tenant, `name`.
  std::string name;
  given says;
  std::uint32_t line = 0;
};

/// One `[runners.NAME]` or `[tenants.NAME]`.
struct named_table {
  std::string name;
  std::vector<file_value> values;
  std::uint32_t line = 0;
};

struct file_content {
  std::vector<file_value> values;
  std::vector<named_table> runners;
  std::vector<named_table> tenants;
  /// Groups that hold nothing.
  std::vector<file_value> empty_groups;
  std::vector<fault> faults;
};

/// `path` is for faults. A file that is not TOML gives one fault and no values.
[[nodiscard]] file_content parse_file(std::string_view text, const std::string& path);

} // namespace baton::config
