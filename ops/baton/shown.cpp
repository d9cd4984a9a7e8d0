#include "ops/baton/shown.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "messages/codec.hpp"
#include "messages/digest.hpp"
#include "messages/overloaded.hpp"

namespace baton::cli {
namespace {

value::object labels_object(const labels& from) {
  value::object pairs;
  for (const auto& [name, text] : from) pairs.emplace_back(name, text);
  return pairs;
}

value run_object(const run_record& run) {
  value::object told{{"id", run.id.text()}, {"runner", run.runner}, {"slice", run.slice.value},
      {"attempt", std::uint64_t{run.attempts}}, {"crashes", std::uint64_t{run.crashes}},
      {"accepted_at", milliseconds_of(run.accepted_at)}, {"started_at", milliseconds_of(run.started_at)}};
  if (!run.execution.empty()) told.emplace_back("execution", run.execution.text());
  if (!run.tenant.empty()) told.emplace_back("tenant", run.tenant);
  if (run.deadline) told.emplace_back("deadline", milliseconds_of(*run.deadline));
  if (run.last_checkpoint) told.emplace_back("checkpoint_at", milliseconds_of(run.last_checkpoint->at));
  if (!run.last_error.empty()) told.emplace_back("last_error", run.last_error);
  return told;
}

value last_object(const last_run& last) {
  value::object told{{"id", last.id.text()}, {"status", to_text(last.ended)}, {"at", milliseconds_of(last.at)},
      {"slices", std::uint64_t{last.slices}}};
  if (last.code) told.emplace_back("code", baton::to_text(*last.code));
  return told;
}

} // namespace

std::string shown(const value& v) {
  if (const auto* text = v.as<std::string>()) return *text;
  return codec::encode_value(v, encoding::json);
}

std::string shown(instant at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{at - day};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02ld:%02ld:%02ld.%03ldZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<long>(time.hours().count()),
      static_cast<long>(time.minutes().count()), static_cast<long>(time.seconds().count()),
      static_cast<long>(time.subseconds().count()));
  return text.data();
}

std::string shown(const labels& l) {
  std::string text;
  for (const auto& [name, held] : l) {
    text.append(text.empty() ? "" : " ").append(name).append("=").append(held);
  }
  return on_one_line(text);
}

std::string shown_bytes(std::uint64_t bytes) {
  static constexpr auto units = std::to_array<const char*>({"B", "KiB", "MiB", "GiB", "TiB"});
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < units.size(); ++unit) size /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
  return text.data();
}

std::string on_one_line(std::string_view text) {
  std::string line;
  for (const char c : text) line.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c);
  return line;
}

std::string padded(std::string_view name, std::size_t width) {
  std::string text{name};
  text.resize(std::max(width, name.size() + 1), ' ');
  return text;
}

std::string_view to_text(settlement ended) {
  switch (ended) {
    case settlement::completed: return "completed";
    case settlement::failed: return "failed";
    case settlement::cancelled: return "cancelled";
    case settlement::applied: return "applied";
    case settlement::refused: return "refused";
    case settlement::joined: return "joined";
  }
  return "";
}

std::string_view to_text(verdict v) {
  switch (v) {
    case verdict::accepted: return "accepted";
    case verdict::duplicate: return "duplicate";
    case verdict::conflict: return "conflict";
    case verdict::unknown: return "unknown";
    case verdict::expired: return "expired";
    case verdict::refused: return "refused";
  }
  return "";
}

std::string_view to_text(entry_kind kind) {
  switch (kind) {
    case entry_kind::user: return "user";
    case entry_kind::assistant: return "assistant";
    case entry_kind::tool_call: return "tool_call";
    case entry_kind::tool_result: return "tool_result";
    case entry_kind::note: return "note";
  }
  return "";
}

std::string_view name_of(const phase& p) {
  return std::visit(
      overloaded{[](const phases::idle&) { return "idle"; }, [](const phases::running&) { return "running"; },
          [](const phases::retry_wait&) { return "retry_wait"; }, [](const phases::yielded&) { return "yielded"; },
          [](const phases::deleted&) { return "deleted"; }},
      p);
}

const run_record* run_of(const phase& p) {
  if (const auto* at = std::get_if<phases::running>(&p)) return &at->run;
  if (const auto* at = std::get_if<phases::retry_wait>(&p)) return &at->run;
  if (const auto* at = std::get_if<phases::yielded>(&p)) return &at->run;
  return nullptr;
}

std::optional<instant> delayed_until(const value& event) {
  const auto* as = event.find("disposition");
  const auto* due = event.find("due");
  const auto* ms = due == nullptr ? nullptr : due->as<std::int64_t>();
  if (as == nullptr || ms == nullptr || *as != value{baton::to_text(disposition::delayed)}) return std::nullopt;
  return instant{milliseconds{*ms}};
}

std::optional<delays> delays_of(const head& h) {
  const auto* run = run_of(h.phase);
  std::optional<delays> found;
  for (const auto& turn : h.spilled) {
    // It waits no more.
    if (run != nullptr && turn.id == hash_of_id(message_kind::task, run->id)) continue;
    if (std::ranges::find(h.ledger, turn.id, &ledger_item::id) != h.ledger.end()) continue;
    if (!found) found = delays{0, turn.not_before};
    found->turns += 1;
    found->first = std::min(found->first, turn.not_before);
  }
  return found;
}

std::string shown_event(const value& event) {
  std::string line;
  const auto add = [&](std::string_view name, std::string_view before) {
    const auto* held = event.find(name);
    if (held == nullptr) return;
    line.append(line.empty() ? "" : " ").append(before).append(on_one_line(shown(*held)));
  };
  add("kind", "");
  add("run", "");
  add("disposition", "");
  add("other", "");
  if (const auto until = delayed_until(event)) line.append(" until ").append(shown(*until));
  add("code", "");
  add("detail", "");
  add("slice", "slice ");
  add("attempt", "attempt ");
  add("count", "");
  return line;
}

value to_value(const event& e) {
  const auto lines = codec::encode_events({e});
  if (lines.empty()) return {};
  auto read = codec::decode_value(lines.front(), {});
  return read ? std::move(*read).value : value{};
}

value to_value(const session_id& session, const head& h) {
  value::object told{{"session", session.text()}, {"phase", name_of(h.phase)}, {"title", h.title},
      {"title_version", h.title_version}, {"pinned", h.pinned}, {"labels", labels_object(h.labels)}, {"runs", h.runs},
      {"entries", h.entries}, {"created_at", milliseconds_of(h.created_at)},
      {"changed_at", milliseconds_of(h.changed_at)}};
  if (const auto* run = run_of(h.phase)) told.emplace_back("run", run_object(*run));
  if (const auto* waits = std::get_if<phases::retry_wait>(&h.phase)) told.emplace_back("due", milliseconds_of(waits->due));
  if (const auto waiting = delays_of(h)) {
    told.emplace_back("delayed", std::uint64_t{waiting->turns});
    told.emplace_back("delayed_until", milliseconds_of(waiting->first));
  }
  if (h.last) told.emplace_back("last_run", last_object(*h.last));
  return told;
}

value to_value(const entry& e) {
  value::object told{{"kind", to_text(e.kind)}, {"run", e.run.text()}, {"at", milliseconds_of(e.at)}};
  if (e.hidden) told.emplace_back("hidden", true);
  told.emplace_back("content", e.content);
  return told;
}

value to_value(const nats::stored_letter& letter) {
  const auto& d = letter.letter;
  value::object told{{"letter", letter.seq.value}, {"session", d.session.empty() ? "$invalid" : d.session.text()},
      {"id", d.id}, {"reason", baton::to_text(d.why)}, {"sentence", describe(d.why).sentence}, {"detail", d.detail},
      {"subject", d.subject}, {"seq", d.seq.value}, {"at", milliseconds_of(d.at)},
      {"attempts", std::uint64_t{d.attempts}}};
  auto read = codec::decode_value(d.payload, {});
  told.emplace_back("payload", read ? std::move(*read).value : value{value::bytes{d.payload}});
  told.emplace_back("payload_readable", read.has_value());
  told.emplace_back("payload_cut", d.payload_cut);
  return told;
}

std::int64_t milliseconds_of(instant at) { return at.time_since_epoch().count(); }

std::string page_of(reason why) { return "ops/errors/" + std::string{baton::to_text(why)} + ".md"; }

} // namespace baton::cli
