#include "bridge/nats/task_source_decode.hpp"

#include <charconv>
#include <utility>

#include "messages/codec_text.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

constexpr auto traceparent_header = "traceparent";

template <class Body>
void put(delivery& into, expected<Body, refusal> decoded) {
  if (decoded) {
    into.body = *std::move(decoded);
  } else {
    into.body = std::move(decoded).error();
  }
}

} // namespace

delivery decode_delivery(const stored_place& at, const reply& message, const task_source_options& options) {
  delivery d;
  d.partition = at.partition;
  d.kind = at.kind;
  d.seq = at.seq;
  d.subject = at.subject;
  d.stored_at = at.stored_at;
  const auto place = subjects::parse_stored(at.subject);
  if (!place || !place->session) {
    d.body = refusal{reason::invalid_session_id, std::string{subjects::last_token(at.subject)}};
    return d;
  }
  d.session = *place->session;
  const codec::arrival from{
      at.seq, at.stored_at, message.header(traceparent_header).value_or(std::string_view{}), &options.reply_prefixes};
  if (at.kind == message_kind::task) {
    put(d, codec::decode_task(message.payload(), from, options.decode));
  } else {
    put(d, codec::decode_control(message.payload(), from, options.decode));
  }
  return d;
}

std::optional<stored_place> place_of(message_kind kind, const reply& message) {
  const auto subject = message.header("Nats-Subject");
  const auto seq = message.header("Nats-Sequence");
  const auto time = message.header("Nats-Time-Stamp");
  if (!subject || !seq || !time) return std::nullopt;
  const auto parsed = subjects::parse_stored(*subject);
  const auto stored_at = codec::parse_rfc3339(*time);
  if (!parsed || !stored_at) return std::nullopt;
  stored_place at{parsed->partition, kind, {}, *stored_at, *subject};
  const auto [end, error] = std::from_chars(seq->data(), seq->data() + seq->size(), at.seq.value);
  if (error != std::errc{} || end != seq->data() + seq->size()) return std::nullopt;
  return at;
}

} // namespace baton::nats
