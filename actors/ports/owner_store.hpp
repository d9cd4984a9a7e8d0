// Who owns which partition, and who is alive. Calls return at once; results come through the callback, exactly once, from any
// thread, and never from inside the call. Reads go through the streams' leader.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "messages/expected.hpp"
#include "messages/ids.hpp"
#include "messages/instant.hpp"

namespace baton {

struct owner_record {
  partition_id partition;
  node_id node;
  baton::epoch epoch;
  /// Given up in good order: nobody works on it, the next owner need not wait.
  bool released = false;
  /// Where the record lies; what the next write must expect. 0: no record yet.
  stream_seq revision;
  /// Of a released one: some session may still be as a crash before that left it. One that was not released is unclean anyway.
  bool unclean = false;
  friend bool operator==(const owner_record&, const owner_record&) = default;
};

struct node_record {
  node_id node;
  /// Raised by one with each heartbeat.
  std::uint64_t beat = 0;
  std::string host;
  std::uint64_t slots = 0;
  bool draining = false;
  /// Where the record lies: it stands still when the node does.
  stream_seq revision;
  /// By the store's clock, set when it is read: good for telling how old records are beside each other, and for nothing else.
  instant stored_at;
  friend bool operator==(const node_record&, const node_record&) = default;
};

enum class store_failure { unreachable, unreadable };
struct written {
  stream_seq revision;
};
/// Somebody else wrote first; nothing was stored.
struct write_refused {};
using write_result = std::variant<written, write_refused, store_failure>;

class owner_store {
public:
  virtual ~owner_store() = default;
  /// All partitions that have a record.
  virtual void read_owners(std::function<void(expected<std::vector<owner_record>, store_failure>)> done) = 0;
  /// Stores `record` if the partition's record is still at `record.revision`.
  virtual void write_owner(owner_record record, std::function<void(write_result)> done) = 0;
  virtual void read_nodes(std::function<void(expected<std::vector<node_record>, store_failure>)> done) = 0;
  /// Unconditional: only a node writes its own record.
  virtual void write_node(node_record record, std::function<void(write_result)> done) = 0;
  /// Removes the record if it still lies at `revision`: one that was written since stays. Nobody hears how it went, for what is
  /// still there will be read again.
  virtual void remove_node(node_record record) = 0;
};

} // namespace baton
