// The task source of one simulated process: the books of bridge/nats (partition_pull, pull_state, decode), moved as its core moves
// them, over the simulated network. Two actors stand for its threads: the inbox's and the timekeeper's.
#pragma once

#include <map>
#include <memory>

#include "bridge/nats/task_source.hpp"
#include "bridge/nats/task_source_partition.hpp"
#include "tests/simulation/broker.hpp"

namespace baton::simulation {

class source final : public task_source {
public:
  source(world& in, process& of, network::link& over, broker& at, nats::task_source_options options);
  void start();

  void open(partition_id partition, epoch of, std::shared_ptr<task_listener> to,
      std::function<void(expected<opened, source_failure>)> done) override;
  void acknowledge(partition_id partition, message_kind kind, stream_seq seq, std::function<void()> confirmed) override;
  void lighten(partition_id partition, message_kind kind, stream_seq seq) override;
  delivery_round forget(partition_id partition, const session_id& session) override;
  void read_back(
      partition_id partition, message_kind kind, stream_seq seq, std::function<void(read_result)> done) override;
  void close(partition_id partition) override;
  /// The connection broke, or came back.
  void connection_changed();

private:
  using partition_ptr = std::shared_ptr<nats::partition_pull>;
  struct setup;
  [[nodiscard]] monotonic_instant now() const { return world_.clock_of(process_); }
  [[nodiscard]] partition_ptr find(partition_id partition) const;
  void drop(const partition_ptr& partition);
  void arrived(const partition_ptr& partition, message_kind kind, const broker::pushed& what);
  void keep_time();
  void start_setups();
  void setup_ended(const partition_ptr& partition, message_kind kind, std::uint64_t mark, nats::setup_result result);
  void perform(const partition_ptr& partition, nats::outgoing& out);
  void acknowledge_at_broker(const partition_ptr& partition, message_kind kind, const nats::ack_order& order);
  void ack_answered(const partition_ptr& partition, message_kind kind, const nats::ack_order& sent, bool is_done, bool is_nobody);
  void give_up(const partition_ptr& partition, source_failure why);
  void remove_consumer(message_kind kind, const std::string& name);

  world& world_;
  process& process_;
  network::link& link_;
  broker& broker_;
  nats::task_source_options options_;
  std::shared_ptr<actor> inbox_;
  std::shared_ptr<actor> keeper_;
  std::map<partition_id, partition_ptr> table_;
  std::uint64_t consumers_made_ = 0;
};

} // namespace baton::simulation
