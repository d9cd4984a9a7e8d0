// Runs one slice: starts the runner, hands its reports to the session, and passes orders on. Lives from the launch to the
// end of the slice; when it ends early, the runner is stopped with it.
#pragma once

#include <caf/event_based_actor.hpp>
#include <memory>

#include "actors/messages.hpp"
#include "actors/services.hpp"

namespace baton::actors {

class execution_actor : public caf::event_based_actor {
public:
  execution_actor(caf::actor_config& config, std::shared_ptr<const services> with, slice_request request, caf::actor session);
  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "execution"; }

private:
  void report(session::input in);
  void finish(slice_end end);

  std::shared_ptr<const services> with_;
  slice_request request_;
  caf::actor session_;
  std::unique_ptr<running_slice> running_;
};

} // namespace baton::actors
