// From the command line, the environment and a file to options: default < file < environment < flag. Everything from outside
// comes in with the call, so that the same call gives the same result. Any thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/fault.hpp"
#include "config/options.hpp"

namespace baton::config {

/// What the command line asks for; the first of these that stands there: help, version, dump, check.
enum class action : std::uint8_t { run, check_config, dump_config, help, version };

struct unreadable {
  std::string why;
};
using file_text = std::variant<std::string, unreadable>;

/// Of a configuration file; a larger one is unreadable.
inline constexpr std::size_t file_bytes_max = 1024 * 1024;

/// The file at `path`, from the disk.
[[nodiscard]] file_text read_file(const std::string& path);
/// Why the machine would not run `program`, an absolute path or a name that is looked up on `path` (as PATH is written; empty: the
/// system's own); nothing if it would. From the disk.
[[nodiscard]] std::optional<std::string> why_not_runnable(const std::string& program, const std::string& path);
/// A copy of this process's environment.
[[nodiscard]] std::map<std::string, std::string> environment();

struct invocation {
  /// Without the program's name.
  std::vector<std::string> args;
  std::map<std::string, std::string> environment;
  std::function<file_text(const std::string& path)> read = read_file;
  std::function<std::optional<std::string>(const std::string& program, const std::string& path)> why_not_runnable =
      config::why_not_runnable;
};

struct loaded {
  baton::options options;
  /// With `help` and `version` the options are the bare defaults, and nothing was checked.
  action wanted = action::run;
  /// What a node can live with, but a person should know: runners' programs that cannot be run now. With `check_config` these are
  /// faults like all others.
  std::vector<fault> doubts;
};

/// Options that are within all bounds, or everything that is wrong, in the order file, environment, flags, relations.
using load_result = std::variant<loaded, std::vector<fault>>;
[[nodiscard]] load_result load(const invocation& by);

/// A TOML file that loads back to the same options, with each row's help as a comment. It holds what the options hold: a
/// password in a URL, a runner's environment.
[[nodiscard]] std::string dump(options of);

/// For --help: every option with default, bounds, flag and variable.
[[nodiscard]] std::string help(std::string_view program);
[[nodiscard]] std::string_view version();

} // namespace baton::config
