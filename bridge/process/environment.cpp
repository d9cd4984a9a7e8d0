#include "bridge/process/environment.hpp"

#include <unistd.h>

namespace baton {

std::vector<std::string> whole_environment() {
  std::vector<std::string> settings;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at)
    settings.emplace_back(*at);
  return settings;
}

std::optional<std::string> environment_value(std::string_view name) {
  for (auto& setting : whole_environment()) {
    if (setting.size() > name.size() && setting.starts_with(name) && setting[name.size()] == '=') {
      return setting.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

} // namespace baton
