#include "ops/baton/system_clock.hpp"

namespace baton::cli {

instant system_clock::now() const { return std::chrono::floor<milliseconds>(std::chrono::system_clock::now()); }

monotonic_instant system_clock::monotonic_now() const {
  return std::chrono::floor<milliseconds>(std::chrono::steady_clock::now());
}

} // namespace baton::cli
