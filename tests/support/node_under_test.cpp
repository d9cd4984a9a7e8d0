#include "tests/support/node_under_test.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>

extern char** environ;

namespace baton::support {
namespace {

std::string read_all(const std::filesystem::path& file) {
  std::ifstream in{file};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Until the end, or until it is told to stop: programs that outlive the node for a moment may hold the other end.
void read_on(int output, const std::stop_token& stop) {
  constexpr int look_every_ms = 50;
  while (!stop.stop_requested()) {
    pollfd in{output, POLLIN, 0};
    char some[4096];
    if (poll(&in, 1, look_every_ms) == 1 && read(output, some, sizeof some) <= 0) return;
  }
}

} // namespace

node_under_test::node_under_test(const std::string& program, const std::string& url, const std::filesystem::path& dir,
                                 std::vector<std::string> more) {
  int ends[2] = {};
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, ends[1], 1);
  posix_spawn_file_actions_adddup2(&files, ends[1], 2);
  std::vector<std::string> words{program, "--nats", url, "--data-dir", (dir / "data").string()};
  words.insert(words.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int failed = posix_spawn(&process_, program.c_str(), &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  close(ends[1]);
  output_ = ends[0];
  if (failed != 0) throw std::runtime_error("cannot start " + program);
  std::string said;
  while (said.find("ready: owns") == std::string::npos) {
    pollfd in{output_, POLLIN, 0};
    char some[4096];
    const auto n = poll(&in, 1, 60'000) == 1 ? read(output_, some, sizeof some) : 0;
    if (n <= 0) {
      kill();
      close(output_);
      throw std::runtime_error("batond does not get ready:\n" + said);
    }
    said.append(some, static_cast<std::size_t>(n));
  }
  reader_ = std::jthread{[output = output_](const std::stop_token& stop) { read_on(output, stop); }};
}

node_under_test::~node_under_test() {
  kill();
  reader_.request_stop();
  reader_.join();
  close(output_);
}

void node_under_test::send(int signal) const {
  // One that has ended has no number any more, and -1 would mean everybody.
  if (process_ > 0) ::kill(process_, signal);
}

int node_under_test::end(int signal) {
  int status = 0;
  send(signal);
  if (process_ > 0) waitpid(process_, &status, 0);
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void node_under_test::pause() const { send(SIGSTOP); }
void node_under_test::resume() const { send(SIGCONT); }
void node_under_test::kill() { end(SIGKILL); }
int node_under_test::drain() { return end(SIGTERM); }

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

} // namespace baton::support
