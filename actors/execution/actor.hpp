// Runs one slice at a time: starts the runner, hands its reports to the session, and passes orders on. Between slices it waits
// for the next, which is another execution: whatever still comes of the one before is dropped. When the actor ends, the runner is
// stopped with it.
#pragma once

#include <caf/event_based_actor.hpp>
#include <memory>

#include "actors/messages.hpp"
#include "actors/services.hpp"

namespace baton::actors {

class execution_actor : public caf::event_based_actor {
public:
  execution_actor(caf::actor_config& config, std::shared_ptr<const services> with, caf::actor supervisor);
  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "execution"; }

private:
  void start(run_slice& order);
  [[nodiscard]] bool runs(const execution_id& execution) const { return running_ != nullptr && execution == execution_; }
  void finish(slice_end end);

  std::shared_ptr<const services> with_;
  caf::actor supervisor_;
  /// Of the slice at hand.
  execution_id execution_;
  caf::actor session_;
  std::unique_ptr<running_slice> running_;
};

} // namespace baton::actors
