// One life of a private nats-server's process, from its start (by this node or by an earlier one) to its end. One thread.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "bridge/process/launch.hpp"
#include "bridge/process/unique_fd.hpp"
#include "messages/expected.hpp"

namespace baton {

struct server_start {
  std::filesystem::path guard;
  std::filesystem::path program;
  /// Holds server.conf already.
  std::filesystem::path folder;
  std::chrono::milliseconds outlive{0};
  std::chrono::milliseconds stop_patience{0};
};

class server_life {
public:
  /// The error is a sentence for a person.
  [[nodiscard]] static expected<server_life, std::string> begin(const server_start& with);
  /// The server that an earlier node left running in `folder`, and that now stays as long as this node; nothing: there is none.
  [[nodiscard]] static std::optional<server_life> take_over(const std::filesystem::path& folder);
  /// Kills what an earlier node left running in `folder`, in good order if it can be; false: something of it cannot be killed.
  [[nodiscard]] static bool clear(const std::filesystem::path& folder, std::chrono::milliseconds patience);

  /// Readable for poll(2) once it has ended.
  [[nodiscard]] int watch() const { return watch_.get(); }
  [[nodiscard]] bool has_ended() const;
  /// Of its guard.
  [[nodiscard]] const process_key& process() const { return guard_; }
  /// SIGTERM, and SIGKILL after `patience`; returns when nothing of it is left, or cannot be killed.
  void end(std::chrono::milliseconds patience);
  /// What it has logged in this life that tells most about why it ended; may be empty.
  [[nodiscard]] std::string last_words() const;

private:
  server_life() = default;

  std::filesystem::path folder_;
  unique_fd lease_;
  process_key guard_;
  unique_fd watch_;
  /// The guard is a child of this process.
  std::optional<launched> child_;
  /// Where in server.log this life begins.
  std::uintmax_t log_begin_ = 0;
};

} // namespace baton
