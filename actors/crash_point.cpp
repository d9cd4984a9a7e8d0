#include "actors/crash_point.hpp"

#ifdef BATON_CRASH_POINTS

#include <atomic>
#include <csignal>
#include <string>

namespace baton {
namespace {

struct armed_point {
  std::string label;
  std::atomic<std::uint64_t> left{0};
};

armed_point& armed() {
  static armed_point point;
  return point;
}

} // namespace

void arm_crash_point(std::string_view label, std::uint64_t nth) {
  armed().label = label;
  armed().left = nth;
}

void crash_point(std::string_view label) {
  auto& point = armed();
  if (point.left == 0 || point.label != label) return;
  if (point.left.fetch_sub(1) == 1) std::raise(SIGKILL);
}

} // namespace baton

#endif
