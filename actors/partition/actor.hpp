// One partition that this node owns: opens its queue, spawns a session actor for whoever has a message, and lets idle ones
// leave memory. Refuses what belongs to no session. Ends when it is told to, or when the queue says that somebody else owns it.
#pragma once

#include <caf/event_based_actor.hpp>
#include <functional>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "actors/messages.hpp"
#include "actors/services.hpp"
#include "actors/wakes/keeper.hpp"

namespace baton::actors {

/// What the partition's owner hears, from this actor's thread; each only posts.
struct partition_reports {
  std::function<void()> opened;
  /// It delivers no more and has ended its sessions.
  std::function<void(source_failure)> stopped;
  /// It was told to close, and has.
  std::function<void()> closed;
  /// Drained: nothing runs, nothing more will be stored under this epoch.
  std::function<void()> released;
};

class partition_actor : public caf::event_based_actor {
public:
  struct place {
    partition_id partition;
    baton::epoch epoch;
    /// The owner before did not release it.
    bool after_crash = false;
    caf::actor supervisor;
    partition_reports reports;
  };
  partition_actor(caf::actor_config& config, std::shared_ptr<const services> with, place at);
  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "partition"; }

private:
  struct resident {
    caf::actor actor;
    std::uint64_t sent = 0;
    monotonic_instant touched;
    /// Ended in error this often since the partition was opened.
    std::uint32_t deaths = 0;
    /// What comes for it stays in the queue.
    bool is_quarantined = false;
    /// The message that ended a quarantine: it does so once, though it comes again while the session cannot be started.
    stream_seq unstuck_by;
    /// Deliveries of older rounds come again.
    delivery_round since;
  };

  void open();
  void on_opened(const source_opened& in);
  void route(delivery& d);
  void to_session(const session_id& id, session::input in);
  /// On its way when its session was forgotten: it comes again, in its order.
  [[nodiscard]] bool is_overtaken(const delivery& d) const;
  [[nodiscard]] bool is_quarantined(const session_id& id) const;
  /// All that is in the queue for it comes again, and its wakes are told again.
  void try_again(const session_id& id);
  [[nodiscard]] bool asks_to_try_again(const delivery& d) const;
  void end_quarantine(const session_id& id, stream_seq by);
  void start(const session_id& id, resident& r);
  [[nodiscard]] wake_keeper::outlets wake_outlets();
  void bury(const delivery& d, const refusal& why);
  void on_buried(letter_buried& in);
  void send_letter(message_kind kind, dead_letter letter, std::optional<answer_place> answer_to);
  void on_down(const caf::down_msg& down);
  void on_idle(const session_idle& in);
  void sweep();
  void drain();
  void on_drained(const session_drained& in);
  void release();
  void end_sessions();

  std::shared_ptr<const services> with_;
  place at_;
  wake_keeper wakes_;
  std::unordered_map<session_id, resident> residents_;
  std::unordered_map<caf::actor_addr, session_id> by_address_;
  /// Letters that are not stored yet.
  std::size_t letters_waiting_ = 0;
  bool draining_ = false;
  std::unordered_set<session_id> not_drained_;
};

} // namespace baton::actors
