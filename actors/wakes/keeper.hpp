// Between the machine of a partition's wakes and the world: performs its effects for the partition's actor, which hands it every
// `wakes_input`. Lives and dies inside that actor, on its thread.
#pragma once

#include <caf/event_based_actor.hpp>
#include <functional>
#include <memory>

#include "actors/messages.hpp"
#include "actors/services.hpp"
#include "actors/wakes/machine.hpp"

namespace baton::actors {

class wake_keeper {
public:
  struct outlets {
    /// To the session, which is started for it. False: not now; `session_was_lost`, or the partition's next owner, comes later.
    std::function<bool(const session_id&, session::input)> wake;
    /// To the session if it is in memory.
    std::function<void(const session_id&, session::input)> tell;
  };
  /// Borrows `self`, whose member it is.
  wake_keeper(caf::event_based_actor& self, std::shared_ptr<const services> with, partition_id partition, outlets to);

  void take(const wakes::input& in);

private:
  friend struct wake_performing;
  /// A callback for the store: its result comes back as an input.
  template <class Answered>
  auto posting(wakes::wake_name name);

  caf::event_based_actor& self_;
  std::shared_ptr<const services> with_;
  partition_id partition_;
  outlets to_;
  wakes::state state_;
};

} // namespace baton::actors
