// CAF under its testing scheduler and a clock that is driven by hand: one thread, nothing happens between two calls of the
// test, and no test sleeps. Base of a test's fixture; what the fixture adds to `pumps` (the `run` of fakes) works along.
#pragma once

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "tests/support/fake_ports.hpp"

namespace baton::support {

class actor_world {
public:
  actor_world() {
    config_.set("scheduler.policy", caf::atom("testing"));
    config_.set("logger.inline-output", true);
    system_.emplace(config_);
  }
  /// A fixture whose actors or pumps use what the fixture owns calls `end_actors` in its own destructor.
  ~actor_world() { end_actors(); }
  actor_world(const actor_world&) = delete;
  actor_world& operator=(const actor_world&) = delete;

  [[nodiscard]] caf::actor_system& system() { return *system_; }
  /// Registers an actor for the end; one with a timer that nobody ends would hang the test.
  caf::actor keep(caf::actor a) {
    live_.push_back(a);
    return a;
  }
  void kill(const caf::actor& a) {
    caf::anon_send_exit(a, caf::exit_reason::kill);
    settle();
  }
  template <class Message>
  void tell(const caf::actor& to, Message m) {
    caf::anon_send(to, std::move(m));
    settle();
  }

  /// Runs until nothing is due any more.
  void settle() {
    for (bool busy = true; busy;) {
      busy = scheduler().run() > 0;
      for (const auto& pump : pumps) {
        busy = pump() > 0 || busy;
      }
    }
  }
  /// Time goes by, timer by timer.
  void advance(milliseconds by) {
    auto& timers = scheduler().clock();
    const auto end = timers.current_time + by;
    while (timers.has_pending_timeout() && timers.schedule().begin()->first <= end) {
      pass(std::max(timers.schedule().begin()->first, timers.current_time) - timers.current_time);
      settle();
    }
    pass(std::max(end, timers.current_time) - timers.current_time);
    settle();
  }
  /// The process stands still while time goes by; then it goes on, with whatever came first in its mailboxes.
  void stand_still(milliseconds by) { clock.advance(by); }

  void end_actors() {
    for (const auto& a : live_) {
      caf::anon_send_exit(a, caf::exit_reason::kill);
    }
    settle();
    live_.clear();
    pumps.clear();
  }

  hand_clock clock;
  std::vector<std::function<std::size_t()>> pumps;

private:
  [[nodiscard]] caf::scheduler::test_coordinator& scheduler() {
    return dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
  }
  /// Timers are due at whole milliseconds here, as all of ours are set.
  void pass(caf::timespan step) {
    clock.advance(std::chrono::floor<milliseconds>(step));
    scheduler().advance_time(step);
  }

  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  std::vector<caf::actor> live_;
};

} // namespace baton::support
