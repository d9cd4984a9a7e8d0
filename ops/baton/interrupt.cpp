#include "ops/baton/interrupt.hpp"

namespace baton::cli {
namespace {

volatile sig_atomic_t asked = 0;
void remember(int signal) { asked = signal; }

} // namespace

interrupt::interrupt() {
  asked = 0;
  struct sigaction now {};
  now.sa_handler = remember;
  sigaction(SIGINT, &now, &before_int_);
  sigaction(SIGTERM, &now, &before_term_);
}

interrupt::~interrupt() {
  sigaction(SIGINT, &before_int_, nullptr);
  sigaction(SIGTERM, &before_term_, nullptr);
}

int interrupt::came() noexcept { return asked; }

} // namespace baton::cli
