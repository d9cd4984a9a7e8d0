// A real guard around a real program, with the ends of its pipes in the test's hands. One thread.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/process/guard_wire.hpp"
#include "bridge/process/launch.hpp"
#include "bridge/process/processes.hpp"
#include "bridge/process/unique_fd.hpp"
#include "messages/instant.hpp"

namespace baton::support {

/// How long a test waits for what must happen.
inline constexpr std::chrono::seconds patience{20};

/// In tests/support/programs.
[[nodiscard]] std::string test_program(const std::string& name);
/// The pid in a file, once it is there and complete; throws after `patience`.
[[nodiscard]] process_key process_in(const std::filesystem::path& file);
/// Waits until it has ended; false after `patience`.
[[nodiscard]] bool has_ended(const process_key& process);
/// Waits until the file is there; false after `patience`.
[[nodiscard]] bool appears(const std::filesystem::path& file);

class guarded {
public:
  struct order {
    std::vector<std::string> command;
    std::chrono::milliseconds lease = std::chrono::seconds{60};
    /// More of the guard's own arguments.
    std::vector<std::string> more{};
  };
  explicit guarded(const order& o);
  /// Kills the guard if it still runs.
  ~guarded();
  guarded(const guarded&) = delete;
  guarded& operator=(const guarded&) = delete;

  void send(std::string_view bytes);
  void send(char byte) { send({&byte, 1}); }
  /// The clock since boot.
  [[nodiscard]] static monotonic_instant now();
  void close_lease() { lease_.reset(); }
  /// Reads lines until one begins with `word`, and gives what follows; nothing if the guard ends before, throws after `patience`.
  [[nodiscard]] std::optional<std::string> wait_for(guard_wire::word word);
  /// Meanwhile renews the lease all the time, each time from now.
  [[nodiscard]] std::optional<std::string> renew_until(guard_wire::word word);
  /// The program, once it runs.
  [[nodiscard]] process_key program();
  [[nodiscard]] const process_key& guard() const { return child_.key; }
  /// All that the guard has said, read by the calls above.
  [[nodiscard]] const std::vector<std::string>& said() const { return said_; }

private:
  bool read_line(std::chrono::milliseconds longest);

  std::chrono::milliseconds lease_time_;
  unique_fd lease_;
  unique_fd status_;
  launched child_;
  std::string partial_;
  std::vector<std::string> said_;
  bool closed_ = false;
};

} // namespace baton::support
