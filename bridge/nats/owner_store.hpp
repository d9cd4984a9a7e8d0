// Owners and nodes on JetStream: one message per partition, one per node. Records are small JSON objects that a person can read
// with any client.
#pragma once

#include <cstdint>

#include "actors/ports/owner_store.hpp"
#include "bridge/nats/requester.hpp"

namespace baton::nats {

class nats_owner_store final : public owner_store {
public:
  /// `over` outlives the store. `partitions`: as the streams have it.
  nats_owner_store(requester& over, std::uint64_t partitions) : over_{over}, partitions_{partitions} {}

  void read_owners(std::function<void(expected<std::vector<owner_record>, store_failure>)> done) override;
  void write_owner(owner_record record, std::function<void(write_result)> done) override;
  void read_nodes(std::function<void(expected<std::vector<node_record>, store_failure>)> done) override;
  void write_node(node_record record, std::function<void(write_result)> done) override;
  void remove_node(node_record record) override;

private:
  requester& over_;
  std::uint64_t partitions_;
};

} // namespace baton::nats
