#include "bridge/nats/task_source_decode.hpp"

#include <utility>

#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

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
  return d;
}

} // namespace baton::nats
