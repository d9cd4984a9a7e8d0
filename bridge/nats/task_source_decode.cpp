#include "bridge/nats/task_source_decode.hpp"

#include <utility>

#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

/// A refused message's fields may still say who waits for an answer: they are judged as those of the least message there is.
std::optional<answer_place> answer_place_of(
    std::string_view payload, const codec::arrival& from, const codec::decode_limits& limits) {
  const auto read = codec::decode_value(payload, limits);
  if (!read) return std::nullopt;
  value::object least{{"kind", "cancel"}};
  for (const std::string_view name : {"id", "reply_to"}) {
    if (const auto* held = read->value.find(name)) least.emplace_back(name, *held);
  }
  auto judged = codec::decode_control(codec::encode_value(value{std::move(least)}, encoding::json), from, limits);
  if (!judged || judged->reply_to.empty()) return std::nullopt;
  return answer_place{std::move(judged->reply_to), read->encoding, std::move(judged->id)};
}

template <class Body>
void put(delivery& into, expected<Body, refusal> decoded) {
  if (decoded) {
    into.body = *std::move(decoded);
  } else {
    into.body = std::move(decoded).error();
  }
}

} // namespace

delivery decode_delivery(const stored_place& at, std::string_view payload, std::string_view traceparent,
    const task_source_options& options) {
  delivery d;
  d.partition = at.partition;
  d.kind = at.kind;
  d.seq = at.seq;
  d.subject = at.subject;
  d.stored_at = at.stored_at;
  d.bytes = payload.size();
  const auto place = subjects::parse_stored(at.subject);
  if (!place || !place->session) {
    d.body = refusal{reason::invalid_session_id, std::string{subjects::last_token(at.subject)}};
    return d;
  }
  d.session = *place->session;
  const codec::arrival from{at.seq, at.stored_at, traceparent, &options.reply_prefixes};
  if (at.kind == message_kind::task) {
    put(d, codec::decode_task(payload, from, options.decode));
  } else {
    put(d, codec::decode_control(payload, from, options.decode));
  }
  if (std::holds_alternative<refusal>(d.body)) d.answer_to = answer_place_of(payload, from, options.decode);
  return d;
}

} // namespace baton::nats
