// What actors/partition/actor.cpp does, without CAF: opens the partition's queue, starts a session for whoever has a message, lets
// idle ones go, sets those aside that keep ending in error, drains.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "tests/simulation/session_shell.hpp"

namespace baton::simulation {

struct partition_reports {
  std::function<void()> opened;
  std::function<void(source_failure)> stopped;
  std::function<void()> closed;
  std::function<void()> released;
};

class partition_shell final : public actor {
public:
  struct place {
    partition_id partition;
    baton::epoch epoch;
    bool after_crash = false;
    std::weak_ptr<slots_shell> supervisor;
    partition_reports reports;
  };
  partition_shell(surroundings& around, place at);

  // ---- mail
  void open();
  void deliver(std::vector<delivery> batch);
  void on_stopped(source_failure why);
  void on_idle(const session_id& session, std::uint64_t count);
  void on_drained(const session_id& session);
  void on_down(const session_id& session, const session_shell* gone);
  void drain();
  void close();

  [[nodiscard]] std::vector<std::shared_ptr<session_shell>> sessions() const;
  [[nodiscard]] baton::epoch epoch() const noexcept { return at_.epoch; }
  /// A session ends by a bug: of those that are there, one by chance.
  void break_a_session();

private:
  struct resident {
    std::shared_ptr<session_shell> shell;
    std::uint64_t sent = 0;
    monotonic_instant touched;
    std::uint32_t deaths = 0;
    bool is_quarantined = false;
    stream_seq unstuck_by;
    delivery_round since;
  };
  void on_opened(const expected<task_source::opened, source_failure>& result);
  void route(delivery& d);
  void to_session(const session_id& id, session::input in);
  void start(const session_id& id, resident& r);
  void try_again(const session_id& id);
  void bury(const delivery& d, const refusal& why);
  void send_letter(message_kind kind, dead_letter letter, std::optional<answer_place> answer_to);
  void sweep();
  void release();
  void end_sessions();

  surroundings& around_;
  const services& with_;
  place at_;
  std::map<session_id, resident> residents_;
  std::size_t letters_waiting_ = 0;
  bool draining_ = false;
  std::set<session_id> not_drained_;
};

} // namespace baton::simulation
