// How a slice ended, as a value. Only bugs and broken infrastructure are errors. A new way to end is a new alternative here,
// and the compiler then names every place that must handle it.
#pragma once

#include <string>
#include <variant>

#include "messages/reason.hpp"
#include "messages/value.hpp"

namespace baton {

/// The turn is done.
struct completed {
  value result;
  friend bool operator==(const completed&, const completed&) = default;
};

/// The turn cannot go on. `retryable` is the runner's word, never guessed from text.
struct failed {
  reason code = reason::runner_failed;
  /// For a person; at most 4,000 characters.
  std::string text;
  bool retryable = false;
  friend bool operator==(const failed&, const failed&) = default;
};

/// The slice stopped at a safe boundary because it was asked to; the run goes on from its checkpoint. Not a failure.
struct yielded {
  std::string because;
  friend bool operator==(const yielded&, const yielded&) = default;
};

/// Somebody asked for the end, and the runner has stopped.
struct cancelled {
  std::string by;
  std::string because;
  friend bool operator==(const cancelled&, const cancelled&) = default;
};

/// The execution died or fell silent: nothing is known of what it did since the last checkpoint.
struct lost {
  std::string because;
  friend bool operator==(const lost&, const lost&) = default;
};

using outcome = std::variant<completed, failed, yielded, cancelled, lost>;

} // namespace baton
