#include "bridge/process/jsonl_talk.hpp"

#include <array>
#include <utility>

namespace baton {

namespace {

constexpr std::int64_t protocol_version = 1;

std::string line_of(value::object fields) {
  return codec::encode_value(value{std::move(fields)}, encoding::json) + "\n";
}

const std::string* text_field(const value& of, std::string_view name) {
  const auto* field = of.find(name);
  return field == nullptr ? nullptr : field->as<std::string>();
}

value field_or_null(const value& of, std::string_view name) {
  const auto* field = of.find(name);
  return field == nullptr ? value{} : *field;
}

constexpr auto entry_kind_names = std::to_array<std::pair<std::string_view, entry_kind>>(
    {{"user", entry_kind::user}, {"assistant", entry_kind::assistant}, {"tool_call", entry_kind::tool_call},
        {"tool_result", entry_kind::tool_result}, {"note", entry_kind::note}});

std::optional<entry> entry_from(const value& given) {
  const auto* kind = text_field(given, "kind");
  const auto* content = given.find("content");
  if (kind == nullptr || content == nullptr) return std::nullopt;
  for (const auto& [name, is] : entry_kind_names) {
    if (name != *kind) continue;
    entry e;
    e.kind = is;
    e.content = *content;
    const auto* hidden = given.find("hidden");
    if (hidden != nullptr && hidden->as<bool>() == nullptr) return std::nullopt;
    e.hidden = hidden != nullptr && *hidden->as<bool>();
    return e;
  }
  return std::nullopt;
}

entry entry_of(entry_kind kind, value content) {
  entry e;
  e.kind = kind;
  e.content = std::move(content);
  return e;
}

std::string_view without_newline(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// The same text, but for white space at its end.
bool says_the_same(const value& result, std::string_view said) {
  const auto* text = result.as<std::string>();
  if (text == nullptr) return false;
  const auto trimmed = [](std::string_view t) { return t.substr(0, t.find_last_not_of(" \t\r\n") + 1); };
  return trimmed(*text) == trimmed(said);
}

} // namespace

struct jsonl_talk::handler {
  std::string_view type;
  std::optional<spoken> (jsonl_talk::*take)(const value&);
};

std::string jsonl_talk::opening(const slice_request& request) const {
  const auto& r = request.routing;
  const auto& state = request.state;
  value::array steers;
  for (const auto& said : request.input.steers) steers.emplace_back(value::object{{"id", said.id.text()}, {"input", said.input}});
  return line_of({{"type", "start"}, {"version", protocol_version}, {"run", r.run.text()}, {"slice", state.slice.value},
      {"attempt", std::uint64_t{state.attempt}}, {"session", r.session.text()}, {"execution", r.execution.text()},
      {"epoch", r.epoch.value}, {"input", request.input.input}, {"options", request.input.options},
      {"steers", std::move(steers)},
      {"checkpoint", state.last_checkpoint ? state.last_checkpoint->state : value{}}});
}

std::string jsonl_talk::words_for(boundary_order order) {
  switch (order) {
  case boundary_order::go_on: return line_of({{"type", "stored"}});
  case boundary_order::yield: yield_ordered_ = true; return line_of({{"type", "yield"}});
  case boundary_order::cancel: cancel_ordered_ = true; break;
  }
  return line_of({{"type", "cancel"}});
}

std::string jsonl_talk::words_for(const steer_input& said) {
  return line_of({{"type", "steer"}, {"id", said.id.text()}, {"input", said.input}});
}

std::optional<spoken> jsonl_talk::next() {
  for (;;) {
    std::optional<spoken> said;
    if (const auto line = lines_.take()) {
      said = understand(without_newline(*line));
    } else if (lines_.size() > line_max) {
      ++line_;
      return broken("is longer than " + std::to_string(line_max) + " bytes");
    } else if (over_ && lines_.size() > 0) {
      said = understand(without_newline(lines_.take_rest()));
    } else {
      return std::nullopt;
    }
    if (said) return said;
  }
}

std::optional<spoken> jsonl_talk::understand(std::string_view line) {
  static constexpr auto handlers =
      std::to_array<handler>({{"delta", &jsonl_talk::on_delta}, {"tool_call", &jsonl_talk::on_tool_call},
          {"tool_result", &jsonl_talk::on_tool_result}, {"checkpoint", &jsonl_talk::on_checkpoint},
          {"result", &jsonl_talk::on_result}, {"error", &jsonl_talk::on_error}, {"yielded", &jsonl_talk::on_yielded},
          {"cancelled", &jsonl_talk::on_cancelled}, {"await", &jsonl_talk::on_await}});
  ++line_;
  if (line.size() > line_max) return broken("is longer than " + std::to_string(line_max) + " bytes");
  if (end_) return broken("comes after the last one");
  // The codec would take anything else for msgpack.
  if (line.empty() || line.front() != '{') return broken("is not a JSON object");
  const auto said = codec::decode_value(line, {.bytes_max = line_max});
  if (!said) return broken("cannot be read: " + said.error().detail);
  const auto* type = text_field(said->value, "type");
  if (type == nullptr) return broken("has no type");
  for (const auto& each : handlers) {
    if (each.type == *type) return (this->*each.take)(said->value);
  }
  return broken("has an unknown type");
}

std::optional<spoken> jsonl_talk::on_delta(const value& said) {
  if (const auto* text = text_field(said, "text")) {
    text_ += *text;
    return live_note{"delta", *text};
  }
  // Shown as it comes; what should be kept goes into a checkpoint's entries.
  if (const auto* data = said.find("data")) return live_note{"delta", *data};
  return broken("is a delta without text or data");
}

std::optional<spoken> jsonl_talk::on_tool_call(const value& said) {
  const auto* id = text_field(said, "id");
  const auto* name = text_field(said, "name");
  if (id == nullptr || id->empty() || name == nullptr) return broken("is a tool_call without id or name");
  if (!open_calls_.insert(*id).second) return broken("repeats the id of an open call");
  end_of_text();
  value::object call{{"id", *id}, {"name", *name}, {"arguments", field_or_null(said, "arguments")}};
  entries_.push_back(entry_of(entry_kind::tool_call, call));
  return live_note{"tool_call", std::move(call)};
}

std::optional<spoken> jsonl_talk::on_tool_result(const value& said) {
  const auto* id = text_field(said, "id");
  if (id == nullptr || open_calls_.erase(*id) == 0) return broken("is a tool_result for no open call");
  end_of_text();
  value::object result{{"id", *id}};
  if (const auto* error = said.find("error")) {
    result.emplace_back("error", *error);
  } else {
    result.emplace_back("output", field_or_null(said, "output"));
  }
  entries_.push_back(entry_of(entry_kind::tool_result, result));
  return live_note{"tool_result", std::move(result)};
}

std::optional<spoken> jsonl_talk::on_checkpoint(const value& said) {
  const auto* state = said.find("state");
  if (state == nullptr || state->is_null()) return broken("is a checkpoint without state");
  if (!open_calls_.empty()) return broken("is a checkpoint while a call has no result");
  end_of_text();
  if (const auto* given = said.find("entries")) {
    // The program's own word on what happened counts for more than what was overheard.
    const auto* list = given->as<value::array>();
    if (list == nullptr) return broken("has entries that are no list");
    entries_.clear();
    for (const auto& each : *list) {
      auto e = entry_from(each);
      if (!e) return broken("has an entry without a known kind, or without content");
      entries_.push_back(std::move(*e));
    }
  }
  std::optional<std::vector<task_id>> heard;
  if (const auto* given = said.find("heard")) {
    const auto* list = given->as<value::array>();
    if (list == nullptr) return broken("has a heard that is no list");
    heard.emplace();
    for (const auto& each : *list) {
      const auto* text = each.as<std::string>();
      auto id = text == nullptr ? std::nullopt : task_id::parse(*text);
      if (!id) return broken("has heard something that is no id");
      heard->push_back(*std::move(id));
    }
  }
  has_checkpoint_ = true;
  return boundary{take_entries(), *state, std::move(heard)};
}

std::optional<spoken> jsonl_talk::on_result(const value& said) {
  const auto* result = said.find("result");
  if (result == nullptr) return broken("is a result without result");
  if (!open_calls_.empty()) return broken("is a result while a call has no result");
  // The result is kept as what the assistant said last; it need not stand there twice.
  if (says_the_same(*result, text_)) text_.clear();
  return finish(completed{*result});
}

std::optional<spoken> jsonl_talk::on_error(const value& said) {
  const auto* text = text_field(said, "text");
  const auto* retryable = said.find("retryable");
  const bool* is_retryable = retryable == nullptr ? nullptr : retryable->as<bool>();
  if (text == nullptr) return broken("is an error without text");
  if (retryable != nullptr && is_retryable == nullptr) return broken("has a retryable that is neither true nor false");
  return finish(failed{reason::runner_failed, *text, is_retryable != nullptr && *is_retryable});
}

std::optional<spoken> jsonl_talk::on_yielded(const value&) {
  if (!yield_ordered_) return broken("is a yielded that nobody asked for");
  if (!has_checkpoint_) return broken("is a yielded without any checkpoint");
  // The run goes on from the checkpoint: what was said after it would be said again.
  if (!entries_.empty() || !text_.empty()) return broken("is a yielded that does not follow a checkpoint");
  return finish(yielded{"asked to"});
}

std::optional<spoken> jsonl_talk::on_cancelled(const value&) {
  if (!cancel_ordered_) return broken("is a cancelled that nobody asked for");
  return finish(cancelled{});
}

std::optional<spoken> jsonl_talk::on_await(const value&) {
  auto refused = broken("wants to wait for something outside, which is not there yet");
  refused.code = reason::not_supported;
  return refused;
}

std::optional<spoken> jsonl_talk::finish(outcome with) {
  end_of_text();
  end_ = slice_end{std::move(with), take_entries(), std::nullopt};
  return last_word{};
}

slice_end jsonl_talk::conclude(const program_end& end) {
  if (end_) return std::move(*end_);
  end_of_text();
  const bool by_a_stranger = end.how == program_end::manner::signalled && !end.told_to_end;
  return {failed{reason::program_exit, "the program " + describe(end) + " without a result", by_a_stranger},
      take_entries(), std::nullopt};
}

violation jsonl_talk::broken(const std::string& how) const { return {"line " + std::to_string(line_) + " " + how}; }

void jsonl_talk::end_of_text() {
  if (text_.empty()) return;
  entries_.push_back(entry_of(entry_kind::assistant, std::exchange(text_, {})));
}

std::vector<entry> jsonl_talk::take_entries() { return std::exchange(entries_, {}); }

} // namespace baton
