// Keeps live notes to a bounded rate, whatever a program writes: observers get what people can follow, and nobody's mailbox
// fills. Up to `per_window` notes pass at once; further text is joined and passes with the next window; what is over `held_max`
// is left out. Pure: somebody else turns the windows. One thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "messages/slice.hpp"

namespace baton {

class live_feed {
public:
  static constexpr std::chrono::milliseconds window{100};
  /// Of text and of other data each.
  static constexpr std::size_t per_window = 50;
  static constexpr std::size_t held_max = 64UL * 1024;

  explicit live_feed(std::function<void(live_note)> to) : to_(std::move(to)) {}

  void offer(live_note note);
  /// A window is over.
  void turn();
  /// Nothing comes any more: what is held passes.
  void flush();
  /// A window must be turned sooner or later.
  [[nodiscard]] bool is_open() const noexcept { return texts_ > 0 || data_ > 0 || !held_.empty(); }

private:
  std::function<void(live_note)> to_;
  std::size_t texts_ = 0;
  std::size_t data_ = 0;
  /// Text by kind.
  std::map<std::string, std::string> held_;
};

} // namespace baton
