// This process's own environment: the one place of bridge that reads it. Only before or beside threads that do not change it;
// nothing here does.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace baton {

/// Each "NAME=value".
[[nodiscard]] std::vector<std::string> whole_environment();
[[nodiscard]] std::optional<std::string> environment_value(std::string_view name);

} // namespace baton
