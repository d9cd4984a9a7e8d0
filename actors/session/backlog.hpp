// The tasks of one session that wait beyond what it holds in memory: of each only where it lies in the queue, and under which id.
// There may be thousands, and every arriving task is looked up among them; so nothing that is done for each task or turn walks
// through all of them.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <unordered_map>

#include "messages/ids.hpp"
#include "messages/instant.hpp"
#include "messages/task.hpp"

namespace baton::session {

/// Admitted beyond what is held in memory: read back by sequence when its turn comes.
struct stub {
  stream_seq seq;
  id_hash id;
  body_digest digest;
  bool after_crash = false;
  bool has_waited = false;
  std::optional<instant> ready_at{};
};

/// A value. Invariant: in stream order, each sequence and each id once; `seq_by_id_` has exactly the ids of `waiting_`.
class backlog {
public:
  using const_iterator = std::deque<stub>::const_iterator;

  /// Mostly the newest. Nothing happens if its sequence or its id is there already; false then.
  bool add(stub message);
  /// Nothing happens if it is not there.
  void remove(stream_seq seq);
  void clear() noexcept;

  /// nullptr: not there. Valid until the next change.
  [[nodiscard]] const stub* find(stream_seq seq) const;
  [[nodiscard]] const stub* find(id_hash id) const;
  /// The next one in its turn. Not of an empty one.
  [[nodiscard]] const stub& front() const { return waiting_.front(); }
  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
  [[nodiscard]] const_iterator begin() const noexcept { return waiting_.begin(); }
  [[nodiscard]] const_iterator end() const noexcept { return waiting_.end(); }

private:
  /// Both halves are bits of a digest already.
  struct low_bits {
    std::size_t operator()(id_hash id) const noexcept { return static_cast<std::size_t>(id.low); }
  };
  [[nodiscard]] const_iterator place_of(stream_seq seq) const;

  std::deque<stub> waiting_;
  std::unordered_map<id_hash, stream_seq, low_bits> seq_by_id_;
};

} // namespace baton::session
