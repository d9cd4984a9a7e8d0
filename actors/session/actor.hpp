// The shell around a session's machine: take one input, decide, append, then perform, then the next. While the head is
// loaded or an append is in flight, further inputs wait. In doubt it repairs nothing: it ends, and whoever is spawned next
// reads the log and is handed the unacknowledged messages again.
#pragma once

#include <caf/event_based_actor.hpp>
#include <deque>
#include <memory>
#include <optional>

#include "actors/messages.hpp"
#include "actors/services.hpp"
#include "actors/session/events.hpp"

namespace baton::actors {

class session_actor : public caf::event_based_actor {
public:
  struct place {
    session_id id;
    partition_id partition;
    baton::epoch epoch;
    /// The partition was taken from a node that died.
    bool after_crash = false;
    caf::actor owner;
    caf::actor supervisor;
  };
  session_actor(caf::actor_config& config, std::shared_ptr<const services> with, place at);
  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "session"; }

private:
  friend struct performing;

  void load();
  void on_loaded(last_came& came);
  void take(session::input in);
  void take_waiting();
  void decide(session::input in);
  void append();
  void on_appended(const append_result& result);
  /// After a refusal or silence: is the last commit ours?
  void check();
  void on_checked(append_checked& came);
  void stored_at(stream_seq seq);
  void perform();
  void perform_bury(const session::bury& what);
  void perform_read_back(message_place message);
  void perform_read_delayed(stream_seq stored);
  void count_stored(const session::event& e);
  void tell_if_drained();
  void give_up(const std::string& why);
  template <class Message>
  auto posting();

  std::shared_ptr<const services> with_;
  place at_;
  session::state state_;
  /// Of the decision that is being stored.
  std::vector<session::event> events_;
  std::vector<session::effect> effects_;
  stream_seq expected_;
  bool loaded_ = false;
  /// Loading, or an append is in flight.
  bool busy_ = true;
  bool drained_told_ = false;
  std::deque<session::input> waiting_;
  /// For the next execution; made anew once it is used.
  execution_id fresh_;
  /// Freed when this actor ends, however it ends.
  execution_id holds_slot_;
  /// Messages from the partition so far.
  std::uint64_t from_partition_ = 0;
};

} // namespace baton::actors
