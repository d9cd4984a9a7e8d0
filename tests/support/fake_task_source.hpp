// The queue of work in memory, and task sources over it, for tests of actors. Nothing happens by itself: what is due (callbacks,
// deliveries) happens in `run`, in a fixed order, on the caller's thread. One thread.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "actors/ports/task_source.hpp"

namespace baton::support {

class fake_task_source;

/// What the broker keeps: both work queues of all partitions. Outlives the sources that look at it.
class fake_queue {
public:
  explicit fake_queue(std::uint64_t partitions = 4) : partitions_{partitions} {}

  /// Stored at the end of the session's partition; what sources have it open deliver it in their next `run`.
  stream_seq publish(const session_id& session, task t);
  stream_seq publish(const session_id& session, control c);
  /// A message that cannot be decoded; `token` is the last one of its subject and need not be a session id.
  stream_seq publish_refused(partition_id partition, message_kind kind, const std::string& token, refusal why,
      std::optional<answer_place> answer_to = {});

  [[nodiscard]] partition_id partition_of(const session_id& session) const;
  [[nodiscard]] bool holds(message_kind kind, stream_seq seq) const { return messages_.contains({kind, seq}); }
  /// What is not acknowledged, in order.
  [[nodiscard]] std::vector<stream_seq> left(message_kind kind) const;
  /// Stamps what is published from now on.
  void set_time(instant now) { now_ = now; }
  /// Payloads of what is published from now on are said to be so large.
  void set_bytes(std::size_t bytes) { bytes_ = bytes; }
  /// While false, nothing is opened, acknowledged or read; messages can still be published.
  void set_reachable(bool reachable) { reachable_ = reachable; }

private:
  friend class fake_task_source;
  using place = std::pair<message_kind, stream_seq>;
  struct opener {
    epoch of;
    fake_task_source* source = nullptr;
  };

  stream_seq store(
      message_kind kind, partition_id partition, const std::string& token, std::variant<task, control, refusal> body);
  void supersede(partition_id partition, epoch by);

  std::uint64_t partitions_;
  std::map<message_kind, stream_seq> last_;
  std::map<place, delivery> messages_;
  /// Acknowledged ones, for `restore`.
  std::map<place, delivery> removed_;
  std::map<partition_id, opener> openers_;
  instant now_{};
  std::size_t bytes_ = 0;
  bool reachable_ = true;
};

/// One node's view of the queue.
class fake_task_source final : public task_source {
public:
  explicit fake_task_source(fake_queue& queue, std::size_t credit = 4096) : queue_{queue}, credit_{credit} {}
  ~fake_task_source() override;
  fake_task_source(const fake_task_source&) = delete;
  fake_task_source& operator=(const fake_task_source&) = delete;

  void open(partition_id partition, epoch of, std::shared_ptr<task_listener> to,
      std::function<void(expected<opened, source_failure>)> done) override;
  void acknowledge(partition_id partition, message_kind kind, stream_seq seq, std::function<void()> confirmed) override;
  void lighten(partition_id partition, message_kind kind, stream_seq seq) override;
  delivery_round forget(partition_id partition, const session_id& session) override;
  void read_back(
      partition_id partition, message_kind kind, stream_seq seq, std::function<void(read_result)> done) override;
  void close(partition_id partition) override;

  /// Does all that is due, and what becomes due by that. Returns how many calls were made to listeners and callbacks.
  std::size_t run();

  /// While true, deliveries are made ready and stay on their way; then they arrive, in order, in the next `run`.
  void hold_deliveries(bool hold) { holds_deliveries_ = hold; }
  /// The next `n` acknowledgements do not reach the queue; they are waiting for `repeat_acks`.
  void lose_acks(std::size_t n) { acks_to_lose_ = n; }
  /// The next `n` acknowledgements reach the queue but are not confirmed before `repeat_acks`.
  void lose_confirmations(std::size_t n) { confirmations_to_lose_ = n; }
  /// What a timeout or a reconnect does: every unconfirmed acknowledgement is sent again in the next `run`.
  void repeat_acks();
  /// The broker forgot that a message was delivered, or acknowledged: it comes once more in the next `run`.
  void redeliver(partition_id partition, message_kind kind, stream_seq seq);
  /// Another node opens the partition with the next higher epoch: this one hears `superseded` in the next `run`.
  void supersede(partition_id partition);
  /// The source gives the partition up: the listener hears `unreachable` in the next `run`.
  void give_up(partition_id partition);

  [[nodiscard]] bool is_open(partition_id partition) const { return open_.contains(partition); }
  /// Delivered and neither confirmed nor forgotten, in order.
  [[nodiscard]] std::vector<stream_seq> held(partition_id partition, message_kind kind) const;
  [[nodiscard]] bool is_light(partition_id partition, message_kind kind, stream_seq seq) const;
  /// How often `acknowledge` was called for it.
  [[nodiscard]] std::size_t acknowledged(message_kind kind, stream_seq seq) const;

private:
  friend class fake_queue;
  using place = fake_queue::place;
  struct held_row {
    session_id session;
    bool light = false;
    bool ack_wanted = false;
    std::function<void()> confirmed;
  };
  struct opened_partition {
    epoch of;
    std::shared_ptr<task_listener> to;
    std::map<message_kind, stream_seq> last_at_open;
    std::map<place, held_row> held;
    delivery_round round;
  };

  void open_now(partition_id partition, epoch of, std::shared_ptr<task_listener> to,
      const std::function<void(expected<opened, source_failure>)>& done);
  void acknowledge_now(partition_id partition, place at);
  void stop(partition_id partition, source_failure why);
  /// Whether something was delivered.
  bool deliver_to(partition_id partition);

  fake_queue& queue_;
  std::size_t credit_;
  std::size_t acks_to_lose_ = 0;
  std::size_t confirmations_to_lose_ = 0;
  std::map<partition_id, opened_partition> open_;
  std::deque<std::function<void()>> due_;
  bool holds_deliveries_ = false;
  std::deque<std::function<void()>> on_the_way_;
  std::map<place, std::size_t> acknowledged_;
  std::size_t calls_ = 0;
};

} // namespace baton::support
