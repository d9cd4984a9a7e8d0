// Time as the shells see it. Machines never ask: it comes in with their input. Any thread.
#pragma once

#include "messages/instant.hpp"

namespace baton {

class clock {
public:
  virtual ~clock() = default;
  [[nodiscard]] virtual instant now() const = 0;
  /// Since the machine started, the time that it was suspended included: CLOCK_BOOTTIME, so that programs on the same machine
  /// can be told when something ends.
  [[nodiscard]] virtual monotonic_instant monotonic_now() const = 0;
};

} // namespace baton
