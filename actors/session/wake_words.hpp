// What a session and its durable timers say to each other: inputs and effects of the session machine (machine.hpp).
#pragma once

#include "messages/ids.hpp"
#include "messages/instant.hpp"
#include "messages/wake.hpp"

namespace baton::session {

// ---- inputs
/// Its time has come, by the wall clock of whoever kept it. Comes again after a restart until the session wants it no more.
struct wake_fired {
  wake_key key;
  instant due;
};
/// As it was wanted.
struct wake_stored {
  wake_key key;
};
struct wake_removed {
  wake_key key;
};

// ---- effects
/// A durable timer; then `wake_stored`.
struct want_wake {
  wake_key key;
  baton::wake wake;
};
struct unwant_wake {
  wake_key key;
};

} // namespace baton::session
