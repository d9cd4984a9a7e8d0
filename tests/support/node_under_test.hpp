// A batond process on a given broker, for measuring. Killed with the object.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace baton::support {

class node_under_test {
public:
  /// Returns when it listens. Throws std::runtime_error with its output if it does not within 60 s. `more`: arguments for it.
  node_under_test(const std::string& program, const std::string& url, const std::filesystem::path& dir,
                  std::vector<std::string> more = {});
  ~node_under_test();
  node_under_test(const node_under_test&) = delete;
  node_under_test& operator=(const node_under_test&) = delete;

  /// SIGSTOP and SIGCONT: work piles up in the queue meanwhile. Keep it shorter than the lease.
  void pause() const;
  void resume() const;
  /// kill -9; returns when it is dead.
  void kill();
  /// SIGTERM; returns its exit code when it has ended by itself, which may take its whole `node.drain_timeout`.
  int drain();
  /// User and system time so far, in seconds.
  [[nodiscard]] double cpu_seconds() const;

private:
  void send(int signal) const;
  int end(int signal);

  /// -1: it has ended.
  pid_t process_ = -1;
  /// What it says. Read to its end, though nobody wants it: a node that many sessions are taken from says much, and one whose
  /// output is full stands still.
  int output_ = -1;
  std::jthread reader_;
};

/// Of any process.
[[nodiscard]] double cpu_seconds_of(pid_t process);

} // namespace baton::support
