// Who may run now: a bounded number of slots, first come first served over sessions. Pure.
// Suspects (runs whose executions took their node with them more than once) run one at a time, so that the guilty one is
// told apart from its neighbours; a waiting suspect does not hold up the others.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <unordered_map>

#include "messages/ids.hpp"

namespace baton::supervisor {

class slots {
public:
  explicit slots(std::size_t most) : most_(most) {}

  void want(const execution_id& execution, bool suspect);
  /// Gives back a slot, or the wish for one; unknown ids are ignored.
  void free(const execution_id& execution);
  /// The next execution that may have a slot now; call until there is none.
  [[nodiscard]] std::optional<execution_id> grant();

  [[nodiscard]] std::size_t used() const noexcept { return used_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return known_.size() - used_; }

private:
  enum class stage : std::uint8_t { waiting, granted };
  struct holder {
    stage at = stage::waiting;
    bool suspect = false;
  };
  std::optional<execution_id> first_waiting(std::deque<execution_id>& queue);
  execution_id give(std::deque<execution_id>& queue);

  std::size_t most_;
  std::size_t used_ = 0;
  bool suspect_runs_ = false;
  /// Freed ids stay in the queues until they come up.
  std::deque<execution_id> queue_;
  std::deque<execution_id> suspects_;
  std::unordered_map<execution_id, holder> known_;
};

} // namespace baton::supervisor
