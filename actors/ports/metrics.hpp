// What is counted, declared once. The one place that names a metric; the page /metrics and its help come from this table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/reason.hpp"

namespace baton {

enum class counter : std::uint8_t {
  tasks_delivered,
  runs_completed,
  runs_failed,
  runs_cancelled,
  slices_started,
  executions_lost,
  commits_stored,
  appends_superseded,
  retries_scheduled,
  messages_dropped,
  sessions_activated,
  sessions_passivated,
  sessions_quarantined,
  takeovers,
  log_reserve_reached,
  stream_was_full,
  turns_delayed,
  wakes_stored,
  wakes_removed,
  wakes_fired,
  wakes_fired_late,
  wakes_looked_up,
  wakes_unreadable,
};

struct counter_row {
  counter is;
  std::string_view name;
  std::string_view help;
};

inline constexpr auto counters = std::to_array<counter_row>({
    {counter::tasks_delivered, "baton_tasks_delivered_total", "tasks and control messages received from the queue"},
    {counter::runs_completed, "baton_runs_completed_total", "runs that ended completed"},
    {counter::runs_failed, "baton_runs_failed_total", "runs that ended failed"},
    {counter::runs_cancelled, "baton_runs_cancelled_total", "runs that ended cancelled"},
    {counter::slices_started, "baton_slices_started_total", "slices that were given a slot"},
    {counter::executions_lost, "baton_executions_lost_total", "executions that died or fell silent"},
    {counter::commits_stored, "baton_commits_stored_total", "commits appended to session logs"},
    {counter::appends_superseded, "baton_appends_superseded_total",
        "appends refused because somebody else wrote first"},
    {counter::retries_scheduled, "baton_retries_scheduled_total", "runs put into retry_wait"},
    {counter::messages_dropped, "baton_messages_dropped_total",
        "live events and answers that were not sent: no connection, or too large for one message"},
    {counter::sessions_activated, "baton_sessions_activated_total", "session actors started"},
    {counter::sessions_passivated, "baton_sessions_passivated_total", "idle session actors ended"},
    {counter::sessions_quarantined, "baton_sessions_quarantined_total",
        "times that a session was set aside because its actor kept ending in error"},
    {counter::takeovers, "baton_takeovers_total", "partitions taken"},
    {counter::log_reserve_reached, "baton_log_reserve_reached_total",
        "times that slices stopped starting because the log was nearly full"},
    {counter::stream_was_full, "baton_stream_was_full_total",
        "commits that had to wait because the log or the large values' stream was full"},
    {counter::turns_delayed, "baton_turns_delayed_total", "turns that were put into the log because of their not_before"},
    {counter::wakes_stored, "baton_wakes_stored_total", "durable timers that sessions asked for and have"},
    {counter::wakes_removed, "baton_wakes_removed_total", "durable timers that sessions need no more"},
    {counter::wakes_fired, "baton_wakes_fired_total", "durable timers whose time had come"},
    {counter::wakes_fired_late, "baton_wakes_fired_late_total", "of those, the ones that were late, as after downtime"},
    {counter::wakes_looked_up, "baton_wakes_looked_up_total",
        "durable timers that were read again because the broker had refused a change, or not answered"},
    {counter::wakes_unreadable, "baton_wakes_unreadable_total", "durable timers that were skipped because they cannot be read"},
});

constexpr bool counters_in_order() {
  for (std::size_t i = 0; i < counters.size(); ++i) {
    if (static_cast<std::size_t>(counters[i].is) != i) return false;
  }
  return true;
}
static_assert(counters_in_order());

/// One series for each reason, told apart by the label.
struct refusal_counter {
  std::string_view name;
  std::string_view help;
  std::string_view label;
};
inline constexpr refusal_counter refusals = {
    "baton_refusals_total", "tasks and control messages refused or given up on", "reason"};

/// What one tenant has and wants of a node's slots.
struct tenant_load {
  std::string tenant;
  std::size_t waiting = 0;
  std::size_t running = 0;
  friend bool operator==(const tenant_load&, const tenant_load&) = default;
};

/// Two series for each tenant that has a label.
struct tenant_gauges {
  std::string_view waiting;
  std::string_view waiting_help;
  std::string_view running;
  std::string_view running_help;
  std::string_view label;
};
inline constexpr tenant_gauges tenant_series = {"baton_slices_waiting", "slices that wait for a slot, by tenant",
    "baton_slots_used", "slots in use, by tenant", "tenant"};

/// Any thread; never blocks for long.
class metrics {
public:
  virtual ~metrics() = default;
  virtual void count(counter what, std::uint64_t by = 1) = 0;
  /// In `refusals`: one for each refused or dead task.
  virtual void count_refusal(reason why) = 0;
  /// As it is now. How many labels there are is bounded by who calls this.
  virtual void tenants_have(const std::vector<tenant_load>& loads) = 0;
};

} // namespace baton
