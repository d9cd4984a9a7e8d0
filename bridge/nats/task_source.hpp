// The queue of work on JetStream. Each open partition has one durable pull consumer per kind; all of them deliver to one
// inbox, whose thread decodes and calls the listeners. One more thread keeps time for all partitions.
//
// Consumers have no inactive threshold: one that vanished by itself would look like one that a new owner deleted. Those of a
// dead node do not pile up, since a work queue allows one per partition, and the next owner deletes it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/ports/clock.hpp"
#include "actors/ports/task_source.hpp"
#include "bridge/nats/pull_state.hpp"
#include "bridge/nats/requester.hpp"
#include "messages/codec.hpp"

namespace baton::nats {

struct task_source_options {
  codec::decode_limits decode;
  /// Subjects that `reply_to` may begin with, besides `_INBOX.`.
  std::vector<std::string> reply_prefixes;
  /// Of each partition and kind.
  pull_limits pull;
  /// Longer than a message is ever held, which is the run wall limit and some.
  milliseconds ack_wait = std::chrono::hours{12};
  /// Without a confirmation for this long an acknowledgement is repeated. Long, since a busy server answers late, and what a
  /// lost connection or consumer swallowed is repeated as soon as there is a new one.
  milliseconds ack_timeout{30'000};
  /// Of each request while a consumer is made.
  milliseconds setup_timeout{5'000};
  milliseconds setup_retry_first{100};
  milliseconds setup_retry_longest{5'000};
  /// Consumers being made at once, over all partitions.
  std::size_t setups_at_once = 4;
  /// A partition that cannot get a consumer for this long is given up.
  milliseconds patience{30'000};
  milliseconds read_timeout{5'000};
  /// Messages handed over together, when that many are there already.
  std::size_t burst_max = 64;
  /// Hears, as text for a person, what went wrong and is being repaired; from any of the source's threads, must not block.
  std::function<void(const std::string&)> trouble;
};

class nats_task_source final : public task_source {
public:
  /// All three outlive the source. `ask` belongs to the connection `over`; a source that acknowledges much is better given one
  /// of its own, since all replies of a requester come from one thread.
  [[nodiscard]] static expected<std::unique_ptr<nats_task_source>, failure> start(
      connection& over, requester& ask, const clock& time, task_source_options options);
  /// Nothing is called any more once it returns. Consumers stay; the next owner deletes them. Not from inside a callback.
  ~nats_task_source() override;
  nats_task_source(const nats_task_source&) = delete;
  nats_task_source& operator=(const nats_task_source&) = delete;

  /// `done` comes with `unreachable` if the partition is closed before it was opened. Opening one that is open closes it first.
  void open(partition_id partition, epoch of, std::shared_ptr<task_listener> to,
      std::function<void(expected<opened, source_failure>)> done) override;
  /// What was never delivered may be acknowledged, too: it then is as soon as it comes.
  void acknowledge(partition_id partition, message_kind kind, stream_seq seq, std::function<void()> confirmed) override;
  void lighten(partition_id partition, message_kind kind, stream_seq seq) override;
  delivery_round forget(partition_id partition, const session_id& session) override;
  /// Without the partition being open: `superseded`.
  void read_back(
      partition_id partition, message_kind kind, stream_seq seq, std::function<void(read_result)> done) override;
  void close(partition_id partition) override;

private:
  class core;
  explicit nats_task_source(std::shared_ptr<core> held);
  std::shared_ptr<core> core_;
};

} // namespace baton::nats
