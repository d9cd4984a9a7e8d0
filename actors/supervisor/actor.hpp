// Gives out slots as `slots` says, spawns execution actors, as many as run at once, and passes orders to them. It knows nothing
// of turns: only executions, who asked for them, and when they must end.
#pragma once

#include <caf/event_based_actor.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "actors/messages.hpp"
#include "actors/services.hpp"
#include "actors/supervisor/reserve.hpp"
#include "actors/supervisor/slots.hpp"
#include "actors/supervisor/tenant_labels.hpp"

namespace baton::actors {

class supervisor_actor : public caf::event_based_actor {
public:
  supervisor_actor(caf::actor_config& config, std::shared_ptr<const services> with);
  caf::behavior make_behavior() override;
  /// No execution outlives its supervisor.
  void on_exit() override;
  const char* name() const override { return "supervisor"; }

private:
  enum class stage : std::uint8_t {
    /// For its slot, for its session to launch it, or for the session's slice before it to stop.
    waiting,
    running,
    /// It still runs, though nobody waits for its report any more: its slot is free once it is over.
    unwanted,
    /// It has reported its end, and the session has not freed its slot yet.
    over,
  };
  struct record {
    caf::actor session;
    /// Once it was launched.
    session_id of;
    /// Since then, until it is gone.
    caf::actor execution;
    stage at = stage::waiting;
    monotonic_instant abort_at;
  };
  struct launched {
    execution_id execution;
    monotonic_instant at;
  };

  void grant();
  /// Now and every `gauge_every` from now on.
  void watch_log();
  void read_log();
  void on_log_room(const log_room_came& came);
  void start(slice_request request);
  void free(const execution_id& execution);
  void end(const execution_id& execution);
  /// Its slice has stopped: the session's next may start.
  void stopped(const execution_id& execution);
  /// An execution actor is gone; if it was still expected to report, its slice is lost.
  void on_down(const caf::down_msg& down);
  void sweep();
  void sweep_later();
  template <class Order>
  void pass_on(const Order& order);

  std::shared_ptr<const services> with_;
  supervisor::slots slots_;
  supervisor::tenant_labels labels_;
  supervisor::reserve reserve_;
  bool reading_log_ = false;
  std::unordered_map<execution_id, record> known_;
  /// The slice of each session that runs or is being stopped: never two at once, whoever asked for them.
  std::unordered_map<session_id, execution_id> running_;
  /// Launched while the session's slice before is still being stopped.
  std::unordered_map<session_id, slice_request> held_back_;
  /// Waiting for a slice.
  std::vector<caf::actor> idle_;
  /// In the order of their launch; those that ended meanwhile are skipped.
  std::deque<launched> young_;
  bool sweeping_ = false;
};

} // namespace baton::actors
