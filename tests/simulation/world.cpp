#include "tests/simulation/world.hpp"

#include <algorithm>
#include <utility>

namespace baton::simulation {
namespace {

/// Mail may wait while time goes on by so much at once, as on a busy machine.
constexpr sim_time hurry = 20;

} // namespace

void world::at(sim_time when, std::function<void()> what) {
  due_.push_back({std::max(when, now_), ++order_, std::move(what)});
  std::push_heap(due_.begin(), due_.end(), later{});
}

void world::make_ready(std::shared_ptr<actor> who) { ready_.push_back(std::move(who)); }

void world::thaw(process& p) {
  p.is_paused = false;
  for (auto& who : std::exchange(p.frozen, {})) ready_.push_back(std::move(who));
}

void world::kill(process& p) {
  if (!std::exchange(p.is_alive, false)) return;
  p.frozen.clear();
  if (on_death) on_death(p);
}

void world::crash_place(process& p) {
  if (p.dies_in == 0 || --p.dies_in > 0) return;
  throw process_died{};
}

bool world::step() {
  ++steps_;
  while (!ready_.empty()) {
    const bool may_hurry = !due_.empty() && due_.front().at <= now_ + hurry;
    if (may_hurry && one_in(8)) break;
    const auto which = pick(ready_.size());
    auto& who = ready_[which];
    const bool is_frozen = who->process_.is_paused && !who->is_over();
    if (is_frozen) who->process_.frozen.push_back(who);
    if (!is_frozen && !who->is_over() && !who->mail_.empty()) {
      run_mail(which);
      return true;
    }
    std::swap(who, ready_.back());
    ready_.pop_back();
  }
  if (due_.empty()) return false;
  run_due();
  return true;
}

void world::run_mail(std::size_t which) {
  const auto who = ready_[which];
  const auto what = std::move(who->mail_.front());
  who->mail_.pop_front();
  if (who->mail_.empty()) {
    std::swap(ready_[which], ready_.back());
    ready_.pop_back();
  }
  try {
    what();
  } catch (const process_died&) {
    kill(who->process_);
  }
}

void world::run_due() {
  std::pop_heap(due_.begin(), due_.end(), later{});
  const auto next = std::move(due_.back());
  due_.pop_back();
  now_ = std::max(now_, next.at);
  next.what();
}

void actor::post(std::function<void()> what) {
  if (is_over()) return;
  mail_.push_back(std::move(what));
  // One that was taken out of the line in the middle of its own step comes back in.
  if (mail_.size() == 1) world_.make_ready(shared_from_this());
}

void actor::post_after(milliseconds wait, std::function<void()> what) {
  const auto true_wait = wait.count() * 1'000 / process_.clock_rate + 1;
  world_.after(true_wait, [weak = weak_from_this(), what = std::move(what)]() mutable {
    if (const auto me = weak.lock()) me->post(std::move(what));
  });
}

void actor::quit() {
  is_over_ = true;
  mail_.clear();
}

} // namespace baton::simulation
