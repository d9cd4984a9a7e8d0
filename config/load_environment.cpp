// The one place that reads this process's environment and a configuration file.
#include "config/load.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>
#include <unistd.h>

namespace baton::config {

file_text read_file(const std::string& path) {
  errno = 0;
  std::ifstream file{path, std::ios::binary};
  if (!file) return unreadable{std::generic_category().message(errno)};
  std::string text(file_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  // A folder opens, and only then refuses to be read.
  if (file.bad() || (file.fail() && !file.eof())) return unreadable{std::generic_category().message(errno)};
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > file_bytes_max) return unreadable{"larger than " + std::to_string(file_bytes_max) + " bytes"};
  return text;
}

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> variables;
  for (auto** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view pair{*at};
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    variables.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return variables;
}

} // namespace baton::config
