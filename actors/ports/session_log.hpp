// The log of every session: the truth. Calls return at once; the result comes through the callback, exactly once, from any
// thread, and never from inside the call. The store outlives its callers' requests.
#pragma once

#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "messages/commit.hpp"
#include "messages/expected.hpp"
#include "messages/ids.hpp"

namespace baton {

enum class log_failure {
  /// The broker is away, or did not answer in time: it is not known whether the commit was stored. Ask again.
  unreachable,
  /// The log refuses new messages (size limit). Nothing was stored.
  full,
  /// The commit does not fit into one message. Nothing was stored, and nothing will be.
  too_large,
  /// What is stored cannot be read.
  unreadable,
};

/// The commit is stored, at this sequence.
struct appended {
  stream_seq seq;
};
/// The session's last sequence is above the expected one: somebody else wrote; nothing was stored by this call.
struct superseded {};
using append_result = std::variant<appended, superseded, log_failure>;

class session_log {
public:
  virtual ~session_log() = default;

  /// Stores `c` if the session's last commit is at `expected` (0: it has none). If it is below, the log has lost what it had
  /// confirmed: `unreachable`, since on what is left nobody may go on. Values over `inline_max` are stored by
  /// content first, and are whole again when read.
  virtual void append(partition_id partition, stream_seq expected, commit c, std::function<void(append_result)> done) = 0;

  using last_result = expected<std::optional<stored_commit>, log_failure>;
  /// The session's last commit, without its events, as the stream's leader has it.
  virtual void read_last(partition_id partition, const session_id& session, std::function<void(last_result)> done) = 0;

  using entries_result = expected<std::vector<entry>, log_failure>;
  /// What the session's commit at `seq` added to the transcript, its large values whole. `unreadable` if there is none.
  virtual void read_entries(partition_id partition, const session_id& session, stream_seq seq,
      std::function<void(entries_result)> done) = 0;
};

} // namespace baton
