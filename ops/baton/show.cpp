// baton show, baton ls
#include <algorithm>

#include "messages/codec.hpp"
#include "messages/delayed_task.hpp"
#include "ops/baton/commands.hpp"
#include "ops/baton/shown.hpp"
#include "ops/baton/timeline.hpp"

namespace baton::cli {
namespace {

constexpr std::size_t name_width = 11;

void row(console& to, std::string_view name, const std::string& text) {
  if (!text.empty()) to.line(padded(name, name_width) + on_one_line(text));
}

std::string phase_line(const head& h) {
  std::string text{name_of(h.phase)};
  const auto* run = run_of(h.phase);
  if (run == nullptr) return text;
  text += "  run " + run->id.text() + "  runner " + run->runner + "  slice " + std::to_string(run->slice.value);
  text += "  attempt " + std::to_string(run->attempts);
  if (!run->execution.empty()) text += "  execution " + run->execution.text();
  if (const auto* waits = std::get_if<phases::retry_wait>(&h.phase)) text += "  due " + shown(waits->due);
  return text;
}

std::string last_line(const head& h) {
  if (!h.last) return {};
  auto text = h.last->id.text() + " " + std::string{to_text(h.last->ended)} + " at " + shown(h.last->at);
  if (h.last->code) text += "  " + std::string{baton::to_text(*h.last->code)};
  if (h.last->slices > 1) text += "  " + std::to_string(h.last->slices) + " slices";
  return text;
}

std::string delayed_line(const head& h) {
  const auto waiting = delays_of(h);
  if (!waiting) return {};
  const auto* what = waiting->turns == 1 ? " turn, delayed until " : " turns, the first of them delayed until ";
  return std::to_string(waiting->turns) + what + shown(waiting->first);
}

void tell_head(const session_id& session, const head& h, console& to) {
  row(to, "session", session.text());
  row(to, "title", h.title.empty() ? "" : h.title + "  (version " + std::to_string(h.title_version) + ")");
  row(to, "phase", phase_line(h));
  if (const auto* run = run_of(h.phase)) row(to, "last error", run->last_error);
  row(to, "last run", last_line(h));
  row(to, "delayed", delayed_line(h));
  row(to, "runs", std::to_string(h.runs));
  row(to, "pinned", h.pinned ? "yes" : "");
  row(to, "labels", shown(h.labels));
  row(to, "created", shown(h.created_at));
  row(to, "changed", shown(h.changed_at));
}

/// Further lines of a text stand below its first.
std::string indented(const std::string& text, std::size_t width) {
  std::string lines;
  for (const char c : text) {
    if (c != '\n' && static_cast<unsigned char>(c) < 0x20 && c != '\t') continue;
    lines.push_back(c);
    if (c == '\n') lines.append(width, ' ');
  }
  while (!lines.empty() && (lines.back() == ' ' || lines.back() == '\n')) lines.pop_back();
  return lines;
}

/// The last words of a run that did not complete, as a sentence.
std::string words(const entry& e) {
  const auto* ended = e.kind == entry_kind::note ? e.content.find("ended") : nullptr;
  if (ended == nullptr) return shown(e.content);
  auto text = shown(*ended);
  for (const auto* name : {"code", "text"}) {
    if (const auto* said = e.content.find(name)) text += ": " + shown(*said);
  }
  return text;
}

void tell_entry(const entry& e, console& to) {
  const auto begins = padded(e.run.text(), 22) + padded(to_text(e.kind), 12);
  to.line(begins + indented(words(e), begins.size()) + (e.hidden ? "  (hidden)" : ""));
}

void tell_commit(const stored_commit& c, console& to) {
  std::string text = padded(std::to_string(c.commit.number.value), 6) + padded("epoch " + std::to_string(c.commit.epoch.value), 11)
                     + padded(shown(c.stored_at), 26) + c.commit.node.text();
  to.line(text);
  for (const auto& e : c.commit.events) to.line("      " + shown_event(to_value(e)));
}

value commit_object(const stored_commit& c) {
  value::array events;
  for (const auto& e : c.commit.events) events.push_back(to_value(e));
  return value::object{{"number", c.commit.number.value}, {"seq", c.seq.value}, {"epoch", c.commit.epoch.value},
      {"node", c.commit.node.text()}, {"at", milliseconds_of(c.stored_at)}, {"events", std::move(events)}};
}

or_complaint<std::vector<stored_commit>> read_all(const nats::log_reader& log, const session_id& session, stream_seq up_to) {
  std::vector<stored_commit> found;
  for (stream_seq from{1}; from <= up_to;) {
    auto one = log.next(session, from);
    if (!one) return unexpected{complaint_of(one.error())};
    if (!*one) break;
    from = next((*one)->seq);
    found.push_back(*std::move(*one));
  }
  return found;
}

bool is_about(const commit& c, const task_id& run) {
  return std::ranges::any_of(c.events, [&](const event& e) { return e.run == run; });
}

/// Everything that is shown of a session.
struct whole {
  baton::head head;
  std::vector<stored_commit> commits;
  std::optional<timeline> story;
};

or_complaint<whole> read_whole(const show_order& o, desk& at) {
  const auto log = at.broker.reader();
  if (!log) return unexpected{log.error()};
  auto last = log->last(o.session);
  if (!last) return unexpected{complaint_of(last.error())};
  if (!*last) {
    return complain(exit_code::refused,
        "no session " + o.session.text() + " in the log: nothing was stored for it yet (baton ls lists those there are)");
  }
  auto commits = read_all(*log, o.session, (*last)->seq);
  if (!commits) return unexpected{commits.error()};
  whole found{std::move((*last)->commit.head), *std::move(commits), std::nullopt};
  const auto* under_way = run_of(found.head.phase);
  const auto newest = under_way != nullptr ? under_way->id : found.head.last ? found.head.last->id : task_id{};
  timeline_reader reader{o.run.empty() ? newest : o.run};
  for (const auto& c : found.commits) reader.take(c);
  // Of a session that has run nothing yet there is no story.
  if (!newest.empty() || !o.run.empty()) found.story = reader.made();
  if (o.run.empty()) return found;
  std::erase_if(found.commits, [&](const stored_commit& c) { return !is_about(c.commit, o.run); });
  if (!found.story) {
    return complain(exit_code::refused, "no commit of session " + o.session.text() + " is about run " + o.run.text()
                                            + ": it waits in the queue, or never was (baton dead ls " + o.session.text()
                                            + " lists what was refused)");
  }
  return found;
}

/// A delayed task is no part of the transcript: what it says follows when it runs.
bool is_shown(const show_order& o, const entry& e) {
  const bool is_delayed = e.hidden && e.content.find(delayed_task_field) != nullptr;
  return !is_delayed && (o.run.empty() || e.run == o.run);
}

/// What a list says of a session: what it does, or waits for.
struct listed {
  std::string_view phase;
  /// Until when it only waits, and its title.
  std::string title;
};
listed listed_of(const head& h) {
  const auto waiting = delays_of(h);
  if (!waiting || !std::holds_alternative<phases::idle>(h.phase)) return {name_of(h.phase), h.title};
  return {"delayed", "delayed until " + shown(waiting->first) + (h.title.empty() ? "" : ": " + h.title)};
}

value whole_object(const show_order& o, const whole& w) {
  auto told = to_value(o.session, w.head);
  auto& fields = std::get<value::object>(told.of());
  if (w.story) fields.emplace_back("timeline", to_value(*w.story));
  value::array parts;
  for (const auto& c : w.commits) {
    if (o.events) parts.push_back(commit_object(c));
    if (o.events) continue;
    for (const auto& e : c.commit.entries) {
      if (is_shown(o, e)) parts.push_back(to_value(e));
    }
  }
  fields.emplace_back(o.events ? "commits" : "transcript", std::move(parts));
  return told;
}

} // namespace

ending show(const show_order& o, desk& at) {
  const auto found = read_whole(o, at);
  if (!found) return unexpected{found.error()};
  if (at.tell.json()) {
    at.tell.object(whole_object(o, *found));
    return exit_code::done;
  }
  tell_head(o.session, found->head, at.tell);
  if (found->story && !o.events) {
    at.tell.line("");
    for (const auto& line : lines_of(*found->story, at.time.now())) at.tell.line(on_one_line(line));
  }
  if (!found->commits.empty()) at.tell.line("");
  for (const auto& c : found->commits) {
    if (o.events) tell_commit(c, at.tell);
    if (o.events) continue;
    for (const auto& e : c.commit.entries) {
      if (is_shown(o, e)) tell_entry(e, at.tell);
    }
  }
  return exit_code::done;
}

ending list_sessions(desk& at) {
  const auto log = at.broker.reader();
  if (!log) return unexpected{log.error()};
  const auto all = log->sessions();
  if (!all) return unexpected{complaint_of(all.error())};
  if (all->empty() && !at.tell.json()) at.tell.aside("no sessions yet: baton send SESSION TEXT begins one");
  std::size_t width = 8;
  for (const auto& session : *all) width = std::max(width, session.text().size() + 2);
  if (!all->empty() && !at.tell.json()) {
    at.tell.line(padded("SESSION", width) + padded("PHASE", 12) + padded("RUNS", 7) + padded("CHANGED", 26) + "TITLE");
  }
  for (const auto& session : *all) {
    const auto last = log->last(session);
    if (!last) return unexpected{complaint_of(last.error())};
    if (!*last) continue;
    const auto& h = (*last)->commit.head;
    if (at.tell.json()) at.tell.object(to_value(session, h));
    if (at.tell.json()) continue;
    const auto [phase, title] = listed_of(h);
    at.tell.line(padded(session.text(), width) + padded(phase, 12) + padded(std::to_string(h.runs), 7)
                 + padded(shown(h.changed_at), 26) + on_one_line(title));
  }
  return exit_code::done;
}

} // namespace baton::cli
