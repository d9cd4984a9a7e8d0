// A nats-server of the node's own, on loopback, with its store in the node's data directory: started, watched, started again
// when it ends, and stopped with the node. It runs under a guard. When the node is killed it lives on for a while, so that
// the next one takes it over with all its clients; if none comes it ends by itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "actors/ports/operator_log.hpp"
#include "messages/expected.hpp"

namespace baton {

struct private_server_options {
  /// Of its own; made if it is not there. Nobody else may use it meanwhile: the data directory is locked.
  std::filesystem::path folder{};
  /// A path, or a name on PATH or beside this process's program.
  std::string program = "nats-server";
  /// The program `baton-guard`.
  std::filesystem::path guard{};
  /// 0: the one of last time if it is free, else any.
  std::uint16_t port = 0;
  std::uint64_t max_payload = 1024UL * 1024;
  /// Zero: the server writes through to the disk before it acknowledges. None: its own default.
  std::optional<std::chrono::milliseconds> sync_interval{};
  /// Of its monitoring pages, on loopback; 0: none.
  std::uint16_t monitoring_port = 0;
  /// It reads its whole store before it answers.
  std::chrono::milliseconds start_patience = std::chrono::minutes{10};
  /// One that listens, but says nothing for this long, hangs; while it runs, one that answers nothing.
  std::chrono::milliseconds silence_max = std::chrono::seconds{10};
  /// How often a running one is asked whether it still answers.
  std::chrono::milliseconds ask_every = std::chrono::seconds{3};
  /// From SIGTERM to SIGKILL.
  std::chrono::milliseconds stop_patience = std::chrono::seconds{30};
  /// How long it waits for the next node after one was killed.
  std::chrono::milliseconds outlive = std::chrono::minutes{10};
  /// From an end to the next start; doubles while it does not stay up.
  std::chrono::milliseconds restart_first{200};
  std::chrono::milliseconds restart_longest = std::chrono::seconds{10};
};

class private_server {
public:
  /// Blocks until the server answers, or `gives_up`, which is asked again and again meanwhile, says so; then what was started
  /// is ended. Says on `log` how it goes. The error is a sentence for a person. `log` outlives this. Throws std::system_error
  /// if there is no descriptor or thread left.
  [[nodiscard]] static expected<std::unique_ptr<private_server>, std::string> start(private_server_options options,
      operator_log& log, std::function<bool()> gives_up = [] { return false; });
  /// Stops the server.
  ~private_server();
  private_server(const private_server&) = delete;
  private_server& operator=(const private_server&) = delete;

  /// With user and password; stays the same over restarts. Any thread.
  [[nodiscard]] const std::string& url() const;
  [[nodiscard]] std::uint16_t port() const;
  /// Returns when it is gone: asked first, killed after `stop_patience`. One thread, once; the destructor does it otherwise.
  void stop();

private:
  class keeper;
  explicit private_server(std::unique_ptr<keeper> k);
  std::unique_ptr<keeper> keeper_;
};

} // namespace baton
