#include "actors/crash_point.hpp"

#ifdef BATON_CRASH_POINTS

#include <atomic>
#include <csignal>
#include <stdexcept>
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

/// It is this one's turn.
bool is_due(std::string_view label) {
  auto& point = armed();
  return point.left > 0 && point.label == label && point.left.fetch_sub(1) == 1;
}

} // namespace

void arm_crash_point(std::string_view label, std::uint64_t nth) {
  armed().label = label;
  armed().left = nth;
}

void crash_point(std::string_view label) {
  if (is_due(label)) std::raise(SIGKILL);
}

void bug_point(std::string_view label) {
  if (is_due(label)) throw std::logic_error{"a test wanted a bug at " + std::string{label}};
}

} // namespace baton

#endif
