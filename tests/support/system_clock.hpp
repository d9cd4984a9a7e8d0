// The machine's own clocks, for tests that talk to real servers and programs.
#pragma once

#include "actors/ports/clock.hpp"

namespace baton::support {

class system_clock final : public clock {
public:
  [[nodiscard]] instant now() const override {
    return std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
  }
  [[nodiscard]] monotonic_instant monotonic_now() const override {
    return std::chrono::floor<milliseconds>(std::chrono::steady_clock::now());
  }
};

} // namespace baton::support
