#include "tests/support/session_wakes.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace baton::support {

wake_key session_wakes::key_of(id_hash turn) {
  char text[48];
  std::snprintf(text, sizeof text, "turn-%016" PRIx64 "%016" PRIx64, turn.high, turn.low);
  return wake_key::parse(text).value();
}

session::input session_wakes::carry_out() {
  const auto order = orders_.front();
  orders_.pop_front();
  if (const auto* wanted = std::get_if<session::want_wake>(&order)) {
    auto& known = stored_[wanted->key];
    // The same again changes nothing of what is stored.
    if (known.what != wanted->wake) known = {wanted->wake, false};
    return session::wake_stored{wanted->key};
  }
  const auto key = std::get<session::unwant_wake>(order).key;
  stored_.erase(key);
  return session::wake_removed{key};
}

std::optional<session::input> session_wakes::fire(instant now) {
  const auto due = std::ranges::find_if(stored_, [&](const auto& w) { return !w.second.is_fired && w.second.what.due <= now; });
  if (due == stored_.end()) return std::nullopt;
  due->second.is_fired = true;
  return session::wake_fired{due->first, due->second.what.due};
}

std::optional<instant> session_wakes::next_due() const {
  std::optional<instant> first;
  for (const auto& [key, one] : stored_) {
    if (!one.is_fired && (!first || one.what.due < *first)) first = one.what.due;
  }
  return first;
}

void session_wakes::owner_died() {
  orders_.clear();
  for (auto& [key, one] : stored_) one.is_fired = false;
}

} // namespace baton::support
