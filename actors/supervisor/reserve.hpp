// Whether slices may start, by what is left of the log: near its size limit they may not, because what they would store would
// take the room that take-overs and tombstones need. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "actors/ports/log_gauge.hpp"

namespace baton::supervisor {

class reserve {
public:
  /// 0: nothing is kept free, and slices always may start.
  explicit reserve(std::uint64_t bytes) : bytes_(bytes) {}

  /// The log is down to its reserve: no slice starts.
  [[nodiscard]] bool is_reached() const noexcept { return is_reached_; }
  /// True if that has changed.
  [[nodiscard]] bool saw(const log_room& room) {
    const auto was = is_reached_;
    const auto kept = kept_of(room);
    const auto free = room.most > room.used ? room.most - room.used : 0;
    // It ends only an eighth above, so that it does not come and go with each commit.
    is_reached_ = free < (was ? kept + kept / 8 : kept);
    return is_reached_ != was;
  }
  /// Never more than half of a log: one that was made smaller than planned still serves.
  [[nodiscard]] std::uint64_t kept_of(const log_room& room) const noexcept { return std::min(bytes_, room.most / 2); }

private:
  std::uint64_t bytes_;
  bool is_reached_ = false;
};

} // namespace baton::supervisor
