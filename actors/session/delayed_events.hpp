// What happened to turns that wait for their `not_before`, as far as it is durable (events.hpp).
#pragma once

#include "actors/session/state.hpp"

namespace baton::session {

/// A turn is in the log until its time has come, it has ended, and what follows that is done.
struct turn_was_delayed {
  spilled_turn turn;
  task_id run;
  stream_seq message;
  /// Its task, hidden.
  entry task;
  instant at;
};
/// All that followed its end is done.
struct delayed_was_let_go {
  id_hash id;
  instant at;
};

} // namespace baton::session
