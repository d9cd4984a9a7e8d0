// What runs a slice. One runner per configured name, shared by all executions; its calls return at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "messages/slice.hpp"

namespace baton {

/// Hears from one running slice, from any thread, one call at a time; only posts, never blocks.
class slice_listener {
public:
  virtual ~slice_listener() = default;
  virtual void note(live_note n) = 0;
  /// The runner now waits for `running_slice::answer`.
  virtual void at_boundary(boundary b) = 0;
  /// Exactly once, the last call; also after `abort`.
  virtual void ended(slice_end end) = 0;
};

/// One slice under way. Any thread. Destroying it aborts the slice; `ended` then need not come.
class running_slice {
public:
  virtual ~running_slice() = default;
  /// To the boundary that was reported last; it is stored if it had to be, and so is what comes with the answer.
  virtual void answer(boundary_answer said) = 0;
  /// Between boundaries: end soon, at the next safe one (`yield`), or as soon as you can (`cancel`). May come more than once.
  virtual void ask(boundary_order order) = 0;
  /// Stop now: whatever runs is killed before `ended` is called.
  virtual void abort(lost why) = 0;
};

class runner {
public:
  virtual ~runner() = default;
  /// Never nullptr: what cannot be started ends with `failed`.
  virtual std::unique_ptr<running_slice> start(const slice_request& request, std::shared_ptr<slice_listener> listener) = 0;
};

/// The runners of this node, by name; made before the first task, never changed.
class runner_table {
public:
  virtual ~runner_table() = default;
  /// nullptr: no such runner. The pointer lives as long as the table.
  [[nodiscard]] virtual runner* find(std::string_view name) const = 0;
};

} // namespace baton
