// Why something was refused, failed or given up: the closed list that producers, operators and dashboards see.
// Each has a page in ops/errors/<text>.md; ops/checks/tidy.py compares the two.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messages/closed_list.hpp"

namespace baton {

enum class reason : std::uint8_t {
  not_decodable,
  too_large,
  too_deep,
  too_many_values,
  missing_field,
  wrong_type,
  unknown_version,
  unknown_kind,
  unknown_runner,
  unknown_policy,
  not_supported,
  invalid_session_id,
  invalid_task_id,
  task_conflict,
  deadline_passed,
  reply_not_allowed,
  backlog_full,
  deleted,
  title_conflict,
  too_many_labels,
  max_attempts,
  runner_failed,
  program_not_started,
  program_exit,
  program_protocol,
  time_limit,
  output_limit,
  memory_limit,
  execution_lost,
  record_too_large,
  log_unreadable,
  too_many_slices,
  run_too_long,
  session_busy,
  too_many_waiting,
  replaced,
  invalid_not_before,
};

struct reason_row {
  reason is;
  /// As it stands in dead letters, events, answers and metrics, and as the name of its page.
  std::string_view text;
  /// One sentence for a person.
  std::string_view sentence;
};

inline constexpr auto reasons = std::to_array<reason_row>({
    {reason::not_decodable, "not_decodable", "the payload is neither a msgpack map nor a JSON object"},
    {reason::too_large, "too_large", "the payload, or one of its fields, is larger than the limit"},
    {reason::too_deep, "too_deep", "the payload is nested deeper than the limit"},
    {reason::too_many_values, "too_many_values", "the payload holds more values than the limit"},
    {reason::missing_field, "missing_field", "a field that this kind needs is missing"},
    {reason::wrong_type, "wrong_type", "a field has a type or a value that it cannot have"},
    {reason::unknown_version, "unknown_version", "the message's version is newer than this node can read"},
    {reason::unknown_kind, "unknown_kind", "no message of this kind exists on this subject"},
    {reason::unknown_runner, "unknown_runner", "no runner of that name is configured"},
    {reason::unknown_policy, "unknown_policy", "when_busy names a policy that does not exist"},
    {reason::not_supported, "not_supported", "this version of Baton does not do that yet"},
    {reason::invalid_session_id, "invalid_session_id", "the subject's last token is not a session id"},
    {reason::invalid_task_id, "invalid_task_id", "the id is not a task id"},
    {reason::task_conflict, "task_conflict", "the session has already seen this id with another body"},
    {reason::deadline_passed, "deadline_passed", "the task's deadline passed before it was done"},
    {reason::reply_not_allowed, "reply_not_allowed", "reply_to names a subject outside the allowed prefixes"},
    {reason::backlog_full, "backlog_full", "the session already has as many waiting tasks as the limit allows"},
    {reason::deleted, "deleted", "the session was deleted"},
    {reason::title_conflict, "title_conflict", "the title was changed by somebody else meanwhile"},
    {reason::too_many_labels, "too_many_labels", "the session would have more labels than the limit"},
    {reason::max_attempts, "max_attempts", "the run was tried as often as the limit allows"},
    {reason::runner_failed, "runner_failed", "the runner reported a failure that is not worth a retry"},
    {reason::program_not_started, "program_not_started", "the runner's program could not be started"},
    {reason::program_exit, "program_exit", "the runner's program ended with a failure"},
    {reason::program_protocol, "program_protocol", "the runner's program broke the jsonl protocol"},
    {reason::time_limit, "time_limit", "the slice took longer than its limit"},
    {reason::output_limit, "output_limit", "the runner's program wrote more than its limit"},
    {reason::memory_limit, "memory_limit", "the runner's program needed more memory than its limit"},
    {reason::execution_lost, "execution_lost", "the execution died or fell silent"},
    {reason::record_too_large, "record_too_large", "what the slice wants stored does not fit into one commit"},
    {reason::log_unreadable, "log_unreadable", "the session's log cannot be read; the session is quarantined"},
    {reason::too_many_slices, "too_many_slices", "the run needed more slices than the limit allows"},
    {reason::run_too_long, "run_too_long", "the run took longer than its wall limit"},
    {reason::session_busy, "session_busy", "a run was under way, and the task asked to be refused then"},
    {reason::too_many_waiting, "too_many_waiting", "as many such messages as the limit allows already wait for a run of this session"},
    {reason::replaced, "replaced", "a newer task took the place of those that waited"},
    {reason::invalid_not_before, "invalid_not_before", "not_before lies too far ahead, or does not go with the task's other fields"},
});

[[nodiscard]] constexpr const reason_row& describe(reason r) { return reasons[static_cast<std::size_t>(r)]; }
[[nodiscard]] constexpr std::string_view to_text(reason r) { return describe(r).text; }
[[nodiscard]] constexpr std::optional<reason> parse_reason(std::string_view text) { return parse_in(reasons, text); }
static_assert(in_order(reasons));

/// A refusal as a value: why, and for the person who reads the dead letter, what exactly (a field's name, a limit), never content.
struct refusal {
  reason why = reason::not_decodable;
  std::string detail;
  friend bool operator==(const refusal&, const refusal&) = default;
};

} // namespace baton
