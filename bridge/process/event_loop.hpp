// One thread that waits for programs, pipes and timers, and does nothing that could block it for long.
#pragma once

#include <uv.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "bridge/process/uv_handles.hpp"

namespace baton {

class event_loop {
public:
  /// Starts the thread. Throws std::system_error if the system has no room for it.
  event_loop();
  /// What was posted is still done; then the thread ends. All handles must have been given up by then.
  ~event_loop();
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

  /// Runs `task` on the loop's thread, later, in the order of the calls. Any thread. Not during or after destruction.
  /// Programs that speak and timers have their turn after every `posted_per_turn` tasks, however many wait: to start a program
  /// takes milliseconds, and a take-over starts hundreds.
  void post(std::function<void()> task);
  static constexpr std::size_t posted_per_turn = 8;

  // The rest: only on the loop's thread.

  [[nodiscard]] uv_loop_t* loop() { return &loop_; }
  /// For what is read next, by whoever reads: only valid within one callback.
  [[nodiscard]] uv_buf_t read_buffer() { return ::uv_buf_init(buffer_.data(), static_cast<unsigned>(buffer_.size())); }

private:
  void run();
  void do_posted();

  uv_loop_t loop_{};
  std::array<char, 64UL * 1024> buffer_{};
  uv_async_t* wake_ = nullptr;
  std::mutex lock_;
  std::deque<std::function<void()>> posted_;
  bool stopping_ = false;
  std::thread thread_;
};

/// Calls back once, unless it is set again or stopped before. Only on the loop's thread; giving it up stops it.
class loop_timer {
public:
  loop_timer(event_loop& on, std::function<void()> then);
  loop_timer(const loop_timer&) = delete;
  loop_timer& operator=(const loop_timer&) = delete;
  void set(std::chrono::milliseconds from_now);
  void stop();
  [[nodiscard]] bool is_set() const;

private:
  std::function<void()> then_;
  uv_owned<uv_timer_t> timer_;
};

} // namespace baton
