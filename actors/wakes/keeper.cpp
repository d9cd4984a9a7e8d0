#include "actors/wakes/keeper.hpp"

#include <caf/send.hpp>
#include <string>
#include <utility>

#include "actors/crash_point.hpp"

namespace baton::actors {
namespace {

/// Worth a line in the log when a partition is taken.
constexpr std::size_t many_wakes = 1'000;

} // namespace

template <class Answered>
auto wake_keeper::posting(wakes::wake_name name) {
  return [me = caf::actor_cast<caf::actor>(&self_), name = std::move(name)](auto result) {
    caf::anon_send(me, wakes_input{Answered{name, std::move(result)}});
  };
}

/// Carries out one effect. Exhaustive: a new effect does not compile without its line here.
struct wake_performing {
  wake_keeper& self;
  const services& with;

  void operator()(const wakes::load_page& e) const {
    const auto me = caf::actor_cast<caf::actor>(&self.self_);
    with.wakes->load(self.partition_, e.from, [me](wake_store::load_result result) {
      caf::anon_send(me, wakes_input{wakes::page_came{std::move(result)}});
    });
  }
  void operator()(const wakes::put& e) const {
    with.wakes->put(self.partition_, e.name.session, e.name.key, e.wake, e.expected, self.posting<wakes::put_answered>(e.name));
  }
  void operator()(const wakes::remove& e) const {
    with.wakes->remove(self.partition_, e.seq, self.posting<wakes::remove_answered>(e.name));
  }
  void operator()(const wakes::find& e) const {
    with.metrics->count(counter::wakes_looked_up);
    with.wakes->find(self.partition_, e.name.session, e.name.key, self.posting<wakes::find_answered>(e.name));
  }
  void operator()(const wakes::tell_stored& e) const {
    crash_point("wake.stored");
    with.metrics->count(counter::wakes_stored);
    self.to_.tell(e.name.session, session::wake_stored{e.name.key});
  }
  void operator()(const wakes::tell_removed& e) const {
    with.metrics->count(counter::wakes_removed);
    self.to_.tell(e.name.session, session::wake_removed{e.name.key});
  }
  void operator()(const wakes::fire& e) const {
    if (!self.to_.wake(e.name.session, session::wake_fired{e.name.key, e.due})) return;
    with.metrics->count(counter::wakes_fired);
    if (e.late) with.metrics->count(counter::wakes_fired_late);
  }
  void operator()(const wakes::report_unreadable& e) const {
    with.metrics->count(counter::wakes_unreadable, e.which.size());
    with.notices->say(severity::warning, std::to_string(e.which.size()) + " wakes of partition "
                                             + std::to_string(self.partition_.value)
                                             + " cannot be read and stay where they are, the first of them at sequence "
                                             + std::to_string(e.which.front().seq.value) + ", " + e.which.front().subject);
  }
  void operator()(const wakes::report_loaded& e) const {
    if (e.count < many_wakes) return;
    with.notices->say(severity::info,
                      "partition " + std::to_string(self.partition_.value) + " has " + std::to_string(e.count) + " wakes");
  }
  void operator()(const wakes::set_retry&) const {
    self.self_.delayed_send(&self.self_, with.retry_every, wakes_input{wakes::retry_is_due{}});
  }
  void operator()(const wakes::set_timer& e) const {
    self.self_.delayed_send(&self.self_, e.after, wakes_input{wakes::timer_is_due{e.number}});
  }
};

wake_keeper::wake_keeper(caf::event_based_actor& self, std::shared_ptr<const services> with, partition_id partition, outlets to)
    : self_(self), with_(std::move(with)), partition_(partition), to_(std::move(to)) {}

void wake_keeper::take(const wakes::input& in) {
  const auto effects = wakes::advance(state_, in, {with_->clock->now(), with_->clock->monotonic_now(), with_->wake_settings});
  for (const auto& e : effects) std::visit(wake_performing{*this, *with_}, e);
}

} // namespace baton::actors
