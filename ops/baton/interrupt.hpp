// Ctrl-C and SIGTERM as something to look at instead of an end, while one of these lives. At most one at a time.
#pragma once

#include <signal.h>

namespace baton::cli {

class interrupt {
public:
  interrupt();
  ~interrupt();
  interrupt(const interrupt&) = delete;
  interrupt& operator=(const interrupt&) = delete;

  /// The signal; 0: none came. The newest counts.
  [[nodiscard]] static int came() noexcept;

private:
  struct sigaction before_int_ {};
  struct sigaction before_term_ {};
};

} // namespace baton::cli
