// Asks a nats-server whether it is there, and ours. Blocks for at most the given time.
#pragma once

#include <chrono>
#include <cstdint>

#include "bridge/process/server_files.hpp"

namespace baton {

enum class server_state : std::uint8_t {
  /// Nobody listens: it does not run, or reads its store before it opens its port.
  absent,
  /// Somebody listens and says nothing that a nats-server would.
  silent,
  /// It does not know the credential: it is somebody else's.
  stranger,
  ready,
  /// This process has no descriptor left to ask with.
  unknown
};

[[nodiscard]] server_state probe_server(
    std::uint16_t port, const server_credential& as, std::chrono::milliseconds patience);

} // namespace baton
