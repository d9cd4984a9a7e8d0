// Programs die with their owner: whoever runs programs outside this process hears here whether the node still holds its lease.
// Any thread.
#pragma once

#include "messages/instant.hpp"

namespace baton {

class execution_fence {
public:
  virtual ~execution_fence() = default;
  /// The lease counts from `from`, when the heartbeat that renewed it was sent: programs may live for the lease time after that,
  /// however late this call comes.
  virtual void renewed(monotonic_instant from) = 0;
  /// The lease is lost, or the node stops: kill all programs; returns when none runs any more or all were told to die.
  virtual void lost() = 0;
};

} // namespace baton
