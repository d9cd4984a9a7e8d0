// Looks after the broker's streams while the node runs, and tells `broke` once what they kept is gone.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "actors/ports/operator_log.hpp"
#include "bridge/nats/requester.hpp"
#include "bridge/nats/streams.hpp"

namespace baton::batond {

class broker_watch {
public:
  /// All but `broke` outlive the watch, and `log` the connection too. `broke` gets one line for a person, from any
  /// thread, perhaps more than once; it only posts.
  broker_watch(nats::requester& over, nats::stream_memory kept, operator_log& log,
               std::function<void(const std::string&)> broke);
  /// Waits for a look that is under way.
  ~broker_watch();
  broker_watch(const broker_watch&) = delete;
  broker_watch& operator=(const broker_watch&) = delete;

  /// To be called by whoever finds that a stream, or what it held, is not there: then the watch looks at once. Any thread, also
  /// after the watch's end.
  [[nodiscard]] std::function<void()> missing_stream() const;

private:
  struct state;
  void run();

  nats::requester& over_;
  const nats::stream_memory kept_;
  std::shared_ptr<state> state_;
  std::thread watcher_;
};

} // namespace baton::batond
