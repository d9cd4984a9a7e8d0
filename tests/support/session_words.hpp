// What tests of the session machine say to its driver: tasks, entries, ways to come back.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "messages/control.hpp"
#include "messages/entry.hpp"

namespace baton::support {

/// The test asked for something that makes no sense at this moment.
struct cannot : std::logic_error {
  using std::logic_error::logic_error;
};

struct task_options {
  std::string body = "hello";
  std::string runner = "echo";
  std::optional<instant> deadline{};
  std::optional<instant> not_before{};
  std::string reply_to{};
  std::size_t bytes = 0;
  bool crowded = false;
  busy_policy when_busy = busy_policy::enqueue;
  std::string tenant{};
};

/// How a session comes back. `after_crash`: the partition was taken from a node that died; what is in the queue is marked so.
struct life {
  bool after_crash = true;
  bool new_node = true;
  bool new_epoch = true;
};
inline constexpr life after_a_crash{true, true, true};
inline constexpr life after_a_lost_lease{true, false, true};
inline constexpr life after_a_release{false, true, true};
/// The session actor died, or was passivated: same owner.
inline constexpr life in_the_same_hands{false, false, false};

using control_body = decltype(baton::control::what);

[[nodiscard]] task_id id_of(std::string_view text);
[[nodiscard]] cancel cancel_of(std::string_view run, std::string_view because = "");
[[nodiscard]] steer steer_of(std::string_view words, std::string_view run = "");
[[nodiscard]] entry said(std::string_view text);
[[nodiscard]] entry called(std::string_view call);
[[nodiscard]] entry result_of(std::string_view call);

} // namespace baton::support
