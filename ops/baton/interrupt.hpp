// Ctrl-C as something to look at instead of an end, while one of these lives. At most one at a time.
#pragma once

#include <signal.h>

namespace baton::cli {

class interrupt {
public:
  interrupt();
  ~interrupt();
  interrupt(const interrupt&) = delete;
  interrupt& operator=(const interrupt&) = delete;

  [[nodiscard]] static bool came() noexcept;

private:
  struct sigaction before_ {};
};

} // namespace baton::cli
