// Those who publish: turns under every policy, cancels, steers, edits, deletes, messages that nobody can read, the same once more,
// the same id with other words, and storms of all that. Who hears nothing publishes again until the broker has answered.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "messages/control.hpp"
#include "messages/task.hpp"
#include "tests/simulation/broker.hpp"

namespace baton::simulation {

struct people_plan {
  std::vector<session_id> sessions;
  /// Mean time between two messages.
  std::uint64_t pause = 1'000;
  bool may_delete = false;
  bool may_poison = false;
};

class people {
public:
  people(world& in, network& over, broker& at, people_plan plan);
  /// One message after the other until the storm is over.
  void begin();
  /// Every message was confirmed.
  [[nodiscard]] bool all_told() const noexcept { return unconfirmed_ == 0; }
  [[nodiscard]] network::link& connection() noexcept { return link_; }
  [[nodiscard]] std::uint64_t published() const noexcept { return published_; }

private:
  struct letter {
    message_kind kind = message_kind::task;
    session_id session;
    std::string payload;
    std::string message_id;
    std::string what;
  };
  void say_something();
  [[nodiscard]] letter turn_of(const session_id& session);
  [[nodiscard]] letter control_of(const session_id& session);
  [[nodiscard]] std::optional<task_id> some_run();
  [[nodiscard]] std::string reply_place(char kind, const session_id& session);
  void send(letter l);

  world& world_;
  process process_;
  network::link link_;
  broker& broker_;
  people_plan plan_;
  std::deque<letter> recent_;
  std::uint64_t tasks_made_ = 0;
  std::uint64_t controls_made_ = 0;
  std::uint64_t places_made_ = 0;
  std::uint64_t unconfirmed_ = 0;
  std::uint64_t published_ = 0;
};

} // namespace baton::simulation
