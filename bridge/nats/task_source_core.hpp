// The moving part of the task source: the inbox, the timekeeper, the open partitions. Callbacks of requests hold it weakly, so
// that it may go while they are pending.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "bridge/nats/js_api.hpp"
#include "bridge/nats/task_source.hpp"
#include "bridge/nats/task_source_partition.hpp"

namespace baton::nats {

class nats_task_source::core final : public link_listener, public std::enable_shared_from_this<core> {
public:
  using partition_ptr = std::shared_ptr<partition_pull>;

  core(connection& over, requester& ask, const clock& time, task_source_options options);

  [[nodiscard]] std::optional<failure> start();
  /// Ends both threads. From then on nothing is called.
  void stop();

  void open(partition_id partition, epoch of, std::shared_ptr<task_listener> to, partition_pull::open_callback done);
  void acknowledge(partition_id partition, message_kind kind, stream_seq seq, std::function<void()> confirmed);
  void lighten(partition_id partition, message_kind kind, stream_seq seq);
  delivery_round forget(partition_id partition, const session_id& session);
  void read_back(partition_id partition, message_kind kind, stream_seq seq, std::function<void(read_result)> done);
  void close(partition_id partition);

  void disconnected() override;
  void reconnected() override;

private:
  [[nodiscard]] partition_ptr find(partition_id partition) const;
  [[nodiscard]] std::vector<partition_ptr> all() const;
  /// Out of the table, if it is still this one.
  void drop(const partition_ptr& partition);
  void connection_changed();

  // The inbox's thread.
  void arrived(message_handle message);
  void arrived_message(const ack_subject& at, std::string_view reply_subject, const reply& message);
  void arrived_status(const reply& message);
  void flush();

  // The timekeeper's thread.
  void keep_time();
  void start_setups(const std::vector<partition_ptr>& partitions, monotonic_instant now);
  void poke();
  /// Called soon, from the timekeeper's thread.
  void later(std::function<void()> call);

  /// Held by whatever may call out from a request's callback; `stop` waits for it. Not there: the source has stopped.
  [[nodiscard]] std::shared_lock<std::shared_mutex> enter();
  struct read_order {
    partition_id partition;
    message_kind kind = message_kind::task;
    stream_seq seq;
    std::function<void(read_result)> done;
  };
  void read_directly(read_order order);
  /// A replica may not have it yet that the leader has: only the leader says that it is gone.
  void read_from_leader(read_order order);
  void read_ended(const read_order& order, const expected<stored_message, api_failure>& read);

  void setup_ended(const partition_ptr& partition, message_kind kind, std::uint64_t mark, setup_result result);
  void ack_answered(
      const partition_ptr& partition, message_kind kind, const ack_order& sent, const requester::result& answer);
  void perform(const partition_ptr& partition, outgoing& out);
  void give_up(const partition_ptr& partition, source_failure why);
  void remove_consumer(message_kind kind, const std::string& name);
  void tell(const std::string& trouble) const;

  connection& over_;
  requester& ask_;
  const clock& time_;
  const task_source_options options_;
  const std::string inbox_;

  mutable std::mutex table_mutex_;
  std::map<partition_id, partition_ptr> table_;

  /// Partitions with something staged. The inbox's thread only.
  std::vector<partition_ptr> staged_;
  /// Messages since something was staged first.
  std::size_t burst_ = 0;
  std::optional<subscription> subscription_;

  std::shared_mutex running_mutex_;
  bool stopped_ = false;

  std::mutex time_mutex_;
  std::condition_variable poked_;
  bool poke_ = false;
  bool stopping_ = false;
  std::vector<std::function<void()>> later_;
  std::thread timekeeper_;
};

} // namespace baton::nats
