// What bounds one session, and how long things of it may take. Made from the configuration, apart from what says "no option".
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "messages/busy.hpp"
#include "messages/head.hpp"
#include "messages/instant.hpp"
#include "messages/task.hpp"

namespace baton::session {

struct limits {
  std::size_t in_memory_max = 64;
  /// Payloads of waiting tasks in memory together; the first one is held whatever its size.
  std::size_t in_memory_bytes_max = std::size_t{2} << 20U;
  /// The first few: what is held in memory instead of `in_memory_max` while the partition is crowded, with an eighth of the
  /// bytes; and twice what is read back ahead. No option: what waits longer is read back in about a millisecond.
  std::size_t crowded_max = 4;
  std::size_t backlog_max = 1024;
  std::uint32_t max_attempts = 3;
  milliseconds retry_first{2'000};
  milliseconds retry_longest{60'000};
  milliseconds slice_time_limit{300'000};
  milliseconds run_wall_limit{11 * 3'600'000};
  /// Of one run, however they ended.
  std::uint64_t slices_max = 48;
  /// Between a cancel and the abort.
  milliseconds settle{5'000};
  // No options, because what they leave open must find room in the head: a test holds their sum against `ledger_most`.
  /// Cancels of one run that wait for its end; a further one is a duplicate.
  std::size_t cancels_max = 16;
  /// Cancels and steers that came before their turn; and as many cancels that wait for what is to be read back.
  std::size_t early_max = 16;
  /// Messages that wait to join a run, or have joined one and may be needed again.
  std::size_t joined_max = baton::joined_max;
  /// No turn starts and no control message is carried out while this many ids must stay in the ledger because their
  /// acknowledgements are not confirmed. What is in hand then may still be settled, which `ledger_most` has room for.
  std::size_t open_acks_max = 96;
  /// Refusals on record whose letters are not stored yet; further ones are refused without a record. No option either: it
  /// only bounds how much of the ledger refusals may push out.
  std::size_t open_refusals_max = 64;
  milliseconds early_kept{60'000};
  /// Turns that wait for their `not_before`; a further one is refused. No option: each stands in the head.
  std::size_t delayed_max = spilled_max;
  /// How far ahead that may lie.
  milliseconds delay_max{366LL * 24 * 3'600'000};
  /// Quiet before a turn with the policy `debounce` starts, and its longest wait for that.
  milliseconds debounce{2'000};
  milliseconds debounce_longest{20'000};
  std::size_t labels_max = baton::labels_max;
  /// Entries of one commit together, each counted at most as `inline_max` (larger ones become blobs).
  std::size_t record_bytes_max = 640 * 1024;
  std::set<std::string, std::less<>> runners;
};

} // namespace baton::session
