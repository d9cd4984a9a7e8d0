// The queue of work: tasks and control messages of the partitions that are open, in stream order, each delivered once
// per opening to the partition's listener, until it is acknowledged. Calls return at once, from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "messages/control.hpp"
#include "messages/digest.hpp"
#include "messages/expected.hpp"
#include "messages/ids.hpp"
#include "messages/instant.hpp"
#include "messages/reason.hpp"
#include "messages/task.hpp"

namespace baton {

/// Where a refusal is told, and how.
struct answer_place {
  std::string reply_to;
  baton::encoding encoding = baton::encoding::msgpack;
  /// Of the refused message, given or made.
  task_id to;
  friend bool operator==(const answer_place&, const answer_place&) = default;
};

/// Of one partition: raised by each `forget`.
using delivery_round = number_id<struct delivery_round_tag>;

/// One message, decoded. What could not be decoded still has an owner: it is buried by sequence.
struct delivery {
  partition_id partition;
  message_kind kind = message_kind::task;
  stream_seq seq;
  /// Empty if the subject's last token is no session id.
  session_id session;
  std::string subject;
  instant stored_at;
  /// Of its payload.
  std::size_t bytes = 0;
  /// Much of what the partition's listener may hold is taken: it should make light whatever it can.
  bool crowded = false;
  /// It was in the queue when the partition was opened: its session may have been cut off in the middle.
  bool before_open = false;
  /// When it was made ready for the listener. If that is before the round in which its session was forgotten last, it comes
  /// again, behind what precedes it: the listener must leave this one alone.
  delivery_round round;
  std::variant<task, control, refusal> body;
  /// Of a refused one, if its `reply_to` could be read and is allowed.
  std::optional<answer_place> answer_to;
};

enum class source_failure {
  /// Somebody with a higher epoch has opened the partition, or the consumer was deleted: read ownership again.
  superseded,
  /// The broker is away or refuses; the source gave up.
  unreachable,
};

/// Called from the source's own thread: only post, never block.
class task_listener {
public:
  virtual ~task_listener() = default;
  virtual void delivered(std::vector<delivery> batch) = 0;
  /// The partition delivers no more; it is closed.
  virtual void stopped(partition_id partition, epoch of, source_failure why) = 0;
};

class task_source {
public:
  virtual ~task_source() = default;

  struct opened {};
  /// Deletes the partition's consumers of lower epochs, makes its own and starts to deliver all that is unacknowledged.
  /// After a reconnect or a gap it does the same to itself; what the listener still holds is then not delivered again.
  virtual void open(partition_id partition, epoch of, std::shared_ptr<task_listener> to,
                    std::function<void(expected<opened, source_failure>)> done) = 0;

  /// Removes the message from the queue. `confirmed` is called once the broker has said so, however often that takes;
  /// never, if the partition is closed first.
  virtual void acknowledge(partition_id partition, message_kind kind, stream_seq seq, std::function<void()> confirmed) = 0;

  /// The listener keeps no more than the sequence: the message no longer counts against the partition's credit.
  virtual void lighten(partition_id partition, message_kind kind, stream_seq seq) = 0;

  /// The listener lost what it held of this session (its actor died): deliver it again. Returns the round that begins: what
  /// is still on its way from an older one comes again, too.
  virtual delivery_round forget(partition_id partition, const session_id& session) = 0;

  using read_result = expected<std::optional<delivery>, source_failure>;
  /// A message by sequence; nothing, if it is no longer in the queue.
  virtual void read_back(partition_id partition, message_kind kind, stream_seq seq, std::function<void(read_result)> done) = 0;

  /// Stops delivery. Messages that are not acknowledged stay in the queue for the next owner.
  virtual void close(partition_id partition) = 0;
};

} // namespace baton
