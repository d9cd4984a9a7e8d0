#include "ops/baton/interrupt.hpp"

namespace baton::cli {
namespace {

volatile sig_atomic_t asked = 0;
void remember(int) { asked = 1; }

} // namespace

interrupt::interrupt() {
  asked = 0;
  struct sigaction now {};
  now.sa_handler = remember;
  sigaction(SIGINT, &now, &before_);
}

interrupt::~interrupt() { sigaction(SIGINT, &before_, nullptr); }

bool interrupt::came() noexcept { return asked != 0; }

} // namespace baton::cli
