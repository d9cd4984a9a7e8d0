// What happened, one line each, for a person to read. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <string_view>

namespace baton::simulation {

/// Milliseconds since the world began.
using sim_time = std::int64_t;

class history {
public:
  /// nullptr: nothing is written, and no text is made.
  explicit history(std::ostream* to) : to_(to) {}

  [[nodiscard]] bool is_told() const noexcept { return to_ != nullptr; }
  void tell(sim_time at, std::string_view who, std::string_view what);
  /// Counts a fault by its kind.
  void fault(std::string_view kind) { ++faults_[std::string{kind}]; }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& faults() const noexcept { return faults_; }

private:
  std::ostream* to_;
  std::map<std::string, std::uint64_t> faults_;
};

} // namespace baton::simulation
