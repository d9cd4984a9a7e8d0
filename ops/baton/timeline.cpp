#include "ops/baton/timeline.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "ops/baton/shown.hpp"

namespace baton::cli {
namespace {

std::optional<settlement> settlement_of(event_kind kind) {
  if (kind == event_kind::run_completed) return settlement::completed;
  if (kind == event_kind::run_failed) return settlement::failed;
  if (kind == event_kind::run_cancelled) return settlement::cancelled;
  return std::nullopt;
}

bool ends_slice(event_kind kind) {
  static constexpr auto ends = std::to_array({event_kind::run_yielded, event_kind::run_retry_scheduled, event_kind::execution_lost,
      event_kind::run_completed, event_kind::run_failed, event_kind::run_cancelled, event_kind::session_taken});
  return std::ranges::find(ends, kind) != ends.end();
}

bool is_same_row(const timeline_step& a, const timeline_step& b) {
  return a.kind == event_kind::checkpoint_stored && b.kind == a.kind && a.slice == b.slice && a.epoch == b.epoch && a.node == b.node
         && a.execution == b.execution && !b.is_elsewhere;
}

timeline_step step_of(const stored_commit& c, const event& e) {
  timeline_step s;
  s.kind = e.kind;
  s.at = s.until = c.stored_at;
  s.commit = s.to_commit = c.commit.number;
  s.epoch = c.commit.epoch;
  s.node = c.commit.node;
  s.execution = e.execution;
  s.slice = e.slice;
  s.attempt = e.attempt;
  s.code = e.code;
  s.due = e.due;
  if (e.kind == event_kind::message_disposed) {
    s.message = e.run;
    s.disposition = e.disposition;
  }
  return s;
}

std::string numbered(std::uint64_t n, const std::string& one, const std::string& many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}
std::string numbered(std::uint64_t n, const std::string& one) { return numbered(n, one, one + "s"); }

/// An event that has no words of its own here is told by its name.
std::string words_of(const timeline_step& s) {
  const auto slice = "slice " + std::to_string(s.slice.value);
  if (s.kind == event_kind::session_taken) return "taken over";
  if (s.kind == event_kind::slice_started) return slice + " runs";
  if (s.kind == event_kind::checkpoint_stored) return numbered(s.count, "checkpoint");
  if (s.kind == event_kind::run_yielded) return slice + " yields";
  if (s.kind == event_kind::run_retry_scheduled) return slice + " fails";
  if (s.kind == event_kind::execution_lost) return slice + " is lost";
  if (s.kind == event_kind::dead_letter_confirmed) return "dead letter stored";
  if (const auto ended = settlement_of(s.kind)) return std::string{to_text(*ended)};
  if (s.kind == event_kind::message_disposed) {
    if (s.disposition == disposition::delayed && s.due) return "delayed until " + shown(*s.due);
    std::string became{to_text(s.disposition)};
    std::ranges::replace(became, '_', ' ');
    return s.message.text() + " " + became;
  }
  std::string name{to_text(s.kind)};
  std::ranges::replace(name, '_', ' ');
  return name;
}

std::string commits_of(const timeline_step& s) {
  if (s.to_commit == s.commit) return "commit " + std::to_string(s.commit.value);
  return "commits " + std::to_string(s.commit.value) + " to " + std::to_string(s.to_commit.value);
}

/// Without the node's name, which most executions' ids begin with.
std::string execution_of(const timeline_step& s) {
  const auto& id = s.execution.text();
  const auto prefix = s.node.text() + "-";
  return "execution " + (id.starts_with(prefix) ? id.substr(prefix.size()) : id);
}

std::string details_of(const timeline_step& s, instant began) {
  auto text = commits_of(s);
  const auto add = [&text](const std::string& more) { text += ", " + more; };
  const bool names_slice = s.kind == event_kind::slice_started || s.kind == event_kind::run_yielded
                           || s.kind == event_kind::run_retry_scheduled || s.kind == event_kind::execution_lost;
  if (s.is_new_slice && !names_slice && s.slice != slice_number{}) add("slice " + std::to_string(s.slice.value));
  if (s.is_new_slice && !s.execution.empty()) add(execution_of(s));
  if (s.is_elsewhere) add("epoch " + std::to_string(s.epoch.value) + " of " + s.node.text());
  if (s.until != s.at) add("until +" + shown_duration(s.until - began));
  if (!s.code.empty()) add(s.code);
  if (s.attempt > 0) add(numbered(s.attempt, "failed attempt"));
  if (s.due && s.disposition != disposition::delayed) add("retry due +" + shown_duration(*s.due - began));
  if (s.ran) add("the slice ran for " + std::string{s.ran_longer ? "at least " : ""} + shown_duration(*s.ran));
  if (s.kind == event_kind::session_taken) add("nothing was stored for " + shown_duration(s.after_silence));
  return text;
}

std::string line_of(const std::string& when, const std::string& what, const std::string& details) {
  constexpr std::size_t when_width = 13;
  constexpr std::size_t what_width = 26;
  std::string line(when_width - std::min(when_width, when.size()), ' ');
  line += when + "  " + what;
  if (details.empty()) return line;
  line.resize(std::max(line.size() + 1, when_width + 2 + what_width), ' ');
  return line + details;
}

std::string first_line(const timeline& t, instant now) {
  auto text = "run " + t.run.text() + (t.runner.empty() ? "" : " of runner " + t.runner);
  const auto& last = t.steps.back();
  if (!t.ended && last.disposition == disposition::delayed && last.message == t.run) return text + ": " + words_of(last);
  text += t.ended ? ": " + std::string{to_text(*t.ended)} : ": under way";
  if (!t.code.empty()) text += " (" + t.code + ")";
  text += (t.ended ? " after " : " for ") + shown_duration((t.ended ? t.ended_at : now) - t.began);
  std::string counts;
  const auto add = [&counts](std::uint64_t n, const std::string& one, const std::string& many) {
    if (n > 0) counts += (counts.empty() ? "" : ", ") + numbered(n, one, many);
  };
  add(t.slices, "slice", "slices");
  add(t.nodes, "node", "nodes");
  add(t.checkpoints, "checkpoint", "checkpoints");
  add(t.yields, "yield", "yields");
  add(t.retries, "retry", "retries");
  add(t.losses, "lost execution", "lost executions");
  add(t.takeovers, "take-over", "take-overs");
  return text + (counts.empty() ? "" : "; " + counts);
}

value step_object(const timeline_step& s, instant began) {
  const auto since = [&](instant at) { return std::int64_t{(at - began).count()}; };
  value::object told{{"kind", to_text(s.kind)}, {"at_ms", since(s.at)}, {"commit", s.commit.value}, {"epoch", s.epoch.value},
      {"node", s.node.text()}};
  if (s.slice != slice_number{}) told.emplace_back("slice", s.slice.value);
  if (!s.execution.empty()) told.emplace_back("execution", s.execution.text());
  if (s.attempt > 0) told.emplace_back("attempt", std::uint64_t{s.attempt});
  if (s.count > 1) told.emplace_back("count", s.count);
  if (s.to_commit != s.commit) {
    told.emplace_back("to_commit", s.to_commit.value);
    told.emplace_back("until_ms", since(s.until));
  }
  if (!s.code.empty()) told.emplace_back("code", s.code);
  if (s.disposition != disposition::none) {
    told.emplace_back("message", s.message.text());
    told.emplace_back("disposition", to_text(s.disposition));
  }
  if (s.due) told.emplace_back("due_ms", since(*s.due));
  if (s.ran) told.emplace_back("ran_ms", std::int64_t{s.ran->count()});
  return told;
}

} // namespace

void timeline_reader::take(const stored_commit& c) {
  for (const auto& e : c.commit.events) {
    const bool met_it = e.kind == event_kind::message_disposed && e.other == made_.run;
    if (e.run == made_.run || met_it) take(c, e);
  }
}

void timeline_reader::take(const stored_commit& c, const event& e) {
  // The session had forgotten the id, and it came anew.
  if (made_.ended && e.run == made_.run && e.kind != event_kind::dead_letter_confirmed) *this = timeline_reader{made_.run};
  const auto* run = run_of(c.commit.head.phase);
  if (run != nullptr && run->id == made_.run) {
    made_.runner = run->runner;
    made_.accepted = run->accepted_at;
    if (is_first_slice_ && run->slice.value <= 1) slice_began_ = run->started_at;
  }
  for (const auto& said : c.commit.entries) {
    if (!made_.accepted && said.run == made_.run && said.kind == entry_kind::user) made_.accepted = said.at;
  }
  auto step = step_of(c, e);
  if (made_.steps.empty()) made_.began = std::min(c.stored_at, made_.accepted.value_or(c.stored_at));
  begin_slice(c, step);
  count(step);
  if (!made_.steps.empty() && is_same_row(made_.steps.back(), step)) {
    auto& row = made_.steps.back();
    row.until = step.at;
    row.to_commit = step.commit;
    row.count += 1;
    return;
  }
  made_.steps.push_back(std::move(step));
}

/// What the step has that is told only by those before it.
void timeline_reader::begin_slice(const stored_commit& c, timeline_step& step) {
  const auto* before = made_.steps.empty() ? nullptr : &made_.steps.back();
  step.is_elsewhere = before == nullptr || before->node != step.node || before->epoch != step.epoch;
  step.is_new_slice = step.slice != slice_number{} && (before == nullptr || before->slice != step.slice);
  step.after_silence = c.stored_at - (before == nullptr ? made_.began : before->until);
  if (step.slice.value > 1) {
    if (is_first_slice_) slice_began_.reset();
    is_first_slice_ = false;
  }
  if (step.kind == event_kind::slice_started && !slice_began_) slice_began_ = c.stored_at;
  if (!ends_slice(step.kind)) return;
  // Of a slice that died with its node, nobody knows when.
  if (slice_began_ && step.kind != event_kind::session_taken) {
    step.ran = std::max(c.stored_at - *slice_began_, milliseconds{0});
    step.ran_longer = !is_first_slice_;
  }
  slice_began_.reset();
  is_first_slice_ = false;
}

void timeline_reader::count(const timeline_step& step) {
  made_.slices = std::max(made_.slices, step.slice.value);
  made_.checkpoints += step.kind == event_kind::checkpoint_stored ? 1 : 0;
  made_.yields += step.kind == event_kind::run_yielded ? 1 : 0;
  made_.retries += step.kind == event_kind::run_retry_scheduled ? 1 : 0;
  made_.losses += step.kind == event_kind::execution_lost ? 1 : 0;
  made_.takeovers += step.kind == event_kind::session_taken ? 1 : 0;
  if (std::ranges::find(seen_, step.node) == seen_.end()) seen_.push_back(step.node);
  made_.nodes = seen_.size();
  if (const auto ended = settlement_of(step.kind)) {
    made_.ended = ended;
    made_.ended_at = step.at;
    made_.code = step.code;
  }
}

std::optional<timeline> timeline_reader::made() const {
  return made_.steps.empty() ? std::nullopt : std::optional{made_};
}

std::vector<std::string> lines_of(const timeline& t, instant now) {
  std::vector<std::string> lines{first_line(t, now)};
  if (t.accepted) lines.push_back(line_of("+" + shown_duration(*t.accepted - t.began), "accepted", ""));
  for (const auto& s : t.steps) {
    lines.push_back(line_of("+" + shown_duration(s.at - t.began), words_of(s), details_of(s, t.began)));
  }
  return lines;
}

value to_value(const timeline& t) {
  value::array steps;
  for (const auto& s : t.steps) steps.push_back(step_object(s, t.began));
  value::object told{{"run", t.run.text()}, {"began_at", std::int64_t{t.began.time_since_epoch().count()}}, {"slices", t.slices},
      {"nodes", t.nodes}, {"checkpoints", t.checkpoints}, {"yields", t.yields}, {"retries", t.retries}, {"lost", t.losses},
      {"takeovers", t.takeovers}};
  if (!t.runner.empty()) told.emplace_back("runner", t.runner);
  if (t.ended) {
    told.emplace_back("status", to_text(*t.ended));
    told.emplace_back("took_ms", std::int64_t{(t.ended_at - t.began).count()});
  }
  if (!t.code.empty()) told.emplace_back("code", t.code);
  told.emplace_back("steps", std::move(steps));
  return told;
}

std::string shown_duration(milliseconds d) {
  const auto ms = std::max<std::int64_t>(d.count(), 0);
  std::array<char, 48> text{};
  if (ms < 1'000) {
    std::snprintf(text.data(), text.size(), "%lld ms", static_cast<long long>(ms));
  } else if (ms < 60'000) {
    std::snprintf(text.data(), text.size(), "%lld.%02lld s", static_cast<long long>(ms / 1'000), static_cast<long long>(ms % 1'000 / 10));
  } else if (ms < 3'600'000) {
    std::snprintf(text.data(), text.size(), "%lld min %lld s", static_cast<long long>(ms / 60'000), static_cast<long long>(ms % 60'000 / 1'000));
  } else {
    std::snprintf(text.data(), text.size(), "%lld h %lld min", static_cast<long long>(ms / 3'600'000), static_cast<long long>(ms % 3'600'000 / 60'000));
  }
  return text.data();
}

} // namespace baton::cli
