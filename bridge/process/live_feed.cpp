#include "bridge/process/live_feed.hpp"

namespace baton {

void live_feed::offer(live_note note) {
  const auto* text = note.data.as<std::string>();
  if (text == nullptr) {
    if (data_ >= per_window) return;
    ++data_;
    // In the order in which the program said it.
    flush();
    return to_(std::move(note));
  }
  if (texts_ < per_window && held_.empty()) {
    ++texts_;
    return to_(std::move(note));
  }
  auto& held = held_[note.kind];
  if (held.size() + text->size() <= held_max) held += *text;
}

void live_feed::turn() {
  data_ = 0;
  texts_ = held_.size();
  flush();
}

void live_feed::flush() {
  for (auto& [kind, text] : std::exchange(held_, {})) {
    if (!text.empty()) to_({kind, std::move(text)});
  }
}

} // namespace baton
