// The public part of a commit: what dashboards see, never content. One `Baton-Event` header each, a small JSON object.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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
};

struct event_kind_row {
  event_kind is;
  std::string_view text;
};

inline constexpr auto event_kinds = std::to_array<event_kind_row>({
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
});
[[nodiscard]] constexpr std::string_view to_text(event_kind k) { return event_kinds[static_cast<std::size_t>(k)].text; }

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
  /// For run_retry_scheduled: when it goes on.
  std::optional<instant> due;
  /// For events_omitted: how many.
  std::uint64_t count = 0;
  friend bool operator==(const event&, const event&) = default;
};

/// All `Baton-Event` headers of a commit together; what does not fit is counted in a final `events_omitted`.
inline constexpr std::size_t event_bytes_max = 48 * 1024;

} // namespace baton
