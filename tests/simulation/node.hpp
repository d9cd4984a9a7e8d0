// One life of one batond in the simulation: its process, its connection, its ports and the shells around the machines. Everything
// in memory goes with it. It opens, closes and releases partitions as it is told.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "tests/simulation/partition_shell.hpp"
#include "tests/simulation/ports.hpp"
#include "tests/simulation/runners.hpp"
#include "tests/simulation/slots_shell.hpp"
#include "tests/simulation/source.hpp"

namespace baton::simulation {

/// How the nodes of one world are configured.
struct node_terms {
  session::limits limits;
  nats::task_source_options source;
  supervisor::slot_terms slots;
  plant planted = plant::none;
};

class node {
public:
  node(world& in, network& over, broker& at, checkers& told, const node_terms& terms, const std::string& name);
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  void open(partition_id partition, epoch of, bool after_crash, partition_reports reports);
  /// Of this epoch; one that is gone has said so.
  void close(partition_id partition, epoch of);
  void drain(partition_id partition, epoch of);
  /// The lease is lost: what runs outside this process is killed, whatever it does.
  void kill_slices() { runner_.kill_all(); }
  /// A bug ends an actor of some session.
  void break_a_session();

  [[nodiscard]] process& self() noexcept { return process_; }
  [[nodiscard]] const process& self() const noexcept { return process_; }
  [[nodiscard]] network::link& connection() noexcept { return link_; }
  [[nodiscard]] const node_id& id() const noexcept { return around_.with.node; }
  [[nodiscard]] const std::map<partition_id, std::shared_ptr<partition_shell>>& partitions() const noexcept { return partitions_; }
  /// All that is in hand anywhere here; of each session that is in memory.
  [[nodiscard]] std::map<session_id, session::state> sessions() const;
  /// Nothing runs, nothing waits.
  [[nodiscard]] bool is_quiet() const;

private:
  process process_;
  network::link link_;
  process_clock clock_;
  process_ids ids_;
  process_log log_;
  process_letters letters_;
  process_events events_;
  no_metrics metrics_;
  told_notices notices_;
  chance_runner runner_;
  only_chance runners_;
  source source_;
  surroundings around_;
  std::shared_ptr<slots_shell> slots_;
  std::map<partition_id, std::shared_ptr<partition_shell>> partitions_;
};

} // namespace baton::simulation
