// Turns a callback's result into something a test can wait for.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <utility>

namespace baton::support {

template <class T>
class waited {
public:
  /// The callback to hand over; calling it a second time throws.
  [[nodiscard]] auto to() {
    return [promise = promise_](T result) { promise->set_value(std::move(result)); };
  }
  /// The result; throws if it has not come within 20 s.
  [[nodiscard]] T get() {
    auto future = promise_->get_future();
    if (future.wait_for(std::chrono::seconds{20}) != std::future_status::ready)
      throw std::runtime_error("no callback in 20 s");
    return future.get();
  }

private:
  std::shared_ptr<std::promise<T>> promise_ = std::make_shared<std::promise<T>>();
};

} // namespace baton::support
