#include "actors/supervisor/actor.hpp"

#include <algorithm>
#include <caf/send.hpp>
#include <string>
#include <utility>

#include "actors/execution/actor.hpp"

namespace baton::actors {

namespace {
constexpr std::chrono::milliseconds sweep_every{250};
}

supervisor_actor::supervisor_actor(caf::actor_config& config, std::shared_ptr<const services> with)
    : caf::event_based_actor(config), with_(std::move(with)), slots_(with_->slots), reserve_(with_->log_reserve) {
  set_down_handler([this](const caf::down_msg& down) { on_down(down); });
}

caf::behavior supervisor_actor::make_behavior() {
  if (with_->gauge != nullptr) watch_log();
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
  while (auto execution = slots_.grant()) {
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
  holder.launched_at = now;
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
  if (found == known_.end() || found->second.freed) return;
  auto& holder = found->second;
  if (!holder.execution || holder.over) return end(execution);
  holder.freed = true;
  send(holder.execution, execution_aborted{execution, "it is no longer wanted"});
}

void supervisor_actor::end(const execution_id& execution) {
  const auto found = known_.find(execution);
  if (found->second.execution) idle_.push_back(std::move(found->second.execution));
  const auto waiting = held_back_.find(found->second.of);
  if (waiting != held_back_.end() && waiting->second.routing.execution == execution) held_back_.erase(waiting);
  known_.erase(found);
  slots_.free(execution);
  grant();
}

void supervisor_actor::stopped(const execution_id& execution) {
  const auto found = known_.find(execution);
  if (found == known_.end()) return;
  const auto session = found->second.of;
  found->second.over = true;
  if (found->second.freed) end(execution);
  running_.erase(session);
  if (auto next = held_back_.extract(session)) start(std::move(next.mapped()));
}

void supervisor_actor::on_down(const caf::down_msg& down) {
  std::erase(idle_, down.source);
  const auto found = std::ranges::find_if(known_, [&](const auto& one) { return one.second.execution == down.source; });
  if (found == known_.end()) return;
  auto& holder = found->second;
  holder.execution = nullptr;
  if (holder.over) return;
  if (!holder.freed) {
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
  share(now);
  bool is_any_running = false;
  for (const auto& [execution, holder] : known_) {
    if (!holder.execution || holder.over) continue;
    is_any_running = true;
    if (now >= holder.abort_at) send(holder.execution, execution_aborted{execution, "the slice's time limit"});
  }
  if (is_any_running || !young_.empty()) sweep_later();
}

void supervisor_actor::share(monotonic_instant now) {
  std::vector<std::pair<monotonic_instant, const execution_id*>> candidates;
  std::size_t asked = 0;
  for (auto& [execution, holder] : known_) {
    if (!holder.execution || holder.over || holder.freed) continue;
    if (!holder.asked && now - holder.launched_at >= with_->yield_after) ask_to_yield(execution, holder);
    if (holder.asked) {
      ++asked;
    } else if (now - holder.launched_at >= with_->share_after) {
      candidates.emplace_back(holder.launched_at, &execution);
    }
  }
  // The oldest first, and no more than wait; those that were asked before are on their way.
  std::ranges::sort(candidates, {}, &std::pair<monotonic_instant, const execution_id*>::first);
  for (const auto& [since, execution] : candidates) {
    if (asked >= slots_.waiting()) return;
    ask_to_yield(*execution, known_[*execution]);
    ++asked;
  }
}

void supervisor_actor::ask_to_yield(const execution_id& execution, record& holder) {
  holder.asked = true;
  send(holder.session, session_input{session::yield_wanted{execution}});
}

template <class Order>
void supervisor_actor::pass_on(const Order& order) {
  const auto found = known_.find(order.execution);
  if (found != known_.end() && found->second.execution) send(found->second.execution, order);
}

} // namespace baton::actors
