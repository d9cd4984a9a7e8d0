// The public part of a commit: what dashboards see, never content. One `Baton-Event` header each, a small JSON object.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messages/closed_list.hpp"
#include "messages/ids.hpp"
#include "messages/instant.hpp"

namespace baton {

enum class event_kind : std::uint8_t {
  session_taken,
  slice_started,
  checkpoint_stored,
  run_yielded,
  run_retry_scheduled,
  execution_lost,
  run_completed,
  run_failed,
  run_cancelled,
  dead_letter_confirmed,
  session_edited,
  session_deleted,
  events_omitted,
  message_disposed,
};

inline constexpr auto event_kinds = std::to_array<name_row<event_kind>>({
    {event_kind::session_taken, "session_taken"},
    {event_kind::slice_started, "slice_started"},
    {event_kind::checkpoint_stored, "checkpoint_stored"},
    {event_kind::run_yielded, "run_yielded"},
    {event_kind::run_retry_scheduled, "run_retry_scheduled"},
    {event_kind::execution_lost, "execution_lost"},
    {event_kind::run_completed, "run_completed"},
    {event_kind::run_failed, "run_failed"},
    {event_kind::run_cancelled, "run_cancelled"},
    {event_kind::dead_letter_confirmed, "dead_letter_confirmed"},
    {event_kind::session_edited, "session_edited"},
    {event_kind::session_deleted, "session_deleted"},
    {event_kind::events_omitted, "events_omitted"},
    {event_kind::message_disposed, "message_disposed"},
});
static_assert(in_order(event_kinds));
[[nodiscard]] constexpr std::string_view to_text(event_kind k) { return name_in(event_kinds, k); }

/// What became of a message that came while a run was under way, or before its time.
enum class disposition : std::uint8_t {
  /// None is told.
  none,
  /// Waits for its turn, or has.
  queued,
  /// Joined the run at a boundary.
  injected,
  /// Was to join the run, and becomes a turn instead.
  next_turn,
  /// Became part of a turn that waited.
  merged,
  /// Gave way to a newer turn.
  replaced,
  /// Ended the run, and waits for its turn.
  interrupted,
  /// Likewise; what the run added is no part of the context any more.
  rolled_back,
  /// A turn that does not start before its time.
  delayed,
};
inline constexpr auto dispositions = std::to_array<name_row<disposition>>({
    {disposition::none, ""},
    {disposition::queued, "queued"},
    {disposition::injected, "injected"},
    {disposition::next_turn, "next_turn"},
    {disposition::merged, "merged"},
    {disposition::replaced, "replaced"},
    {disposition::interrupted, "interrupted"},
    {disposition::rolled_back, "rolled_back"},
    {disposition::delayed, "delayed"},
});
static_assert(in_order(dispositions));
[[nodiscard]] constexpr std::string_view to_text(disposition d) { return name_in(dispositions, d); }

struct event {
  event_kind kind = event_kind::session_taken;
  instant at;
  baton::epoch epoch;
  task_id run;             // empty: about the session
  execution_id execution;  // empty: none involved
  slice_number slice;      // 0: none
  std::uint32_t attempt = 0;
  /// A reason's text, or empty.
  std::string code;
  /// For run_retry_scheduled: when it goes on; for a message that is delayed: when it may start.
  std::optional<instant> due;
  /// For events_omitted: how many.
  std::uint64_t count = 0;
  /// For message_disposed, where `run` is the message's id; and `queued` for a run that had to wait.
  baton::disposition disposition = baton::disposition::none;
  /// For message_disposed: the run or turn that it joined, stopped, missed or gave way to.
  task_id other{};
  /// For a message that was injected: which boundary of the slice, from 1; 0: at its start.
  std::uint32_t boundary = 0;
  friend bool operator==(const event&, const event&) = default;
};

/// All `Baton-Event` headers of a commit together; what does not fit is counted in a final `events_omitted`.
inline constexpr std::size_t event_bytes_max = 48 * 1024;

} // namespace baton
