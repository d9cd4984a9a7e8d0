#include <algorithm>

#include "actors/session/delayed_entry.hpp"
#include "messages/codec.hpp"
#include "messages/delayed_task.hpp"
#include "messages/digest.hpp"

namespace baton::session {
namespace {

/// Written by ourselves: more than `payload.depth_max` and `payload.values_max` may be set to, so that whatever was admitted is read.
constexpr codec::decode_limits entry_limits{.bytes_max = 64 * 1024 * 1024, .depth_max = 192, .values_max = 16 * 1024 * 1024};

/// As it is read back: whole numbers are int64 where they fit.
value number(std::uint64_t n) {
  const auto as_signed = static_cast<std::int64_t>(n);
  return as_signed < 0 ? value{n} : value{as_signed};
}

std::uint64_t milliseconds_of(instant at) { return static_cast<std::uint64_t>(at.time_since_epoch().count()); }

std::uint64_t number_in(const value& held, std::string_view name) {
  const auto* at = held.find(name);
  if (at == nullptr) return 0;
  if (const auto* n = at->as<std::uint64_t>()) return *n;
  const auto* n = at->as<std::int64_t>();
  return n == nullptr ? 0 : static_cast<std::uint64_t>(*n);
}

bool holds_delayed(const entry& e) { return e.hidden && e.content.find(delayed_task_field) != nullptr; }

std::optional<held_task> task_in(const entry& e) {
  const auto* held = e.content.find(delayed_task_field);
  const auto* bytes = held == nullptr ? nullptr : held->as<value::bytes>();
  if (bytes == nullptr) return std::nullopt;
  held_task message;
  message.seq = {number_in(e.content, "message")};
  message.stored_at = instant{milliseconds{static_cast<std::int64_t>(number_in(e.content, "stored_at"))}};
  message.bytes = number_in(e.content, "bytes");
  const codec::arrival where{message.seq, message.stored_at, {}, nullptr};
  auto decoded = codec::decode_task(bytes->data, where, entry_limits);
  if (!decoded) return std::nullopt;
  message.task = *std::move(decoded);
  message.task.digest = {number_in(e.content, "digest")};
  message.task.encoding = number_in(e.content, "json") != 0 ? encoding::json : encoding::msgpack;
  const auto* to = e.content.find("reply_to");
  if (const auto* subject = to == nullptr ? nullptr : to->as<std::string>()) message.task.reply_to = *subject;
  return message;
}

} // namespace

bool has_ended(const head& h, const spilled_turn& turn) {
  return std::ranges::find(h.ledger, turn.id, &ledger_item::id) != h.ledger.end();
}

const spilled_turn* find_delayed(const head& h, id_hash id) {
  const auto found = std::ranges::find(h.spilled, id, &spilled_turn::id);
  return found == h.spilled.end() || has_ended(h, *found) ? nullptr : &*found;
}

bool is_delayed(const head& h, const task_id& id) {
  return !h.spilled.empty() && find_delayed(h, hash_of_id(message_kind::task, id)) != nullptr;
}

bool was_delayed(const head& h, id_hash id) { return std::ranges::find(h.spilled, id, &spilled_turn::id) != h.spilled.end(); }

void settle_delayed(head& h, stream_seq seq) {
  for (auto& turn : h.spilled) {
    if (turn.stored == stream_seq{}) turn.stored = seq;
  }
}

entry entry_of_delayed(const held_task& message, instant now) {
  // Whether it may be answered was checked when it came: that stands beside the task, not in it.
  auto plain = message.task;
  plain.reply_to.clear();
  value::object held{{std::string{delayed_task_field}, value::bytes{codec::encode_task(plain, encoding::msgpack)}},
                     {"reply_to", message.task.reply_to},
                     {"json", number(message.task.encoding == encoding::json ? 1 : 0)},
                     {"digest", number(message.task.digest.value)},
                     {"message", number(message.seq.value)},
                     {"stored_at", number(milliseconds_of(message.stored_at))},
                     {"bytes", number(message.bytes)}};
  return {entry_kind::note, message.task.id, now, true, std::move(held), std::nullopt};
}

dead_letter with_payload(dead_letter letter, const task& of) {
  letter.payload = codec::encode_task(of, of.encoding);
  letter.payload_cut = letter.payload.size() > dead_payload_max;
  if (letter.payload_cut) letter.payload.resize(dead_payload_max);
  return letter;
}

std::optional<held_task> delayed_task_in(const std::vector<entry>& entries) {
  const auto found = std::ranges::find_if(entries, holds_delayed);
  return found == entries.end() ? std::nullopt : task_in(*found);
}

delayed_was_unreadable left_of_delayed(stream_seq stored, const std::vector<entry>& entries) {
  const auto found = std::ranges::find_if(entries, holds_delayed);
  if (found == entries.end()) return {stored, {}, {}};
  return {stored, found->run, {number_in(found->content, "message")}};
}

} // namespace baton::session
