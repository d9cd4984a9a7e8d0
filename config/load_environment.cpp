// The one place that reads this process's environment and a configuration file, and looks whether a program is there.
#include "config/load.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
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

namespace {

std::optional<std::string> why_not_runnable_file(const std::string& file) {
  struct stat about {};
  if (::stat(file.c_str(), &about) != 0) return std::generic_category().message(errno);
  if (!S_ISREG(about.st_mode)) return "it is no file";
  if (::faccessat(AT_FDCWD, file.c_str(), X_OK, AT_EACCESS) != 0) return "it is not executable";
  return std::nullopt;
}

} // namespace

std::optional<std::string> why_not_runnable(const std::string& program, const std::string& path) {
  if (program.find('/') != std::string::npos) return why_not_runnable_file(program);
  std::istringstream folders{path.empty() ? "/bin:/usr/bin" : path};
  std::string found;
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto file = (folder.empty() ? "." : folder) + "/" + program;
    const auto why = why_not_runnable_file(file);
    if (!why) return std::nullopt;
    if (found.empty() && ::access(file.c_str(), F_OK) == 0) found = file + ": " + *why;
  }
  return found.empty() ? "no program of that name is on PATH" : found;
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
