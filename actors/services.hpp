// What the actors of a node are given: the ports, and what was configured. Made by the wiring before the first actor;
// everything pointed to outlives the actor system.
#pragma once

#include <cstddef>
#include <cstdint>

#include "actors/ports/clock.hpp"
#include "actors/ports/dead_letters.hpp"
#include "actors/ports/event_sink.hpp"
#include "actors/ports/id_source.hpp"
#include "actors/ports/log_gauge.hpp"
#include "actors/ports/metrics.hpp"
#include "actors/ports/operator_log.hpp"
#include "actors/ports/runner.hpp"
#include "actors/ports/session_log.hpp"
#include "actors/ports/task_source.hpp"
#include "actors/ports/wake_store.hpp"
#include "actors/session/machine.hpp"
#include "actors/supervisor/slots.hpp"
#include "actors/wakes/machine.hpp"

namespace baton {

struct services {
  const baton::clock* clock = nullptr;
  baton::id_source* ids = nullptr;
  baton::session_log* log = nullptr;
  baton::task_source* source = nullptr;
  baton::dead_letters* dead = nullptr;
  baton::wake_store* wakes = nullptr;
  baton::event_sink* events = nullptr;
  baton::metrics* metrics = nullptr;
  baton::operator_log* notices = nullptr;
  const baton::runner_table* runners = nullptr;
  /// None: the log never counts as full.
  baton::log_gauge* gauge = nullptr;

  node_id node;
  session::limits limits;
  /// Slices that run at once on this node, and who may have how many of them.
  supervisor::slot_terms slots;
  wakes::settings wake_settings;
  /// A slice older than this is made known to the log.
  milliseconds slice_commit_after{1'000};
  /// A session without anything to do for this long leaves memory.
  milliseconds passivate_after{30'000};
  /// Between two attempts at what the broker did not take.
  milliseconds retry_every{500};
  /// The same for a dead letter: the more of them wait, the longer each does, so that all together ask for few at once.
  [[nodiscard]] milliseconds bury_again_after(std::size_t letters_waiting) const {
    constexpr std::size_t at_once = 64;
    return retry_every * static_cast<milliseconds::rep>(1 + letters_waiting / at_once);
  }
  /// Of the log, in bytes: no slice starts once less is free.
  std::uint64_t log_reserve = 0;
  /// How often that is looked at; a commit that the log refuses is a reason to look at once.
  milliseconds gauge_every{5'000};
  /// Inputs that wait while a session's append is in flight.
  std::size_t waiting_inputs_max = 16'384;
};

} // namespace baton
