// The durable timers of all sessions, by partition. Calls return at once; results come through the callback, exactly once, from
// any thread, and never from inside the call. All reads go through the stream's leader.
// One session and key have at most one wake. It is changed only over the sequence at which the caller knows it, and removed only
// by that sequence: so an owner that lost its partition can undo nothing that its successor wrote.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "messages/expected.hpp"
#include "messages/ids.hpp"
#include "messages/wake.hpp"

namespace baton {

enum class wake_failure {
  /// The broker is away, or did not answer in time: it is not known whether it was done. Read, then ask again.
  unreachable,
  /// The stream takes no more. Nothing was stored.
  full,
};
/// Stored, at this sequence.
struct wake_written {
  stream_seq seq;
};
/// It is not, or no longer, where the caller thought; nothing was done.
struct wake_differs {};
struct wake_gone {};
using wake_put_result = std::variant<wake_written, wake_differs, wake_failure>;
using wake_remove_result = std::variant<wake_gone, wake_differs, wake_failure>;

struct found_wake {
  stream_seq seq;
  /// Nothing: what is stored there cannot be read.
  std::optional<baton::wake> wake;
};

struct stored_wake {
  session_id session;
  wake_key key;
  baton::wake wake;
  stream_seq seq;
};
struct unreadable_wake {
  std::string subject;
  stream_seq seq;
};
/// Some of a partition's wakes, in the order of their sequences; at most `wake_page_max` together.
struct wake_page {
  std::vector<stored_wake> wakes;
  /// Skipped, and left where they are.
  std::vector<unreadable_wake> unreadable;
  /// Where the next page begins; nothing: this was the last.
  std::optional<stream_seq> next;
};
inline constexpr std::size_t wake_page_max = 4'096;

class wake_store {
public:
  virtual ~wake_store() = default;

  /// Stores it if the last one of its session and key is at `expected` (0: there is none).
  virtual void put(partition_id partition, const session_id& session, const wake_key& key, wake w, stream_seq expected,
      std::function<void(wake_put_result)> done) = 0;
  /// Removes what is stored at `seq`.
  virtual void remove(partition_id partition, stream_seq seq, std::function<void(wake_remove_result)> done) = 0;
  using find_result = expected<std::optional<found_wake>, wake_failure>;
  virtual void find(partition_id partition, const session_id& session, const wake_key& key,
      std::function<void(find_result)> done) = 0;
  using load_result = expected<wake_page, wake_failure>;
  /// The wakes of the partition at or after `from` (1: all). Those that are stored or removed while the pages are read may be
  /// in them or not; all others are.
  virtual void load(partition_id partition, stream_seq from, std::function<void(load_result)> done) = 0;
};

} // namespace baton
