// The bounded part of a session that each commit rewrites. Reading a session is reading its last commit's head.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "messages/busy.hpp"
#include "messages/control.hpp"
#include "messages/entry.hpp"
#include "messages/ids.hpp"
#include "messages/instant.hpp"
#include "messages/outcome.hpp"
#include "messages/task.hpp"

namespace baton {

/// A run under way. Its input is in its message, which stays unacknowledged until the run is settled.
struct run_record {
  task_id id;
  /// Where its task lies in BATON_TASKS.
  stream_seq message;
  body_digest digest;
  std::string runner;
  std::string tenant;
  execution_id execution;
  slice_number slice;
  /// Executions that ended badly (failure worth a retry, crash, silence) since the last checkpoint.
  std::uint32_t attempts = 0;
  /// How many of those took their node with them, as far as can be told.
  std::uint32_t crashes = 0;
  instant accepted_at;
  instant started_at;
  std::optional<instant> deadline;
  std::optional<baton::checkpoint> last_checkpoint;
  /// The turn's input is already an entry of the transcript.
  bool input_stored = false;
  /// The newest failure, for the dead letter; at most `error_text_max`.
  std::string last_error;
  /// It had to wait for another run.
  bool has_waited = false;
  /// Its runner hears what is said to the run at boundaries.
  bool hears = false;
  /// The turn that ended it, or will as soon as it has stopped; empty: none.
  task_id stopped_by;
  /// Then what it added is no part of the context any more.
  bool is_rolled_back = false;
  friend bool operator==(const run_record&, const run_record&) = default;
};

namespace phases {
struct idle {
  friend bool operator==(idle, idle) { return true; }
};
/// A slice runs, or is about to; after a take-over: is to be started again.
struct running {
  run_record run;
  friend bool operator==(const running&, const running&) = default;
};
/// Failed, worth another try, not before `due`.
struct retry_wait {
  run_record run;
  instant due;
  friend bool operator==(const retry_wait&, const retry_wait&) = default;
};
/// Stopped at its checkpoint; goes before newer turns.
struct yielded {
  run_record run;
  friend bool operator==(const yielded&, const yielded&) = default;
};
/// Final: a tombstone.
struct deleted {
  instant at;
  friend bool operator==(const deleted&, const deleted&) = default;
};
} // namespace phases

using phase = std::variant<phases::idle, phases::running, phases::retry_wait, phases::yielded, phases::deleted>;

/// How a settled id ended.
enum class settlement : std::uint8_t { completed, failed, cancelled, applied, refused, joined };

struct ledger_item {
  id_hash id;
  body_digest digest;
  settlement ended = settlement::completed;
  friend bool operator==(const ledger_item&, const ledger_item&) = default;
};

/// A durable effect that is listed until it is confirmed. Performing one twice is harmless: the id makes the second drop out.
struct outbox_item {
  /// Unique in the session; the dedupe id of what is published.
  std::string id;
  /// For now the only kind: a dead letter of the run with this id.
  task_id run;
  /// Where its task lies in BATON_TASKS.
  stream_seq message;
  reason why = reason::runner_failed;
  /// At most `error_text_max`.
  std::string text;
  std::uint32_t attempts = 0;
  instant at;
  friend bool operator==(const outbox_item&, const outbox_item&) = default;
};

/// A turn that waits for its `not_before`, or has begun since: its message is acknowledged, and the log has its task until it has
/// ended.
struct spilled_turn {
  id_hash id;
  body_digest digest;
  /// The commit that holds its task as a hidden entry; 0: the one that this head stands in.
  stream_seq stored;
  instant not_before;
  friend bool operator==(const spilled_turn&, const spilled_turn&) = default;
};

/// Where the newest run ended; what `baton show` and a redelivered task's answer need.
struct last_run {
  task_id id;
  settlement ended = settlement::completed;
  instant at;
  std::uint32_t slices = 0;
  std::optional<reason> code;
  friend bool operator==(const last_run&, const last_run&) = default;
};

struct head {
  baton::phase phase;
  /// Settled ids, oldest first; at most `ledger_max`, or those whose acknowledgement is not confirmed, up to `ledger_most`.
  std::vector<ledger_item> ledger;
  std::vector<outbox_item> outbox;
  busy_record busy;
  /// In the order of their coming; at most `spilled_max`.
  std::vector<spilled_turn> spilled;
  std::optional<last_run> last;
  std::string title;
  std::uint64_t title_version = 0;
  bool pinned = false;
  baton::labels labels;
  /// Sequence of the commit where the model context begins; 0: at the session's first.
  stream_seq context_from;
  std::uint64_t entries = 0;
  std::uint64_t runs = 0;
  instant created_at;
  instant changed_at;
  friend bool operator==(const head&, const head&) = default;
};

inline constexpr std::size_t ledger_max = 128;
/// With those whose acknowledgement is not confirmed: before there are more, nothing further is settled.
inline constexpr std::size_t ledger_most = 192;
/// No turn starts while this many durable effects are unconfirmed.
inline constexpr std::size_t outbox_max = 4;
/// A further delayed turn is refused.
inline constexpr std::size_t spilled_max = 32;
/// Bytes of a failure's text that the head keeps.
inline constexpr std::size_t error_text_max = 500;
/// A head may not be larger than this when encoded.
inline constexpr std::size_t head_bytes_max = 16 * 1024;

/// What each part of a head takes at most when encoded: what may grow, by its own limit, and the rest of it, names and lengths
/// included. A test measures the fullest head against them.
namespace head_parts {
inline constexpr std::size_t ledger_item_bytes = 25;
/// Its checkpoint is in place; a larger one is a reference, which is smaller.
inline constexpr std::size_t run =
    3 * 64 + tenant_bytes_max + runner_bytes_max + error_text_max + checkpoint_inline_max + 384;
inline constexpr std::size_t ledger = ledger_most * ledger_item_bytes + 16;
/// Of an item, beside its text: ids, times and counts.
inline constexpr std::size_t outbox = outbox_max * (error_text_max + 192) + 16;
inline constexpr std::size_t spilled_item_bytes = 40;
inline constexpr std::size_t spilled = spilled_max * spilled_item_bytes + 16;
inline constexpr std::size_t joined_item_bytes = 42;
inline constexpr std::size_t decided_item_bytes = 17;
inline constexpr std::size_t busy = joined_max * joined_item_bytes + decided_max * decided_item_bytes + 64 + 112;
inline constexpr std::size_t title = 4 * title_characters_max + 16;
inline constexpr std::size_t labels = labels_bytes_max + 5 * labels_max + 16;
/// The newest run's end, counts, times and marks.
inline constexpr std::size_t rest = 288;
inline constexpr std::size_t together = run + ledger + outbox + spilled + busy + title + labels + rest;
} // namespace head_parts
static_assert(head_parts::together <= head_bytes_max);

} // namespace baton
