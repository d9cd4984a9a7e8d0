// Looks after the broker while the node runs: says when it goes and comes back, and tells `broke` once nothing can be well any
// more: what it kept is gone, or it does not let this node in.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "actors/ports/clock.hpp"
#include "actors/ports/operator_log.hpp"
#include "bridge/nats/requester.hpp"
#include "bridge/nats/streams.hpp"

namespace baton::batond {

class broker_watch {
public:
  /// All but `broke` outlive the watch, and `log` and `time` the connection too. `broke` gets one line for a person, from any
  /// thread, perhaps more than once; it only posts.
  broker_watch(nats::requester& over, nats::stream_memory kept, const clock& time, operator_log& log,
               std::function<void(const std::string&)> broke);
  /// Waits for a look that is under way.
  ~broker_watch();
  broker_watch(const broker_watch&) = delete;
  broker_watch& operator=(const broker_watch&) = delete;

  /// To be called by whoever finds that a stream, or what it held, is not there: then the watch looks at once. Any thread, also
  /// after the watch's end.
  [[nodiscard]] std::function<void()> missing_stream() const;
  /// To be called by whoever finds that a stream takes no more: it is said now and then. Any thread, also after the watch's end.
  [[nodiscard]] std::function<void(std::string_view stream)> full_stream() const;

private:
  struct state;
  void run();

  nats::requester& over_;
  const nats::stream_memory kept_;
  std::shared_ptr<state> state_;
  std::thread watcher_;
};

} // namespace baton::batond
