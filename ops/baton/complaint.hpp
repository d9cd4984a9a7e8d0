// How the command line ends: what scripts can tell apart, and the line for the person who typed it.
#pragma once

#include <string>

#include "messages/expected.hpp"

namespace baton::cli {

enum class exit_code : int {
  done = 0,
  /// The run failed or was cancelled; for `doctor`: something needs a person.
  run_failed = 1,
  usage = 2,
  /// The broker, or a node that should have answered.
  unreachable = 3,
  /// Refused, in conflict with what is there, or unknown.
  refused = 4,
  timed_out = 5,
  /// As shells count SIGINT and SIGTERM.
  interrupted = 130,
  terminated = 143,
};

struct complaint {
  exit_code code = exit_code::run_failed;
  /// One sentence or more, without a full stop.
  std::string text;
};

template <class T>
using or_complaint = expected<T, complaint>;
/// What a command comes to.
using ending = or_complaint<exit_code>;

[[nodiscard]] inline unexpected<complaint> complain(exit_code code, std::string text) {
  return {{code, std::move(text)}};
}

} // namespace baton::cli
