#include "actors/session/transcript.hpp"

#include "messages/codec.hpp"

namespace baton::session {
namespace {

/// Characters of a failure's text in the transcript.
constexpr std::size_t note_text_max = 4'000;

std::string call_id_of(const entry& e) {
  const auto* id = e.content.find("id");
  const auto* text = id == nullptr ? nullptr : id->as<std::string>();
  return text == nullptr ? std::string{} : *text;
}

} // namespace

std::string stored_error(std::string_view text) { return codec::stored_text(text, error_text_max); }

void stamp(std::vector<entry>& entries, const task_id& run, instant at) {
  for (auto& e : entries) {
    e.run = run;
    if (e.at == instant{}) e.at = at;
  }
}

std::vector<entry> with_input(const draft& d, std::vector<entry> added) {
  const auto& run = *d.hand().run;
  stamp(added, run.id, d.time());
  if (run.input_stored) return added;
  std::vector<entry> first;
  first.push_back({entry_kind::user, run.id, d.hand().current->stored_at, false, std::get<turn>(d.hand().current->task.what).input, std::nullopt});
  for (const auto& merged : joined_words(d.now(), run.id, joined_message::manner::merged)) {
    first.push_back({entry_kind::user, run.id, d.time(), false, merged.input, std::nullopt});
  }
  added.insert(added.begin(), std::make_move_iterator(first.begin()), std::make_move_iterator(first.end()));
  return added;
}

std::map<std::string, entry> open_calls(const std::vector<entry>& entries) {
  std::map<std::string, entry> open;
  for (const auto& e : entries) {
    if (e.kind == entry_kind::tool_call) open.emplace(call_id_of(e), e);
    if (e.kind == entry_kind::tool_result) open.erase(call_id_of(e));
  }
  return open;
}

void close_open_calls(std::vector<entry>& entries, std::string_view because) {
  for (const auto& [id, call] : open_calls(entries)) {
    auto result = call;
    result.kind = entry_kind::tool_result;
    result.content = value::object{{"id", id}, {"error", because}};
    entries.push_back(std::move(result));
  }
}

void add_last_words(const draft& d, std::vector<entry>& entries, const final_end& end) {
  if (end.ended == settlement::completed) return;
  close_open_calls(entries, end.ended == settlement::cancelled ? "cancelled" : "the run failed");
  value::object note{{"ended", end.ended == settlement::cancelled ? "cancelled" : "failed"}};
  if (d.hand().run->is_rolled_back) note.emplace_back("rolled_back", true);
  if (end.code) note.emplace_back("code", to_text(*end.code));
  if (!end.text.empty()) note.emplace_back("text", codec::stored_text(end.text, note_text_max));
  entries.push_back({entry_kind::note, {}, {}, false, std::move(note), std::nullopt});
}

outbox_item dead_letter_item(const draft& d, const run_record& run, const final_end& end) {
  // By the message, not by the run: once an id has left the ledger, it may run again.
  return {"dead." + std::to_string(run.message.value), run.id, run.message, end.code.value_or(reason::runner_failed),
          stored_error(end.text), run.attempts, d.time()};
}

dead_letter letter_of(const state& s, const outbox_item& item) {
  dead_letter letter;
  letter.session = s.id;
  letter.id = item.run.text();
  letter.why = item.why;
  letter.detail = item.text;
  letter.seq = item.message;
  letter.at = item.at;
  letter.attempts = item.attempts;
  letter.dedupe = s.id.text() + "." + item.id;
  return letter;
}

} // namespace baton::session
