#include "tests/bench/node_under_test.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace baton::bench {
namespace {

std::string read_all(const std::filesystem::path& file) {
  std::ifstream in{file};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

} // namespace

node_under_test::node_under_test(const std::string& program, const std::string& url, const std::filesystem::path& dir) {
  const auto out = (dir / "batond.log").string();
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  std::array<std::string, 5> words{program, "--nats", url, "--data-dir", (dir / "data").string()};
  std::array<char*, 6> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
  const int failed = posix_spawn(&process_, program.c_str(), &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) throw std::runtime_error("cannot start " + program);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (read_all(out).find("ready: owns") == std::string::npos) {
    if (std::chrono::steady_clock::now() > until || waitpid(process_, nullptr, WNOHANG) == process_) {
      throw std::runtime_error("batond does not listen:\n" + read_all(out));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
}

node_under_test::~node_under_test() {
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

void node_under_test::pause() const { kill(process_, SIGSTOP); }
void node_under_test::resume() const { kill(process_, SIGCONT); }
double node_under_test::cpu_seconds() const { return cpu_seconds_of(process_); }

double cpu_seconds_of(pid_t process) {
  auto text = read_all("/proc/" + std::to_string(process) + "/stat");
  // The name in parentheses may hold blanks; utime and stime are the 12th and 13th fields behind it.
  std::istringstream fields{text.substr(text.rfind(')') + 1)};
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

} // namespace baton::bench
