#include "bridge/process/server_program.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <optional>
#include <sstream>
#include <system_error>
#include <vector>

#include "bridge/process/deadline.hpp"
#include "bridge/process/environment.hpp"
#include "bridge/process/launch.hpp"

namespace baton {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds answer_patience{10};
constexpr std::size_t answer_max = 4096;

struct version {
  int major = 0;
  int minor = 0;
  friend auto operator<=>(const version&, const version&) = default;
};
constexpr version oldest{2, 10};

bool can_run(const fs::path& file) {
  std::error_code failure;
  return fs::is_regular_file(file, failure) && ::access(file.c_str(), X_OK) == 0;
}

std::optional<fs::path> find(const std::string& name) {
  if (name.find('/') != std::string::npos) return can_run(name) ? std::optional{fs::absolute(name)} : std::nullopt;
  std::istringstream folders{environment_value("PATH").value_or("/usr/local/bin:/usr/bin:/bin")};
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty() && can_run(fs::path{folder} / name)) return fs::path{folder} / name;
  }
  std::error_code failure;
  const auto beside = fs::read_symlink("/proc/self/exe", failure).parent_path() / name;
  return can_run(beside) ? std::optional{beside} : std::nullopt;
}

/// What the program prints, as far as it comes in time.
std::string output_of(const std::vector<std::string>& command) {
  auto out = make_pipe();
  if (!out) return {};
  auto child = launch({.command = command, .environment = whole_environment(), .folder = "/", .out = out->write.get()});
  if (!child) return {};
  out->write.reset();
  const deadline until{answer_patience};
  std::string text;
  std::array<char, answer_max> bytes{};
  while (text.size() < answer_max && !until.passed()) {
    pollfd on{.fd = out->read.get(), .events = POLLIN, .revents = 0};
    if (::poll(&on, 1, static_cast<int>(until.left().count())) != 1) break;
    const auto got = ::read(out->read.get(), bytes.data(), bytes.size());
    if (got <= 0) break;
    text.append(bytes.data(), static_cast<std::size_t>(got));
  }
  signal_process(child->key, SIGKILL);
  (void)wait_until(answer_patience, [&] { return collect(*child).has_value(); });
  return text;
}

/// Of "nats-server: v2.10.27".
std::optional<version> version_in(const std::string& text) {
  const auto at = text.find(": v");
  if (at == std::string::npos) return std::nullopt;
  std::istringstream numbers{text.substr(at + 3)};
  version v;
  char dot = 0;
  if (!(numbers >> v.major >> dot >> v.minor) || dot != '.') return std::nullopt;
  return v;
}

} // namespace

expected<fs::path, std::string> find_server_program(const std::string& name) {
  const auto found = find(name);
  const std::string advice = "; ops/setup installs one, or name a broker that runs already with --nats URL";
  if (!found) return unexpected{"there is no program " + name + " on PATH" + advice};
  const auto text = output_of({found->string(), "--version"});
  const auto v = version_in(text);
  if (!v) return unexpected{found->string() + " --version does not answer like a nats-server" + advice};
  if (*v < oldest) {
    const auto number = [](const version& of) { return std::to_string(of.major) + "." + std::to_string(of.minor); };
    return unexpected{found->string() + " is nats-server " + number(*v) + ", too old: Baton needs " + number(oldest)
        + " or newer" + advice};
  }
  return *found;
}

} // namespace baton
