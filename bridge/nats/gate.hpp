// A one-time event that its waiter may destroy as soon as `wait` returns (a std::latch may still be notifying then).
#pragma once

#include <condition_variable>
#include <mutex>

namespace baton::nats {

class gate {
public:
  void open() {
    const std::lock_guard lock{mutex_};
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return open_; });
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

} // namespace baton::nats
