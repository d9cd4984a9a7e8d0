// The machine's own clocks, for the command line.
#pragma once

#include "actors/ports/clock.hpp"

namespace baton::cli {

class system_clock final : public clock {
public:
  [[nodiscard]] instant now() const override;
  [[nodiscard]] monotonic_instant monotonic_now() const override;
};

} // namespace baton::cli
