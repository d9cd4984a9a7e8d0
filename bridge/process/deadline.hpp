// A countdown that the kernel keeps: what waits for an event bounds its wait with one, and nobody compares clocks.
#pragma once

#include <chrono>
#include <functional>

#include "bridge/process/unique_fd.hpp"
#include "messages/instant.hpp"

namespace baton {

/// Counts from its construction, also while the machine is suspended. One thread at a time.
class deadline {
public:
  /// Zero or less has passed at once.
  explicit deadline(std::chrono::milliseconds from_now);

  void restart(std::chrono::milliseconds from_now);
  /// Passes when the clock since boot (CLOCK_BOOTTIME) shows `when`; at once if it shows more.
  void end_at(monotonic_instant when);
  /// Never passes until `restart` or `end_at`.
  void disarm();
  /// Zero once it has passed; the largest value if it is disarmed.
  [[nodiscard]] std::chrono::milliseconds left() const;
  [[nodiscard]] bool passed() const;
  /// Readable for poll(2) once the countdown has passed.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

private:
  void arm(int flags, std::chrono::milliseconds value);

  unique_fd fd_;
  bool armed_ = false;
};

/// Asks `happened` again and again, at most every `every`, until it says yes (true) or `patience` has passed (false).
/// For what has no event to wait for: other processes' ends, as /proc shows them.
[[nodiscard]] bool wait_until(std::chrono::milliseconds patience, const std::function<bool()>& happened,
    std::chrono::milliseconds every = std::chrono::milliseconds{5});

} // namespace baton
