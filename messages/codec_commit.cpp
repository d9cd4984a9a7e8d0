// Writes commits: on the path of every turn, so straight into msgpack, and fields that hold what a reader assumes anyway
// are left out.
#include <array>
#include <variant>

#include "messages/codec.hpp"
#include "messages/codec_ledger.hpp"
#include "messages/codec_names.hpp"
#include "messages/codec_pack.hpp"

namespace baton::codec {
namespace {

using map = pack_writer::map;

void write(pack_writer& out, const blob_ref& blob) {
  map to{out};
  to.field("digest", blob.digest);
  to.field("size", blob.size);
}

void write(pack_writer& out, const checkpoint& c) {
  map to{out};
  to.field_unless_default("state", c.state);
  if (c.blob) write(to.key("blob"), *c.blob);
  to.field_unless_default("slice", c.slice);
  to.field_unless_default("at", c.at);
}

/// What is settled when the run is accepted. Apart from the rest, since a map holds at most 15 fields.
void write_task(pack_writer& out, const run_record& run) {
  map to{out};
  to.field_unless_default("id", run.id);
  to.field_unless_default("message", run.message);
  to.field_unless_default("digest", run.digest);
  to.field_unless_default("runner", run.runner);
  to.field_unless_default("tenant", run.tenant);
  to.field_unless_default("accepted", run.accepted_at);
  if (run.deadline) to.field("deadline", *run.deadline);
  to.field_unless_default("waited", run.has_waited);
}

void write(pack_writer& out, const run_record& run) {
  map to{out};
  write_task(to.key("task"), run);
  to.field_unless_default("execution", run.execution);
  to.field_unless_default("slice", run.slice);
  to.field_unless_default("attempts", run.attempts);
  to.field_unless_default("crashes", run.crashes);
  to.field_unless_default("started", run.started_at);
  if (run.last_checkpoint) write(to.key("checkpoint"), *run.last_checkpoint);
  to.field_unless_default("input_stored", run.input_stored);
  to.field_unless_default("error", run.last_error);
  to.field_unless_default("stopped_by", run.stopped_by);
  to.field_unless_default("rolled_back", run.is_rolled_back);
  to.field_unless_default("hears", run.hears);
}

void write_phase(map& to, phases::idle) { to.field("is", std::string_view{"idle"}); }
void write_phase(map& to, const phases::running& p) {
  to.field("is", std::string_view{"running"});
  write(to.key("run"), p.run);
}
void write_phase(map& to, const phases::retry_wait& p) {
  to.field("is", std::string_view{"retry_wait"});
  write(to.key("run"), p.run);
  to.field("due", p.due);
}
void write_phase(map& to, const phases::yielded& p) {
  to.field("is", std::string_view{"yielded"});
  write(to.key("run"), p.run);
}
void write_phase(map& to, const phases::deleted& p) {
  to.field("is", std::string_view{"deleted"});
  to.field("at", p.at);
}

void write(pack_writer& out, const phase& p) {
  map to{out};
  std::visit([&to](const auto& held) { write_phase(to, held); }, p);
}

void write(pack_writer& out, const outbox_item& item) {
  map to{out};
  to.field("id", item.id);
  to.field_unless_default("run", item.run);
  to.field_unless_default("message", item.message);
  to.field("reason", to_text(item.why));
  to.field_unless_default("text", item.text);
  to.field_unless_default("attempts", item.attempts);
  to.field_unless_default("at", item.at);
}

void write(pack_writer& out, const busy_record& busy) {
  map to{out};
  if (!busy.joined.empty()) {
    auto* at = to.key("joined").open_bytes(busy.joined.size() * joined_message_bytes);
    for (const auto& one : busy.joined)
      at = write_joined(at, one);
  }
  if (!busy.decided.empty()) {
    auto* at = to.key("decided").open_bytes(busy.decided.size() * decided_message_bytes);
    for (const auto& one : busy.decided)
      at = write_decided(at, one);
  }
  to.field_unless_default("replaced_until", busy.replaced_until);
  to.field_unless_default("replaced_at", busy.replaced_at);
  to.field_unless_default("replaced_by", busy.replaced_by);
}

void write(pack_writer& out, const last_run& last) {
  map to{out};
  to.field_unless_default("id", last.id);
  to.field("ended", name_in(settlement_names, last.ended));
  to.field_unless_default("at", last.at);
  to.field_unless_default("slices", last.slices);
  if (last.code) to.field("reason", to_text(*last.code));
}

void write(pack_writer& out, const labels& pairs) {
  out.open_map(pairs.size());
  for (const auto& [key, text] : pairs) {
    out.put(key);
    out.put(text);
  }
}

void write(pack_writer& out, const std::vector<ledger_item>& ledger) {
  auto* at = out.open_bytes(ledger.size() * ledger_item_bytes);
  for (const auto& item : ledger)
    at = write_ledger_item(at, item);
}

void write(pack_writer& out, const std::vector<spilled_turn>& spilled) {
  auto* at = out.open_bytes(spilled.size() * spilled_item_bytes);
  for (const auto& turn : spilled)
    at = write_spilled(at, turn);
}

void write(pack_writer& out, const std::vector<open_ack>& open) {
  auto* at = out.open_bytes(open.size() * open_ack_bytes);
  for (const auto& one : open)
    at = write_open_ack(at, one);
}

void write(pack_writer& out, const head& h) {
  map to{out};
  write(to.key("phase"), h.phase);
  if (!h.ledger.empty()) write(to.key("ledger"), h.ledger);
  if (!h.outbox.empty()) {
    to.key("outbox").open_array(h.outbox.size());
    for (const auto& item : h.outbox)
      write(out, item);
  }
  if (h.busy != busy_record{}) write(to.key("busy"), h.busy);
  if (!h.spilled.empty()) write(to.key("spilled"), h.spilled);
  if (h.last) write(to.key("last"), *h.last);
  to.field_unless_default("title", h.title);
  to.field_unless_default("title_version", h.title_version);
  to.field_unless_default("pinned", h.pinned);
  if (!h.labels.empty()) write(to.key("labels"), h.labels);
  to.field_unless_default("context_from", h.context_from);
  to.field_unless_default("entries", h.entries);
  to.field_unless_default("runs", h.runs);
  to.field_unless_default("created", h.created_at);
  to.field_unless_default("changed", h.changed_at);
}

void write(pack_writer& out, const entry& e) {
  map to{out};
  to.field("kind", name_in(entry_kind_names, e.kind));
  to.field_unless_default("run", e.run);
  to.field_unless_default("at", e.at);
  to.field_unless_default("hidden", e.hidden);
  if (!e.content.is_null()) to.field("content", e.content);
  if (e.blob) write(to.key("blob"), *e.blob);
}

} // namespace

std::string encode_commit(const commit& c) {
  return packed([&c](pack_writer& out) {
    map to{out};
    to.field("schema", commit_schema);
    to.field("session", c.session);
    to.field_unless_default("node", c.node);
    to.field("epoch", c.epoch);
    to.field("number", c.number);
    to.field_unless_default("rolls_up", c.rolls_up);
    write(to.key("head"), c.head);
    to.key("entries").open_array(c.entries.size());
    for (const auto& e : c.entries)
      write(out, e);
    if (!c.open_acks.empty()) write(to.key("open_acks"), c.open_acks);
  });
}

std::size_t head_size(const head& h) {
  pack_writer out{pack_buffer()};
  write(out, h);
  return out.size();
}

} // namespace baton::codec
