#include "bridge/process/launch.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace baton {

namespace {

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (auto& text : texts)
    pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

class file_actions {
public:
  file_actions() { ::posix_spawn_file_actions_init(&of_); }
  ~file_actions() { ::posix_spawn_file_actions_destroy(&of_); }
  file_actions(const file_actions&) = delete;
  file_actions& operator=(const file_actions&) = delete;

  void give(int fd, int as) {
    if (fd < 0) {
      ::posix_spawn_file_actions_addopen(&of_, as, "/dev/null", O_RDWR, 0);
    } else {
      // Onto itself, too: that takes close-on-exec away.
      ::posix_spawn_file_actions_adddup2(&of_, fd, as);
    }
  }
  void go_to(const std::filesystem::path& folder) {
    if (!folder.empty()) ::posix_spawn_file_actions_addchdir_np(&of_, folder.c_str());
  }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &of_; }

private:
  posix_spawn_file_actions_t of_{};
};

class fresh_process {
public:
  fresh_process() {
    ::posix_spawnattr_init(&of_);
    sigset_t signals;
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&of_, &signals);
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&of_, &signals);
    ::posix_spawnattr_setflags(&of_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~fresh_process() { ::posix_spawnattr_destroy(&of_); }
  fresh_process(const fresh_process&) = delete;
  fresh_process& operator=(const fresh_process&) = delete;
  [[nodiscard]] const posix_spawnattr_t* get() const { return &of_; }

private:
  posix_spawnattr_t of_{};
};

bool move_above_standard(int& fd) {
  if (fd > 2) return true;
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  ::close(fd);
  fd = moved;
  return moved >= 0;
}

} // namespace

expected<launched, int> launch(const launch_order& order) {
  file_actions actions;
  actions.go_to(order.folder);
  actions.give(order.in, 0);
  actions.give(order.out, 1);
  actions.give(order.err, 2);
  for (const int fd : order.keep)
    actions.give(fd, fd);
  const fresh_process attributes;
  auto command = order.command;
  auto environment = order.environment;
  pid_t pid = 0;
  const int failure = ::posix_spawn(&pid, command[0].c_str(), actions.get(), attributes.get(),
      pointers_to(command).data(), pointers_to(environment).data());
  if (failure != 0) return unexpected{failure};
  // Our child until it is collected: the pid is its own, even if it has ended already.
  const auto state = read_process(pid);
  launched child{{pid, state ? state->key.started : 0}, watch_child(pid)};
  if (child.watch) return child;
  const int why = errno;
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return unexpected{why};
}

std::optional<int> collect(const launched& child) {
  int status = 0;
  pid_t ended = 0;
  do {
    ended = ::waitpid(child.key.pid, &status, WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended == 0) return std::nullopt;
  return ended < 0 ? 0 : status;
}

expected<pipe_ends, int> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return unexpected{errno};
  const bool first = move_above_standard(fds[0]);
  const bool both = move_above_standard(fds[1]) && first;
  pipe_ends ends{unique_fd{fds[0]}, unique_fd{fds[1]}};
  if (!both) return unexpected{EMFILE};
  return ends;
}

} // namespace baton
