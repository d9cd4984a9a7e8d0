// New ids and chance, for the shells to hand to their machines. Any thread; cheap.
#pragma once

#include <cstdint>

#include "messages/ids.hpp"

namespace baton {

class id_source {
public:
  virtual ~id_source() = default;
  /// Never the same twice, on any node.
  [[nodiscard]] virtual execution_id fresh_execution() = 0;
  /// Evenly spread over all 32-bit numbers.
  [[nodiscard]] virtual std::uint32_t chance() = 0;
};

} // namespace baton
