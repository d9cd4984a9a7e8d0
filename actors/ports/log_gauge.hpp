// How full the log of all sessions is. Calls return at once, from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace baton {

/// In bytes.
struct log_room {
  std::uint64_t used = 0;
  /// 0: the log has no limit of its own.
  std::uint64_t most = 0;
};

class log_gauge {
public:
  virtual ~log_gauge() = default;
  /// `done` is called exactly once, from any thread and never from inside the call; nothing: the broker is away.
  virtual void read(std::function<void(std::optional<log_room>)> done) = 0;
};

} // namespace baton
