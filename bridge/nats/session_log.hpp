// The log of every session on JetStream: one message per commit, appended by compare-and-set on the subject's last sequence.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "actors/ports/session_log.hpp"
#include "bridge/nats/requester.hpp"

namespace baton::nats {

/// How long an append or a read may take before it counts as unreachable.
inline constexpr milliseconds log_patience{5'000};

/// Values that are too large for a commit are in BATON_BLOBS before the commit that names them is sent. A checkpoint is removed
/// from there once a commit is stored that does not name it. The blobs of a deleted session are purged once its tombstone is
/// stored, and again whenever the tombstone is read: the first time may have failed.
class nats_session_log final : public session_log {
public:
  /// From any thread; they only post.
  struct notices {
    /// The log's stream is not there, or knows less of a session than it confirmed: then nothing is said of that session but
    /// `unreachable`.
    std::function<void()> missing;
    /// That stream takes no more; with each append that fails for it.
    std::function<void(std::string_view stream)> full;
  };
  /// `over` outlives the last callback; the log itself need not. After `patience` it is not known whether a commit was stored.
  explicit nats_session_log(requester& over, milliseconds patience = log_patience, notices tell = {});

  void append(partition_id partition, stream_seq expected, commit c, std::function<void(append_result)> done) override;
  void read_last(partition_id partition, const session_id& session, std::function<void(last_result)> done) override;
  void read_entries(partition_id partition, const session_id& session, stream_seq seq,
      std::function<void(entries_result)> done) override;

private:
  struct parts;
  std::shared_ptr<parts> parts_;
};

} // namespace baton::nats
