// Reads commits. A log that was damaged, or written by a newer node, is an answer: `log_unreadable`, `unknown_version`.
#include <array>
#include <utility>
#include <variant>

#include "messages/codec.hpp"
#include "messages/codec_fields.hpp"
#include "messages/codec_ledger.hpp"
#include "messages/codec_names.hpp"
#include "messages/codec_tree.hpp"

namespace baton::codec {
namespace {

/// More than a server's `max_payload` can be set to; and room for what a commit wraps around the deepest payload.
constexpr decode_limits commit_limits{.bytes_max = 64 * 1024 * 1024, .depth_max = 64, .values_max = 4 * 1024 * 1024};

/// Reads a field that is a map of its own.
template <class T, class Read>
void read_map(fields& from, std::string_view name, T& to, Read read) {
  auto* held = from.find(name);
  if (held == nullptr) return;
  fields inner{*held, from.fault(), name};
  if (!from.faulty()) read(inner, to);
}

template <class T, class Read>
void read_optional_map(fields& from, std::string_view name, std::optional<T>& to, Read read) {
  if (from.find(name) != nullptr) read_map(from, name, to.emplace(), read);
}

template <class T, class Read>
void read_array(fields& from, std::string_view name, std::vector<T>& to, Read read) {
  auto* held = from.find(name);
  if (held == nullptr) return;
  auto* items = std::get_if<value::array>(&held->of());
  if (items == nullptr) return from.fail(reason::wrong_type, name, "not an array");
  to.reserve(items->size());
  for (auto& item : *items) {
    fields inner{item, from.fault(), name};
    if (from.faulty()) return;
    read(inner, to.emplace_back());
  }
}

template <class T>
void read_optional(fields& from, std::string_view name, std::optional<T>& to) {
  if (from.find(name) != nullptr) from.read(name, to.emplace());
}

/// A text out of a closed list.
template <class T, class Parse>
void read_name(fields& from, std::string_view name, T& to, Parse parse) {
  if (from.find(name) == nullptr) return;
  std::string text;
  from.read(name, text);
  if (const auto known = parse(text)) {
    to = known.value();
  } else {
    from.fail(reason::wrong_type, name, "not one that is known");
  }
}

void read_blob(fields& from, blob_ref& to) {
  from.read("digest", to.digest);
  from.read("size", to.size);
}

void read_checkpoint(fields& from, checkpoint& to) {
  from.read_value("state", to.state);
  read_optional_map(from, "blob", to.blob, read_blob);
  from.read("slice", to.slice);
  from.read("at", to.at);
}

void read_task(fields& from, run_record& to) {
  from.read("id", to.id);
  from.read("message", to.message);
  from.read("digest", to.digest);
  from.read("runner", to.runner);
  from.read("tenant", to.tenant);
  from.read("accepted", to.accepted_at);
  read_optional(from, "deadline", to.deadline);
  from.read("waited", to.has_waited);
}

void read_run(fields& from, run_record& to) {
  read_map(from, "task", to, read_task);
  from.read("execution", to.execution);
  from.read("slice", to.slice);
  from.read("attempts", to.attempts);
  from.read("crashes", to.crashes);
  from.read("started", to.started_at);
  read_optional_map(from, "checkpoint", to.last_checkpoint, read_checkpoint);
  from.read("input_stored", to.input_stored);
  from.read("error", to.last_error);
  from.read("stopped_by", to.stopped_by);
  from.read("rolled_back", to.is_rolled_back);
  from.read("hears", to.hears);
}

void read_phase(fields& from, phase& to) {
  std::string is;
  from.require("is");
  from.read("is", is);
  if (is == "idle") {
    to = phases::idle{};
  } else if (is == "running") {
    read_map(from, "run", to.emplace<phases::running>().run, read_run);
  } else if (is == "retry_wait") {
    auto& waiting = to.emplace<phases::retry_wait>();
    read_map(from, "run", waiting.run, read_run);
    from.read("due", waiting.due);
  } else if (is == "yielded") {
    read_map(from, "run", to.emplace<phases::yielded>().run, read_run);
  } else if (is == "deleted") {
    from.read("at", to.emplace<phases::deleted>().at);
  } else {
    from.fail(reason::wrong_type, "phase", "not one that is known");
  }
}

void read_outbox_item(fields& from, outbox_item& to) {
  from.read("id", to.id);
  from.read("run", to.run);
  from.read("message", to.message);
  read_name(from, "reason", to.why, parse_reason);
  from.read("text", to.text);
  from.read("attempts", to.attempts);
  from.read("at", to.at);
}

std::optional<settlement> parse_settlement(std::string_view text) { return parse_in(settlement_names, text); }

void read_last(fields& from, last_run& to) {
  from.read("id", to.id);
  read_name(from, "ended", to.ended, parse_settlement);
  from.read("at", to.at);
  from.read("slices", to.slices);
  read_name(from, "reason", to.code, parse_reason);
}

void read_ledger_field(fields& from, std::vector<ledger_item>& to) {
  std::string bytes;
  from.read_bytes("ledger", bytes);
  auto items = read_ledger(bytes);
  if (!items) return from.fail(reason::wrong_type, "ledger", "not whole, or of an unknown kind");
  to = *std::move(items);
}

void read_busy(fields& from, busy_record& to) {
  std::string bytes;
  from.read_bytes("joined", bytes);
  auto joined = read_joined(bytes);
  if (!joined) return from.fail(reason::wrong_type, "joined", "not whole, or of an unknown kind");
  to.joined = *std::move(joined);
  bytes.clear();
  from.read_bytes("decided", bytes);
  auto decided = read_decided(bytes);
  if (!decided) return from.fail(reason::wrong_type, "decided", "not whole, or of an unknown kind");
  to.decided = *std::move(decided);
  from.read("replaced_until", to.replaced_until);
  from.read("replaced_at", to.replaced_at);
  from.read("replaced_by", to.replaced_by);
}

void read_spilled_field(fields& from, std::vector<spilled_turn>& to) {
  std::string bytes;
  from.read_bytes("spilled", bytes);
  auto turns = read_spilled(bytes);
  if (!turns) return from.fail(reason::wrong_type, "spilled", "not whole");
  to = *std::move(turns);
}

/// Without the limits of an incoming message: what was once stored is read.
void read_stored_labels(fields& from, labels& to) {
  auto* held = from.find("labels");
  if (held == nullptr) return;
  auto* pairs = std::get_if<value::object>(&held->of());
  if (pairs == nullptr) return from.fail(reason::wrong_type, "labels", "not a map");
  for (auto& [key, text_value] : *pairs) {
    auto* text = std::get_if<std::string>(&text_value.of());
    if (text == nullptr) return from.fail(reason::wrong_type, "labels", "a value that is not text");
    to.emplace(std::move(key), std::move(*text));
  }
}

void read_head(fields& from, head& to) {
  from.require("phase");
  read_map(from, "phase", to.phase, read_phase);
  read_ledger_field(from, to.ledger);
  read_array(from, "outbox", to.outbox, read_outbox_item);
  read_map(from, "busy", to.busy, read_busy);
  read_spilled_field(from, to.spilled);
  read_optional_map(from, "last", to.last, read_last);
  from.read("title", to.title);
  from.read("title_version", to.title_version);
  from.read("pinned", to.pinned);
  read_stored_labels(from, to.labels);
  from.read("context_from", to.context_from);
  from.read("entries", to.entries);
  from.read("runs", to.runs);
  from.read("created", to.created_at);
  from.read("changed", to.changed_at);
}

std::optional<entry_kind> parse_entry_kind(std::string_view text) { return parse_in(entry_kind_names, text); }

void read_entry(fields& from, entry& to) {
  from.require("kind");
  read_name(from, "kind", to.kind, parse_entry_kind);
  from.read("run", to.run);
  from.read("at", to.at);
  from.read("hidden", to.hidden);
  from.read_value("content", to.content);
  read_optional_map(from, "blob", to.blob, read_blob);
}

void read_open_acks_field(fields& from, std::vector<open_ack>& to) {
  std::string bytes;
  from.read_bytes("open_acks", bytes);
  auto open = read_open_acks(bytes);
  if (!open) return from.fail(reason::wrong_type, "open_acks", "not whole, or of an unknown kind");
  to = *std::move(open);
}

void read_commit(fields& from, commit& to) {
  for (const auto* name : {"session", "epoch", "number", "head"})
    from.require(name);
  from.read("session", to.session);
  from.read("node", to.node);
  from.read("epoch", to.epoch);
  from.read("number", to.number);
  from.read("rolls_up", to.rolls_up);
  read_map(from, "head", to.head, read_head);
  read_array(from, "entries", to.entries, read_entry);
  read_open_acks_field(from, to.open_acks);
}

unexpected<refusal> log_unreadable(const refusal& why) {
  return unexpected{refusal{reason::log_unreadable, std::string{to_text(why.why)}.append(": ").append(why.detail)}};
}

} // namespace

expected<commit, refusal> decode_commit(std::string_view body) {
  auto tree = parse_msgpack(body, commit_limits, text_rule::unchecked);
  if (!tree) return log_unreadable(tree.error());
  std::optional<refusal> fault;
  fields from{*tree, fault, "commit"};
  from.require("schema");
  std::uint32_t schema = 0;
  from.read("schema", schema);
  if (fault) return log_unreadable(*fault);
  if (schema != commit_schema) return unexpected{refusal{reason::unknown_version, "schema"}};
  commit c;
  read_commit(from, c);
  if (fault) return log_unreadable(*fault);
  return c;
}

} // namespace baton::codec
