#include "bridge/process/deadline.hpp"

#include <poll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace baton {

using std::chrono::milliseconds;

deadline::deadline(milliseconds from_now) : fd_(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {
  if (!fd_) throw std::system_error(errno, std::generic_category(), "timerfd_create");
  restart(from_now);
}

void deadline::restart(milliseconds from_now) { arm(0, from_now); }

void deadline::end_at(monotonic_instant when) { arm(TFD_TIMER_ABSTIME, when.time_since_epoch()); }

void deadline::arm(int flags, milliseconds value) {
  const auto ms = std::max<milliseconds::rep>(value.count(), 0);
  itimerspec spec{};
  spec.it_value.tv_sec = ms / 1000;
  // All zero would disarm the timer instead of letting it pass at once.
  spec.it_value.tv_nsec = ms == 0 ? 1 : (ms % 1000) * 1'000'000;
  ::timerfd_settime(fd_.get(), flags, &spec, nullptr);
  armed_ = true;
}

void deadline::disarm() {
  const itimerspec never{};
  ::timerfd_settime(fd_.get(), 0, &never, nullptr);
  armed_ = false;
}

milliseconds deadline::left() const {
  if (!armed_) return milliseconds::max();
  itimerspec now{};
  ::timerfd_gettime(fd_.get(), &now);
  return milliseconds{now.it_value.tv_sec * 1000 + (now.it_value.tv_nsec + 999'999) / 1'000'000};
}

bool deadline::passed() const { return left() == milliseconds::zero(); }

bool wait_until(milliseconds patience, const std::function<bool()>& happened, milliseconds every) {
  const deadline end{patience};
  while (!happened()) {
    const auto left = end.left();
    if (left == milliseconds::zero()) return happened();
    pollfd until{.fd = end.fd(), .events = POLLIN, .revents = 0};
    ::poll(&until, 1, static_cast<int>(std::min(left, every).count()));
  }
  return true;
}

} // namespace baton
