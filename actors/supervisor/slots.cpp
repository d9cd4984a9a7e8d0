#include "actors/supervisor/slots.hpp"

namespace baton::supervisor {

void slots::want(const execution_id& execution, bool suspect) {
  if (!known_.emplace(execution, holder{stage::waiting, suspect}).second) return;
  (suspect ? suspects_ : queue_).push_back(execution);
}

void slots::free(const execution_id& execution) {
  const auto found = known_.find(execution);
  if (found == known_.end()) return;
  if (found->second.at == stage::granted) {
    used_ -= 1;
    if (found->second.suspect) suspect_runs_ = false;
  }
  known_.erase(found);
}

std::optional<execution_id> slots::first_waiting(std::deque<execution_id>& queue) {
  while (!queue.empty() && !known_.contains(queue.front())) queue.pop_front();
  if (queue.empty()) return std::nullopt;
  return queue.front();
}

execution_id slots::give(std::deque<execution_id>& queue) {
  auto execution = std::move(queue.front());
  queue.pop_front();
  known_[execution].at = stage::granted;
  used_ += 1;
  return execution;
}

std::optional<execution_id> slots::grant() {
  if (used_ >= most_) return std::nullopt;
  if (!suspect_runs_ && first_waiting(suspects_)) {
    suspect_runs_ = true;
    return give(suspects_);
  }
  if (first_waiting(queue_)) return give(queue_);
  return std::nullopt;
}

} // namespace baton::supervisor
