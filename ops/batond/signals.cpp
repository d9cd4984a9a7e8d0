#include "ops/batond/signals.hpp"

#include <unistd.h>

namespace baton::batond {

stop_signals::stop_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigemptyset(&set_);
  sigaddset(&set_, SIGTERM);
  sigaddset(&set_, SIGINT);
  sigaddset(&set_, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

int stop_signals::wait() const {
  int taken = 0;
  while (sigwait(&set_, &taken) != 0) {}
  return taken;
}

bool stop_signals::wait_for(std::chrono::milliseconds at_most) const {
  const timespec patience{at_most.count() / 1000, at_most.count() % 1000 * 1'000'000};
  return sigtimedwait(&set_, nullptr, &patience) > 0;
}

void stop_signals::raise_stop() { kill(getpid(), SIGUSR1); }

} // namespace baton::batond
