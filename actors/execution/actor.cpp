#include "actors/execution/actor.hpp"

#include <caf/sec.hpp>
#include <caf/send.hpp>
#include <exception>
#include <string>
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
  void at_boundary(boundary b) override { caf::anon_send(to_, boundary_came{of_.execution, std::move(b)}); }
  void ended(slice_end end) override { caf::anon_send(to_, end_came{of_.execution, std::move(end)}); }

private:
  caf::actor to_;
  event_sink& observers_;
  slice_request::routing_group of_;
  bool live_;
};

} // namespace

execution_actor::execution_actor(caf::actor_config& config, std::shared_ptr<const services> with, caf::actor supervisor)
    : caf::event_based_actor(config), with_(std::move(with)), supervisor_(std::move(supervisor)) {
  // What a runner throws ends this actor only, and is on record as the reason why the slice was lost.
  set_exception_handler([](caf::scheduled_actor*, std::exception_ptr& thrown) -> caf::error {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      return caf::make_error(caf::sec::runtime_error, std::string{e.what()});
    } catch (...) {
      return caf::make_error(caf::sec::runtime_error);
    }
  });
}

caf::behavior execution_actor::make_behavior() {
  return {
      [this](run_slice& order) { start(order); },
      [this](boundary_came& came) {
        if (runs(came.execution)) send(session_, session_input{session::boundary_reached{execution_, std::move(came.at)}});
      },
      [this](end_came& came) {
        if (runs(came.execution)) finish(std::move(came.end));
      },
      [this](boundary_answered& order) {
        if (runs(order.execution)) running_->answer(std::move(order.answer));
      },
      [this](const execution_asked& order) {
        if (runs(order.execution)) running_->ask(order.order);
      },
      [this](const execution_aborted& order) {
        if (runs(order.execution)) running_->abort({order.because});
      },
  };
}

void execution_actor::start(run_slice& order) {
  execution_ = order.request.routing.execution;
  session_ = std::move(order.session);
  auto* chosen = with_->runners->find(order.request.routing.runner);
  if (chosen == nullptr) {
    // Admission knows the runners, so this node was configured anew since the task was admitted.
    return finish({failed{reason::unknown_runner, order.request.routing.runner, false}, {}, {}});
  }
  auto listener = std::make_shared<posting_listener>(caf::actor_cast<caf::actor>(this), *with_->events, order.request);
  running_ = chosen->start(order.request, std::move(listener));
  crash_point("slice.started");
}

void execution_actor::finish(slice_end end) {
  running_.reset();
  send(supervisor_, slice_over{execution_});
  send(std::exchange(session_, nullptr), session_input{session::slice_ended{execution_, std::move(end)}});
}

void execution_actor::on_exit() {
  running_.reset();
  session_ = nullptr;
  supervisor_ = nullptr;
}

} // namespace baton::actors
