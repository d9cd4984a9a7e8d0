// What actors/session/actor.cpp does around the session machine, without CAF: one input at a time; decide, append, then perform.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/services.hpp"
#include "actors/session/events.hpp"
#include "tests/simulation/checkers.hpp"
#include "tests/simulation/plants.hpp"

namespace baton::simulation {

class partition_shell;
class slots_shell;

/// What all shells of one process are given.
struct surroundings {
  world& in;
  process& of;
  baton::services with;
  checkers& told;
  plant planted = plant::none;
};

class session_shell final : public actor {
public:
  struct place {
    session_id id;
    partition_id partition;
    baton::epoch epoch;
    bool after_crash = false;
    std::weak_ptr<partition_shell> owner;
    std::weak_ptr<slots_shell> supervisor;
  };
  session_shell(surroundings& around, place at);

  // ---- mail
  void load();
  void take_input(session::input in);
  void take_from_partition(session::input in) {
    from_partition_ += 1;
    take_input(std::move(in));
  }
  void probe(std::uint64_t count);
  /// From outside, without a word to its owner.
  void end();

  [[nodiscard]] const session::state& now() const noexcept { return state_; }
  /// Loaded, and no append is in flight.
  [[nodiscard]] bool is_settled() const noexcept { return !busy_ && waiting_.empty(); }

private:
  struct performing;
  [[nodiscard]] std::shared_ptr<session_shell> me();
  void on_loaded(session_log::last_result came);
  void take_waiting();
  void decide(session::input in);
  [[nodiscard]] session::decided made_of(session::input in, const session::context& context);
  void append();
  void on_appended(const append_result& result);
  void check();
  void on_checked(session_log::last_result came);
  void stored_at(stream_seq seq);
  void perform();
  /// Faults that are planted on purpose, before the append.
  void act_as_planted();
  [[nodiscard]] bool is_planted(plant p) const { return around_.planted == p; }
  void perform_bury(const session::bury& what);
  void perform_read_back(message_place message);
  void perform_read_delayed(stream_seq stored);
  void tell_if_drained();
  void give_up(const std::string& why);
  void again_later();

  surroundings& around_;
  const services& with_;
  place at_;
  session::state state_;
  std::vector<session::event> events_;
  std::vector<session::effect> effects_;
  stream_seq expected_;
  bool loaded_ = false;
  bool busy_ = true;
  bool drained_told_ = false;
  std::deque<session::input> waiting_;
  execution_id fresh_;
  execution_id holds_slot_;
  std::uint64_t from_partition_ = 0;
};

} // namespace baton::simulation
