// One append to a session's log: atomic, because it is one message. Body: this record; headers: its events.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "messages/digest.hpp"
#include "messages/entry.hpp"
#include "messages/event.hpp"
#include "messages/head.hpp"
#include "messages/ids.hpp"

namespace baton {

/// Raised when an older node could no longer read what a newer one writes.
inline constexpr std::uint32_t commit_schema = 1;

/// A message that is settled, and of whose acknowledgement the owner had no confirmation when it wrote: it may still be in the
/// queue, so its id stays in the ledger until it has come again, or a later one has.
struct open_ack {
  message_kind kind = message_kind::task;
  stream_seq seq;
  id_hash id;
  friend bool operator==(const open_ack&, const open_ack&) = default;
};

struct commit {
  session_id session;
  node_id node;
  baton::epoch epoch;
  commit_number number;
  baton::head head;
  std::vector<entry> entries;
  /// At most `ledger_most`.
  std::vector<open_ack> open_acks;
  /// Not in the body: they travel as headers.
  std::vector<event> events;
  /// W3C trace context, or empty; a header too.
  std::string traceparent;
  /// Replaces all earlier commits of the session (a tombstone).
  bool rolls_up = false;
  friend bool operator==(const commit&, const commit&) = default;
};

/// A commit as read back.
struct stored_commit {
  stream_seq seq;
  instant stored_at;
  baton::commit commit;
};

} // namespace baton
