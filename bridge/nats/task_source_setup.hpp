// Gives one partition of one work queue a consumer of its own: looks who else has one, deletes those of lower epochs and what
// an earlier attempt of ours left, makes a new one. A work queue allows one consumer per filter, so that two owners who do
// this at once cannot both succeed, and the one with the higher epoch wins.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "bridge/nats/requester.hpp"
#include "bridge/nats/task_source_wire.hpp"

namespace baton::nats {

struct setup_order {
  message_kind kind = message_kind::task;
  consumer_name who;
  milliseconds ack_wait{};
  /// Of each request to the server.
  milliseconds timeout{};
  /// Set by whoever ordered it: no further request is sent.
  std::shared_ptr<std::atomic<bool>> abandoned;
};

struct consumer_made {
  std::string name;
  /// The stream's last sequence when nobody had a consumer: what comes later was never delivered to anybody else.
  stream_seq last;
  /// When the stream was made, as the server writes it: another text means another stream, with sequences of its own.
  std::string stream_made;
};
/// A consumer with a higher epoch is there.
struct newer_owner {};
struct setup_failed {
  /// For a person.
  std::string why;
};
using setup_result = std::variant<consumer_made, newer_owner, setup_failed>;

/// `done` comes exactly once, from one of the requester's threads.
void set_up_consumer(requester& over, setup_order order, std::function<void(setup_result)> done);

} // namespace baton::nats
