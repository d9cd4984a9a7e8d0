// A real nats-server with JetStream on a free loopback port, for tests. It dies with the fixture, or with the test.
// One thread at a time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace baton::support {

/// A directory under the system's place for temporary files; removed with all that is in it.
class temp_dir {
public:
  temp_dir();
  ~temp_dir();
  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

struct nats_server_options {
  /// Further lines of the server's configuration file: authorization, tls, limits.
  std::string more_config{};
  bool jetstream = true;
};

class nats_server {
public:
  /// Returns when the server is ready. Throws std::runtime_error with the server's log if it does not get there in 20 s.
  explicit nats_server(nats_server_options options = {});
  /// Kills the server, removes its store.
  ~nats_server();
  nats_server(const nats_server&) = delete;
  nats_server& operator=(const nats_server&) = delete;

  /// nats://127.0.0.1:<port>
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const std::filesystem::path& dir() const noexcept { return dir_.path(); }
  /// What the server has logged since it was started last.
  [[nodiscard]] std::string log() const;

  /// kill -9; returns when it is dead. The store stays. Nothing happens if it is dead already.
  void kill();
  /// Starts it again on the same port and store; returns when it is ready.
  void start();
  /// Like `start`, on a store that is empty.
  void start_empty();
  /// With another configuration from the next `start` on.
  void configure(nats_server_options options);
  /// The process stands still (SIGSTOP) when it returns, until `resume`: connections stay open, nothing is answered.
  void pause();
  void resume();

private:
  struct log_reader;

  void write_config() const;

  temp_dir dir_;
  nats_server_options options_;
  std::uint16_t port_ = 0;
  pid_t process_ = -1;
  std::unique_ptr<log_reader> log_;
};

} // namespace baton::support
