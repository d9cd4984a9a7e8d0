// Programs die with their owner: whoever runs programs outside this process hears here whether the node still holds its lease.
// Any thread.
#pragma once

namespace baton {

class execution_fence {
public:
  virtual ~execution_fence() = default;
  /// The lease was renewed just now: programs may live on for another lease time.
  virtual void renewed() = 0;
  /// The lease is lost, or the node stops: kill all programs; returns when none runs any more or all were told to die.
  virtual void lost() = 0;
};

} // namespace baton
