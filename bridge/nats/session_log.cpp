#include "bridge/nats/session_log.hpp"

#include <charconv>
#include <memory>
#include <utility>

#include "bridge/nats/pub_ack.hpp"
#include "bridge/nats/whole_values.hpp"
#include "messages/codec.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

/// The stream of the log is not there (or nobody leads it at the moment).
bool is_missing(const api_failure& why) {
  return why.link == failure::no_responders || why.code == refusal_code::stream_not_found;
}

/// The session's last sequence is below the one that the log itself gave out: what it confirmed is gone.
bool went_back(const api_failure& why, stream_seq expected) {
  if (why.code != refusal_code::wrong_last_sequence) return false;
  // "wrong last sequence: 17"
  const auto colon = why.text.rfind(": ");
  if (colon == std::string::npos) return false;
  std::uint64_t last = 0;
  const auto* end = why.text.data() + why.text.size();
  const auto read = std::from_chars(why.text.data() + colon + 2, end, last);
  return read.ec == std::errc{} && read.ptr == end && last < expected.value;
}

append_result failure_of_publish(const api_failure& why) {
  if (why.link) {
    switch (*why.link) {
    case failure::too_large: return log_failure::too_large;
    case failure::timed_out:
    case failure::no_responders:
    case failure::disconnected:
    case failure::overloaded:
    case failure::closed:
    case failure::refused: return log_failure::unreachable;
    }
  }
  switch (why.code) {
  case refusal_code::wrong_last_sequence: return superseded{};
  case refusal_code::message_too_large:
  case refusal_code::header_too_large: return log_failure::too_large;
  case refusal_code::store_failed:
  case refusal_code::insufficient_storage:
  case refusal_code::insufficient_resources: return log_failure::full;
  default: return log_failure::unreachable;
  }
}

/// Headers and body of one append.
struct appending {
  requester& over;
  std::shared_ptr<blob_store> large;
  std::function<void()> missing;
  milliseconds patience;
  partition_id partition;
  stream_seq expected;
  std::function<void(append_result)> done;

  void send(const commit& c) {
    std::vector<header> with;
    with.reserve(c.events.size() + 3);
    with.push_back({expected_last_header, std::to_string(expected.value)});
    if (c.rolls_up) with.push_back({rollup_header, "sub"});
    if (!c.traceparent.empty()) with.push_back({trace_header, c.traceparent});
    for (auto& e : codec::encode_events(c.events))
      with.push_back({event_header, std::move(e)});
    const auto tombstone_of = c.rolls_up ? c.session : session_id{};
    over.request(subjects::log(partition, c.session), with, codec::encode_commit(c), patience,
        [large = large, missing = missing, last = expected, tombstone_of, told = std::move(done)](
            const requester::result& answer) {
          const auto stored = published_of(answer);
          if (!stored) {
            const bool back = went_back(stored.error(), last);
            if (missing && (back || is_missing(stored.error()))) missing();
            return told(back ? log_failure::unreachable : failure_of_publish(stored.error()));
          }
          if (!tombstone_of.empty()) large->purge(tombstone_of);
          told(appended{stored->seq});
        });
  }
};

/// Large values first, one after the other; then the commit that names them.
struct appending_large : std::enable_shared_from_this<appending_large> {
  appending then;
  commit c;
  std::vector<large_value> values;

  appending_large(appending a, commit with, std::vector<large_value> large)
      : then{std::move(a)}, c{std::move(with)}, values{std::move(large)} {}

  void go_on() {
    if (values.empty()) return then.send(c);
    auto [ref, bytes] = std::move(values.back());
    values.pop_back();
    then.large->put(
        c.session, std::move(ref), std::move(bytes), [self = shared_from_this()](std::optional<blob_failure> failed) {
          if (!failed) return self->go_on();
          self->then.done(*failed == blob_failure::full ? log_failure::full : log_failure::unreachable);
        });
  }
};

log_failure failure_of_read(const api_failure& why) {
  return why.link || why.code != 0 ? log_failure::unreachable : log_failure::unreadable;
}

/// Fetches the values that the commit names, one after the other.
struct reading : std::enable_shared_from_this<reading> {
  std::shared_ptr<blob_store> large;
  stored_commit found;
  std::function<void(session_log::last_result)> done;

  reading(std::shared_ptr<blob_store> l, stored_commit f, std::function<void(session_log::last_result)> d)
      : large{std::move(l)}, found{std::move(f)}, done{std::move(d)} {}

  void go_on() {
    const auto missing = next_missing(found.commit);
    if (!missing) return done(std::optional{std::move(found)});
    large->get(found.commit.session, *missing,
        [self = shared_from_this(), ref = *missing](expected<std::string, blob_failure> bytes) {
          if (!bytes) {
            const bool away = bytes.error() == blob_failure::unreachable;
            return self->done(unexpected{away ? log_failure::unreachable : log_failure::unreadable});
          }
          if (!put_back(self->found.commit, ref, *bytes)) return self->done(unexpected{log_failure::unreadable});
          self->go_on();
        });
  }
};

} // namespace

nats_session_log::nats_session_log(requester& over, milliseconds patience, std::function<void()> missing)
    : over_{over}, patience_{patience}, missing_{std::move(missing)}, large_{std::make_shared<blob_store>(over, patience)} {}

void nats_session_log::append(
    partition_id partition, stream_seq expected, commit c, std::function<void(append_result)> done) {
  appending plain{over_, large_, missing_, patience_, partition, expected, std::move(done)};
  auto large = take_large_values(c);
  if (large.empty()) return plain.send(c);
  std::make_shared<appending_large>(std::move(plain), std::move(c), std::move(large))->go_on();
}

void nats_session_log::read_last(
    partition_id partition, const session_id& session, std::function<void(last_result)> done) {
  over_.request(api_subject("STREAM.MSG.GET", subjects::log_stream), {},
      last_by_subject(subjects::log(partition, session)), patience_,
      [large = large_, missing = missing_, done = std::move(done)](const requester::result& answer) {
        if (!answer) return done(unexpected{log_failure::unreachable});
        const auto message = read_message_answer(answer->payload());
        if (!message) {
          if (missing && is_missing(message.error())) missing();
          if (message.error().code == refusal_code::no_message) return done(std::optional<stored_commit>{});
          return done(unexpected{failure_of_read(message.error())});
        }
        auto decoded = codec::decode_commit(message->payload);
        if (!decoded) return done(unexpected{log_failure::unreadable});
        stored_commit found{message->seq, message->stored_at, *std::move(decoded)};
        found.commit.traceparent = message->header(trace_header);
        found.commit.rolls_up = !message->header(rollup_header).empty();
        if (found.commit.rolls_up) large->purge(found.commit.session);
        std::make_shared<reading>(large, std::move(found), done)->go_on();
      });
}

} // namespace baton::nats
