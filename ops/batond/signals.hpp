// Signals as values: SIGTERM and SIGINT are blocked in every thread and taken by one that waits for them. Made in main, before
// any other thread exists.
#pragma once

#include <chrono>
#include <csignal>

namespace baton::batond {

class stop_signals {
public:
  /// From here on neither signal ends the process by itself; SIGPIPE is ignored.
  stop_signals();
  /// Blocks until the next one has come: its number.
  [[nodiscard]] int wait() const;
  /// True: one has come, and is taken; false: `at_most` has passed.
  [[nodiscard]] bool wait_for(std::chrono::milliseconds at_most) const;
  /// Wakes `wait` as if SIGTERM had come; any thread.
  static void raise_stop();

private:
  sigset_t set_{};
};

} // namespace baton::batond
