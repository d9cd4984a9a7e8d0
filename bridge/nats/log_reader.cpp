#include "bridge/nats/log_reader.hpp"

#include <algorithm>
#include <future>
#include <memory>
#include <utility>

#include "bridge/nats/blobs.hpp"
#include "bridge/nats/pub_ack.hpp"
#include "bridge/nats/stream_shapes.hpp"
#include "bridge/nats/whole_values.hpp"
#include "messages/codec.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

api_failure unreadable(const std::string& what) { return {{}, 0, what}; }

/// Nothing: there is no such message.
log_reader::result<std::optional<stored_message>> direct_get(
    requester& over, std::string_view stream, const std::string& wanted) {
  const auto answer = call(over, api_subject("DIRECT.GET", stream), {}, wanted, api_patience);
  if (!answer) return unexpected{api_failure_of(answer.error())};
  auto message = read_direct_answer(*answer);
  if (message) return std::optional{*std::move(message)};
  if (message.error().code == refusal_code::no_message) return std::optional<stored_message>{};
  return unexpected{std::move(message).error()};
}

expected<std::string, blob_failure> blob_bytes(requester& over, const session_id& session, const blob_ref& ref) {
  const auto got = std::make_shared<std::promise<expected<std::string, blob_failure>>>();
  auto bytes = got->get_future();
  blob_store{over, api_patience}.get(
      session, ref, [got](expected<std::string, blob_failure> b) { got->set_value(std::move(b)); });
  return bytes.get();
}

} // namespace

log_reader::result<log_reader> log_reader::open(requester& over) {
  const auto info = call_api(over, api_subject("STREAM.INFO", subjects::tasks_stream));
  if (!info) return unexpected{info.error()};
  const auto* config = info->find("config");
  const auto partitions = config == nullptr ? std::nullopt : partitions_of(*config);
  if (!partitions) return unexpected{unreadable("the stream BATON_TASKS is not one of Baton's")};
  return log_reader{over, *partitions};
}

log_reader::result<std::optional<stored_commit>> log_reader::whole(stored_message message) const {
  auto decoded = codec::decode_commit(message.payload);
  if (!decoded) {
    return unexpected{unreadable("the commit at sequence " + std::to_string(message.seq.value)
        + " cannot be read: " + std::string{to_text(decoded.error().why)} + " " + decoded.error().detail)};
  }
  stored_commit found{message.seq, message.stored_at, *std::move(decoded)};
  for (const auto& line : message.headers) {
    if (line.name != event_header) continue;
    if (auto e = codec::decode_event(line.value)) found.commit.events.push_back(*std::move(e));
  }
  while (const auto missing = next_missing(found.commit)) {
    const auto bytes = blob_bytes(*over_, found.commit.session, *missing);
    if (!bytes || !put_back(found.commit, *missing, *bytes)) {
      return unexpected{unreadable("the value " + missing->digest + " of the session's log cannot be read")};
    }
  }
  return std::optional{std::move(found)};
}

log_reader::result<std::optional<stored_commit>> log_reader::last(const session_id& session) const {
  const auto subject = subjects::log(subjects::partition_of(session, partitions_), session);
  const auto answer =
      call(*over_, api_subject("STREAM.MSG.GET", subjects::log_stream), {}, last_by_subject(subject), api_patience);
  if (!answer) return unexpected{api_failure_of(answer.error())};
  auto message = read_message_answer(answer->payload());
  if (message) return whole(*std::move(message));
  if (message.error().code == refusal_code::no_message) return std::optional<stored_commit>{};
  return unexpected{std::move(message).error()};
}

log_reader::result<std::optional<stored_commit>> log_reader::next(const session_id& session, stream_seq from) const {
  const auto subject = subjects::log(subjects::partition_of(session, partitions_), session);
  auto message = direct_get(*over_, subjects::log_stream, next_by_subject(subject, from));
  if (!message) return unexpected{std::move(message).error()};
  if (!*message) return std::optional<stored_commit>{};
  return whole(*std::move(*message));
}

log_reader::result<std::vector<session_id>> log_reader::sessions() const {
  std::vector<session_id> found;
  for (std::uint64_t offset = 0;;) {
    const auto page = to_json({{"subjects_filter", subjects::log_intake}, {"offset", offset}});
    const auto info = call_api(*over_, api_subject("STREAM.INFO", subjects::log_stream), page);
    if (!info) return unexpected{info.error()};
    const auto* held = field_at(*info, {"state", "subjects"});
    const auto* names = held == nullptr ? nullptr : held->as<value::object>();
    if (names == nullptr || names->empty()) break;
    for (const auto& [subject, count] : *names) {
      const auto place = subjects::parse_stored(subject);
      if (place && place->session) found.push_back(*place->session);
    }
    offset += names->size();
    if (offset >= number_at(*info, {"total"})) break;
  }
  std::ranges::sort(found);
  return found;
}

log_reader::result<std::optional<stored_letter>> log_reader::next_dead(
    const std::optional<session_id>& of, stream_seq from) const {
  const auto subject = of ? subjects::dead(*of) : std::string{subjects::dead_intake};
  auto message = direct_get(*over_, subjects::dead_stream, next_by_subject(subject, from));
  if (!message) return unexpected{std::move(message).error()};
  if (!*message) return std::optional<stored_letter>{};
  auto letter = codec::decode_dead_letter((*message)->payload);
  if (!letter)
    return unexpected{unreadable("the dead letter at " + std::to_string((*message)->seq.value) + " cannot be read")};
  return std::optional{stored_letter{(*message)->seq, (*message)->stored_at, *std::move(letter)}};
}

} // namespace baton::nats
