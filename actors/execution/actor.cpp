#include "actors/execution/actor.hpp"

#include <caf/send.hpp>
#include <utility>

#include "actors/crash_point.hpp"

namespace baton::actors {
namespace {

/// Hears from the runner on its threads and posts. Live notes go straight to the observers.
class posting_listener : public slice_listener {
public:
  posting_listener(caf::actor to, event_sink& observers, const slice_request& request)
      : to_(std::move(to)), observers_(observers), of_(request.routing), live_(request.observers.live) {}

  void note(live_note n) override {
    if (live_) observers_.live(of_.session, of_.run, of_.execution, n);
  }
  void at_boundary(boundary b) override { caf::anon_send(to_, boundary_came{std::move(b)}); }
  void ended(slice_end end) override { caf::anon_send(to_, end_came{std::move(end)}); }

private:
  caf::actor to_;
  event_sink& observers_;
  slice_request::routing_group of_;
  bool live_;
};

} // namespace

execution_actor::execution_actor(caf::actor_config& config, std::shared_ptr<const services> with, slice_request request,
                                 caf::actor session)
    : caf::event_based_actor(config), with_(std::move(with)), request_(std::move(request)), session_(std::move(session)) {}

caf::behavior execution_actor::make_behavior() {
  auto* chosen = with_->runners->find(request_.routing.runner);
  if (chosen == nullptr) {
    // Admission knows the runners, so this node was configured anew since the task was admitted.
    finish({failed{reason::unknown_runner, request_.routing.runner, false}, {}, {}});
    return {};
  }
  auto listener = std::make_shared<posting_listener>(caf::actor_cast<caf::actor>(this), *with_->events, request_);
  running_ = chosen->start(request_, std::move(listener));
  crash_point("slice.started");
  return {
      [this](boundary_came& came) { report(session::boundary_reached{request_.routing.execution, std::move(came.at)}); },
      [this](end_came& came) { finish(std::move(came.end)); },
      [this](const boundary_answered& order) { running_->answer(order.order); },
      [this](const execution_asked& order) { running_->ask(order.order); },
      [this](const execution_aborted& order) { running_->abort({order.because}); },
  };
}

void execution_actor::report(session::input in) { send(session_, session_input{std::move(in)}); }

void execution_actor::finish(slice_end end) {
  report(session::slice_ended{request_.routing.execution, std::move(end)});
  quit();
}

void execution_actor::on_exit() {
  running_.reset();
  session_ = nullptr;
}

} // namespace baton::actors
