// Checkpoints that are too large for a commit's head, in BATON_BLOBS. They live under subjects of their own, since unlike an
// entry's value a checkpoint is removed once no commit needs it: when the next one's commit, or the run's end, is stored.
// Each is written anew, so the stream's sequence tells old from new; whatever a crash left goes with the next checkpoint of its
// session, or when the session is deleted. Calls return at once; callbacks come exactly once. Any thread, but one call of a
// session at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bridge/nats/blobs.hpp"
#include "bridge/nats/requester.hpp"
#include "messages/entry.hpp"
#include "messages/ids.hpp"

namespace baton::nats {

/// Sessions whose checkpoint is remembered; of one that is forgotten, what the next checkpoint replaces waits for the one after.
inline constexpr std::size_t checkpoints_known_max = 16'384;

class checkpoint_store {
public:
  /// `over` outlives the last callback; the store itself need not.
  checkpoint_store(requester& over, milliseconds patience);
  ~checkpoint_store();

  /// Before the commit that names it. Nothing: every chunk is confirmed. The callback comes from inside the call if `ref` is the
  /// newest checkpoint of the session already.
  void put(const session_id& session, blob_ref ref, std::string bytes,
      std::function<void(std::optional<blob_failure>)> done);
  /// The one that the session's last commit names.
  void get(const session_id& session, const blob_ref& ref, std::function<void(blob_store::bytes_or_failure)> done);
  /// A commit is stored that names `current`, or none: removes what came before. Best effort.
  void stored(const session_id& session, const std::optional<blob_ref>& current);
  /// The session's last commit was read, and names none.
  void read_none(const session_id& session);

private:
  struct state;
  std::shared_ptr<state> state_;
};

} // namespace baton::nats
