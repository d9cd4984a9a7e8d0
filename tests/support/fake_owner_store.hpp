// Who owns what and who is alive, in memory, and stores over it, one for each node, for tests of actors. Nothing happens by
// itself: what was asked is done and answered in `run`, in order, on the caller's thread. One thread.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>

#include "actors/ports/owner_store.hpp"

namespace baton::support {

/// What the broker keeps. Outlives the stores that look at it.
struct kept_records {
  std::map<partition_id, owner_record> owners;
  std::map<node_id, node_record> nodes;
  /// Of the last write to either.
  stream_seq last;
};

class fake_owner_store final : public owner_store {
public:
  explicit fake_owner_store(kept_records& records) : records_{records} {}

  void read_owners(std::function<void(expected<std::vector<owner_record>, store_failure>)> done) override;
  void write_owner(owner_record record, std::function<void(write_result)> done) override;
  void read_nodes(std::function<void(expected<std::vector<node_record>, store_failure>)> done) override;
  void write_node(node_record record, std::function<void(write_result)> done) override;
  void remove_node(node_record record) override;

  /// Does and answers all that was asked. Returns how many answers were given.
  std::size_t run();

  /// While false, nothing is read or stored, and callers hear so.
  void set_reachable(bool reachable) { reachable_ = reachable; }
  /// While true, nothing is done: what was asked waits.
  void hold(bool held) { held_ = held; }
  /// While true, writes of owners wait, and all else goes on.
  void hold_owners(bool held);
  /// While true, writes of owners are stored, but their callers hear `unreachable`.
  void lose_acks_of_owners(bool lost) { acks_lost_ = lost; }
  [[nodiscard]] std::size_t beats_asked() const noexcept { return beats_; }

private:
  kept_records& records_;
  std::deque<std::function<void()>> asked_;
  std::deque<std::function<void()>> waiting_;
  std::size_t beats_ = 0;
  bool reachable_ = true;
  bool held_ = false;
  bool owners_held_ = false;
  bool acks_lost_ = false;
};

} // namespace baton::support
