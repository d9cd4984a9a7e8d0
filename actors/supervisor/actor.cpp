#include "actors/supervisor/actor.hpp"

#include <caf/send.hpp>
#include <string>
#include <utility>

#include "actors/execution/actor.hpp"

namespace baton::actors {

namespace {
constexpr std::chrono::milliseconds sweep_every{250};

std::vector<std::string> names_of(const std::map<std::string, supervisor::allowance, std::less<>>& tenants) {
  std::vector<std::string> names;
  for (const auto& [name, may] : tenants) names.push_back(name);
  return names;
}
} // namespace

supervisor_actor::supervisor_actor(caf::actor_config& config, std::shared_ptr<const services> with)
    : caf::event_based_actor(config), with_(std::move(with)), slots_(with_->slots),
      labels_(names_of(with_->slots.tenants)), reserve_(with_->log_reserve) {
  set_down_handler([this](const caf::down_msg& down) { on_down(down); });
}

caf::behavior supervisor_actor::make_behavior() {
  if (with_->gauge != nullptr) watch_log();
  return {
      [this](slot_wanted& in) {
        slots_.want(in.execution, in.on, with_->clock->monotonic_now());
        known_[in.execution].session = std::move(in.session);
        sweep_later();
        grant();
      },
      [this](const slot_freed& in) { free(in.execution); },
      [this](launch_wanted& in) { start(std::move(in.request)); },
      [this](const boundary_answered& order) { pass_on(order); },
      [this](const execution_asked& order) { pass_on(order); },
      [this](const execution_aborted& order) { pass_on(order); },
      [this](const slice_over& in) { stopped(in.execution); },
      [this](sweep_slices) { sweep(); },
      [this](read_log_room) { watch_log(); },
      [this](log_was_full) { read_log(); },
      [this](const log_room_came& came) { on_log_room(came); },
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

void supervisor_actor::watch_log() {
  read_log();
  delayed_send(this, with_->gauge_every, read_log_room{});
}

void supervisor_actor::read_log() {
  if (with_->gauge == nullptr || reading_log_) return;
  reading_log_ = true;
  with_->gauge->read([me = caf::actor_cast<caf::actor>(this)](std::optional<log_room> room) {
    caf::anon_send(me, log_room_came{room});
  });
}

void supervisor_actor::on_log_room(const log_room_came& came) {
  reading_log_ = false;
  if (!came.room || !reserve_.saw(*came.room)) return;
  if (!reserve_.is_reached()) {
    with_->notices->say(severity::warning, "the log has room again: slices start");
    return grant();
  }
  with_->metrics->count(counter::log_reserve_reached);
  with_->notices->say(severity::warning,
      "the log is nearly full: " + std::to_string(came.room->used) + " of " + std::to_string(came.room->most)
          + " bytes, of which streams.log_reserve keeps " + std::to_string(reserve_.kept_of(*came.room))
          + " free; no slice starts until there is more room (delete sessions, or raise the limit of BATON_LOG)");
}

void supervisor_actor::grant() {
  if (reserve_.is_reached()) return;
  const auto now = with_->clock->monotonic_now();
  while (auto execution = slots_.grant(now)) {
    send(known_[*execution].session, session_input{session::slot_granted{*execution}});
  }
}

void supervisor_actor::start(slice_request request) {
  const auto execution = request.routing.execution;
  const auto found = known_.find(execution);
  if (found == known_.end()) return;
  auto& holder = found->second;
  holder.of = request.routing.session;
  if (!running_.emplace(holder.of, execution).second) {
    held_back_.insert_or_assign(holder.of, std::move(request));
    return;
  }
  const auto now = with_->clock->monotonic_now();
  // The runner keeps its own limit; this is for one that does not.
  holder.at = stage::running;
  holder.abort_at = now + request.policy.time_limit + 2 * with_->limits.settle;
  slots_.launched(execution, now);
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
  if (found == known_.end() || found->second.at == stage::unwanted) return;
  auto& holder = found->second;
  if (holder.at != stage::running) return end(execution);
  holder.at = stage::unwanted;
  slots_.stopping(execution);
  send(holder.execution, execution_aborted{execution, "it is no longer wanted"});
}

void supervisor_actor::end(const execution_id& execution) {
  const auto found = known_.find(execution);
  if (found->second.execution) idle_.push_back(std::move(found->second.execution));
  const auto waiting = held_back_.find(found->second.of);
  if (waiting != held_back_.end() && waiting->second.routing.execution == execution) held_back_.erase(waiting);
  known_.erase(found);
  slots_.free(execution, with_->clock->monotonic_now());
  grant();
}

void supervisor_actor::stopped(const execution_id& execution) {
  const auto found = known_.find(execution);
  if (found == known_.end()) return;
  const auto session = found->second.of;
  const bool is_wanted = found->second.at != stage::unwanted;
  found->second.at = stage::over;
  slots_.stopping(execution);
  if (!is_wanted) end(execution);
  running_.erase(session);
  if (auto next = held_back_.extract(session)) start(std::move(next.mapped()));
}

void supervisor_actor::on_down(const caf::down_msg& down) {
  std::erase(idle_, down.source);
  const auto found = std::ranges::find_if(known_, [&](const auto& one) { return one.second.execution == down.source; });
  if (found == known_.end()) return;
  auto& holder = found->second;
  holder.execution = nullptr;
  if (holder.at == stage::over) return;
  if (holder.at == stage::running) {
    slice_end end{lost{"the execution actor died: " + to_string(down.reason)}, {}, std::nullopt};
    send(holder.session, session_input{session::slice_ended{found->first, std::move(end)}});
  }
  stopped(execution_id{found->first});
}

void supervisor_actor::sweep_later() {
  if (sweeping_) return;
  sweeping_ = true;
  delayed_send(this, sweep_every, sweep_slices{});
}

void supervisor_actor::sweep() {
  sweeping_ = false;
  const auto now = with_->clock->monotonic_now();
  while (!young_.empty()) {
    const auto& oldest = young_.front();
    const auto found = known_.find(oldest.execution);
    if (found != known_.end()) {
      if (now - oldest.at < with_->slice_commit_after) break;
      send(found->second.session, session_input{session::slice_grew_old{oldest.execution}});
    }
    young_.pop_front();
  }
  for (const auto& execution : slots_.to_yield(now, !reserve_.is_reached())) {
    send(known_[execution].session, session_input{session::yield_wanted{execution}});
  }
  for (const auto& [execution, holder] : known_) {
    if (holder.at != stage::running && holder.at != stage::unwanted) continue;
    if (now >= holder.abort_at) send(holder.execution, execution_aborted{execution, "the slice's time limit"});
  }
  with_->metrics->tenants_have(labels_.of(slots_.loads()));
  if (!known_.empty() || !young_.empty()) sweep_later();
}

template <class Order>
void supervisor_actor::pass_on(const Order& order) {
  const auto found = known_.find(order.execution);
  if (found != known_.end() && found->second.execution) send(found->second.execution, order);
}

} // namespace baton::actors
