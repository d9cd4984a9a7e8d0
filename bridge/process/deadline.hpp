// A countdown that the kernel keeps: what waits for an event bounds its wait with one, and nobody compares clocks.
#pragma once

#include <chrono>
#include <functional>

#include "bridge/process/unique_fd.hpp"

namespace baton {

/// Counts from its construction, also while the machine is suspended. One thread at a time.
class deadline {
public:
  /// Zero or less has passed at once.
  explicit deadline(std::chrono::milliseconds from_now);

  void restart(std::chrono::milliseconds from_now);
  /// Never passes until `restart`.
  void disarm();
  /// Zero once it has passed; the largest value if it is disarmed.
  [[nodiscard]] std::chrono::milliseconds left() const;
  [[nodiscard]] bool passed() const;
  /// Readable for poll(2) once the countdown has passed.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

private:
  unique_fd fd_;
  bool armed_ = false;
};

/// Asks `happened` again and again, at most every `every`, until it says yes (true) or `patience` has passed (false).
/// For what has no event to wait for: other processes' ends, as /proc shows them.
[[nodiscard]] bool wait_until(std::chrono::milliseconds patience, const std::function<bool()>& happened,
    std::chrono::milliseconds every = std::chrono::milliseconds{5});

} // namespace baton
