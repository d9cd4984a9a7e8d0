// Cuts what comes in pieces into lines. Pure. Holds at most what was put and not yet taken.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace baton {

class line_splitter {
public:
  void put(std::string_view bytes) {
    // What was taken is only dropped here, so that many lines of one piece cost one move.
    held_.erase(0, taken_);
    searched_ = searched_ > taken_ ? searched_ - taken_ : 0;
    taken_ = 0;
    held_ += bytes;
  }
  /// The next line, with its newline. Valid until the next `put`.
  [[nodiscard]] std::optional<std::string_view> take() {
    const auto end = held_.find('\n', searched_ > taken_ ? searched_ : taken_);
    if (end == std::string::npos) {
      searched_ = held_.size();
      return std::nullopt;
    }
    const auto line = std::string_view{held_}.substr(taken_, end + 1 - taken_);
    taken_ = end + 1;
    return line;
  }
  /// What follows the last newline; taken by this.
  [[nodiscard]] std::string take_rest() {
    auto rest = held_.substr(taken_);
    taken_ = held_.size();
    return rest;
  }
  /// Bytes put and not taken.
  [[nodiscard]] std::size_t size() const noexcept { return held_.size() - taken_; }

private:
  std::string held_;
  std::size_t taken_ = 0;
  std::size_t searched_ = 0;
};

} // namespace baton
