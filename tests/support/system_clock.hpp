// The machine's own clocks, for tests that talk to real servers and programs.
#pragma once

#include <time.h>

#include <cstdint>

#include "actors/ports/clock.hpp"

namespace baton::support {

class system_clock final : public clock {
public:
  [[nodiscard]] instant now() const override {
    return std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
  }
  [[nodiscard]] monotonic_instant monotonic_now() const override {
    timespec t{};
    clock_gettime(CLOCK_BOOTTIME, &t);
    return monotonic_instant{milliseconds{std::int64_t{t.tv_sec} * 1'000 + t.tv_nsec / 1'000'000}};
  }
};

} // namespace baton::support
