// Where tasks go that were refused or given up on. The callback comes exactly once, from any thread, never from inside the call.
#pragma once

#include <functional>

#include "messages/dead_letter.hpp"
#include "messages/digest.hpp"

namespace baton {

class dead_letters {
public:
  virtual ~dead_letters() = default;
  /// Stores `letter`, with the payload of the queued message at `letter.seq` as far as it is still there. `stored` is true once
  /// the broker has it (a second letter with the same `dedupe` counts as stored), false if it cannot be reached: ask again.
  virtual void bury(dead_letter letter, message_kind kind, std::function<void(bool stored)> done) = 0;
};

} // namespace baton
