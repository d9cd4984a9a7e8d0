// Sessions, commits and letters as a person reads them, and as JSON objects. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/nats/log_reader.hpp"
#include "messages/commit.hpp"
#include "messages/control.hpp"

namespace baton::cli {

/// A text as it is, anything else as JSON.
[[nodiscard]] std::string shown(const value& v);
/// `2026-03-02T09:15:04.127Z`
[[nodiscard]] std::string shown(instant at);
[[nodiscard]] std::string shown(const labels& l);
/// `1.5 MiB`
[[nodiscard]] std::string shown_bytes(std::uint64_t bytes);
/// One line: nothing that moves a terminal's cursor.
[[nodiscard]] std::string on_one_line(std::string_view text);
/// `name` and blanks up to `width`, always at least one blank.
[[nodiscard]] std::string padded(std::string_view name, std::size_t width);

[[nodiscard]] std::string_view to_text(settlement ended);
[[nodiscard]] std::string_view to_text(verdict v);
[[nodiscard]] std::string_view to_text(entry_kind kind);
[[nodiscard]] std::string_view name_of(const phase& p);
/// The run under way; nullptr if there is none.
[[nodiscard]] const run_record* run_of(const phase& p);

/// What an event says of a turn that waits for its time; nothing: it is about something else.
[[nodiscard]] std::optional<instant> delayed_until(const value& event);
/// The turns that wait for their time; nothing: none does.
struct delays {
  std::size_t turns = 0;
  instant first;
};
[[nodiscard]] std::optional<delays> delays_of(const head& h);
/// Of the part of an event that a line has room for: `run_completed t7 slice 2`. Takes the JSON of a `Baton-Event`.
[[nodiscard]] std::string shown_event(const value& event);
[[nodiscard]] value to_value(const event& e);
[[nodiscard]] value to_value(const session_id& session, const head& h);
[[nodiscard]] value to_value(const entry& e);
[[nodiscard]] value to_value(const nats::stored_letter& letter);
[[nodiscard]] std::int64_t milliseconds_of(instant at);

/// Where to read more about a reason.
[[nodiscard]] std::string page_of(reason why);

} // namespace baton::cli
