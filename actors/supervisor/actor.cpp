#include "actors/supervisor/actor.hpp"

#include <algorithm>
#include <utility>

#include "actors/execution/actor.hpp"

namespace baton::actors {

namespace {
constexpr std::chrono::milliseconds sweep_every{250};
}

supervisor_actor::supervisor_actor(caf::actor_config& config, std::shared_ptr<const services> with)
    : caf::event_based_actor(config), with_(std::move(with)), slots_(with_->slots) {
  set_down_handler([this](const caf::down_msg& down) { on_down(down); });
}

caf::behavior supervisor_actor::make_behavior() {
  return {
      [this](slot_wanted& in) {
        slots_.want(in.execution, in.suspect);
        known_[in.execution].session = std::move(in.session);
        grant();
      },
      [this](const slot_freed& in) { free(in.execution); },
      [this](launch_wanted& in) { start(std::move(in.request)); },
      [this](const boundary_answered& order) { pass_on(order); },
      [this](const execution_asked& order) { pass_on(order); },
      [this](const execution_aborted& order) { pass_on(order); },
      [this](const slice_over& in) {
        if (const auto found = known_.find(in.execution); found != known_.end()) found->second.over = true;
      },
      [this](sweep_slices) { sweep(); },
  };
}

void supervisor_actor::on_exit() {
  for (auto& [id, holder] : known_) {
    if (holder.execution) send_exit(holder.execution, caf::exit_reason::kill);
  }
  for (auto& execution : idle_) send_exit(execution, caf::exit_reason::kill);
  known_.clear();
  idle_.clear();
}

void supervisor_actor::grant() {
  while (auto execution = slots_.grant()) {
    send(known_[*execution].session, session_input{session::slot_granted{*execution}});
  }
}

void supervisor_actor::start(slice_request request) {
  const auto execution = request.routing.execution;
  const auto found = known_.find(execution);
  if (found == known_.end()) return;
  auto& holder = found->second;
  const auto now = with_->clock->now();
  // The runner keeps its own limit; this is for one that does not.
  holder.abort_at = now + request.policy.time_limit + 2 * with_->limits.settle;
  young_.push_back({execution, now});
  with_->metrics->count(counter::slices_started);
  if (idle_.empty()) {
    holder.execution = spawn<execution_actor, caf::monitored>(with_, caf::actor_cast<caf::actor>(this));
  } else {
    holder.execution = std::move(idle_.back());
    idle_.pop_back();
  }
  send(holder.execution, run_slice{std::move(request), holder.session});
  sweep_later();
}

void supervisor_actor::free(const execution_id& execution) {
  const auto found = known_.find(execution);
  if (found == known_.end()) return;
  auto& holder = found->second;
  if (holder.execution && holder.over) {
    idle_.push_back(std::move(holder.execution));
  } else if (holder.execution) {
    demonitor(holder.execution);
    send_exit(holder.execution, caf::exit_reason::user_shutdown);
  }
  known_.erase(found);
  slots_.free(execution);
  grant();
}

void supervisor_actor::on_down(const caf::down_msg& down) {
  std::erase(idle_, down.source);
  const auto found = std::ranges::find_if(known_, [&](const auto& one) { return one.second.execution == down.source; });
  if (found == known_.end()) return;
  auto& [execution, holder] = *found;
  holder.execution = nullptr;
  if (holder.over) return;
  slice_end end{lost{"the execution actor died: " + to_string(down.reason)}, {}, std::nullopt};
  send(holder.session, session_input{session::slice_ended{execution, std::move(end)}});
}

void supervisor_actor::sweep_later() {
  if (sweeping_) return;
  sweeping_ = true;
  delayed_send(this, sweep_every, sweep_slices{});
}

void supervisor_actor::sweep() {
  sweeping_ = false;
  const auto now = with_->clock->now();
  while (!young_.empty()) {
    const auto& oldest = young_.front();
    const auto found = known_.find(oldest.execution);
    if (found != known_.end()) {
      if (now - oldest.at < with_->slice_commit_after) break;
      send(found->second.session, session_input{session::slice_grew_old{oldest.execution}});
    }
    young_.pop_front();
  }
  bool is_any_running = false;
  for (const auto& [execution, holder] : known_) {
    if (!holder.execution || holder.over) continue;
    is_any_running = true;
    if (now >= holder.abort_at) send(holder.execution, execution_aborted{execution, "the slice's time limit"});
  }
  if (is_any_running || !young_.empty()) sweep_later();
}

template <class Order>
void supervisor_actor::pass_on(const Order& order) {
  const auto found = known_.find(order.execution);
  if (found != known_.end() && found->second.execution) send(found->second.execution, order);
}

} // namespace baton::actors
