#include "bridge/nats/session_log.hpp"

#include <charconv>
#include <memory>
#include <utility>

#include "bridge/nats/blobs.hpp"
#include "bridge/nats/checkpoints.hpp"
#include "bridge/nats/pub_ack.hpp"
#include "bridge/nats/whole_values.hpp"
#include "messages/codec.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {

/// Shared with what is on its way.
struct nats_session_log::parts {
  parts(requester& o, milliseconds p, notices n)
      : over{o}, patience{p}, tell{std::move(n)}, large{o, p}, checkpoints{o, p} {}

  void missing() const {
    if (tell.missing) tell.missing();
  }
  log_failure refused_by(std::string_view stream, log_failure why) const {
    if (why == log_failure::full && tell.full) tell.full(stream);
    return why;
  }

  requester& over;
  const milliseconds patience;
  const notices tell;
  blob_store large;
  checkpoint_store checkpoints;
};

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

/// Headers and body of one append. Parts: nats_session_log::parts.
template <class Parts>
struct appending {
  std::shared_ptr<Parts> at;
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
    at->over.request(subjects::log(partition, c.session), with, codec::encode_commit(c), at->patience,
        [at = at, session = c.session, rolls_up = c.rolls_up, last = expected, point = missing_checkpoint(c),
            told = std::move(done)](const requester::result& answer) {
          const auto stored = published_of(answer);
          if (!stored) return told(refused(*at, stored.error(), last));
          at->checkpoints.stored(session, point);
          if (rolls_up) at->large.purge(session);
          told(appended{stored->seq});
        });
  }

  static append_result refused(const Parts& at, const api_failure& why, stream_seq expected) {
    const bool back = went_back(why, expected);
    if (back || is_missing(why)) at.missing();
    if (back) return log_failure::unreachable;
    auto result = failure_of_publish(why);
    if (const auto* failed = std::get_if<log_failure>(&result)) at.refused_by(subjects::log_stream, *failed);
    return result;
  }
};

/// Large values first, one after the other; then the commit that names them.
template <class Parts>
struct appending_large : std::enable_shared_from_this<appending_large<Parts>> {
  appending<Parts> then;
  commit c;
  std::vector<large_value> values;

  appending_large(appending<Parts> a, commit with, std::vector<large_value> large)
      : then{std::move(a)}, c{std::move(with)}, values{std::move(large)} {}

  void go_on() {
    if (values.empty()) return then.send(c);
    auto [ref, bytes, is_checkpoint] = std::move(values.back());
    values.pop_back();
    auto next = [self = this->shared_from_this()](std::optional<blob_failure> failed) {
      if (!failed) return self->go_on();
      const bool full = *failed == blob_failure::full;
      self->then.done(self->then.at->refused_by(subjects::blobs_stream, full ? log_failure::full : log_failure::unreachable));
    };
    if (is_checkpoint) return then.at->checkpoints.put(c.session, std::move(ref), std::move(bytes), std::move(next));
    then.at->large.put(c.session, std::move(ref), std::move(bytes), std::move(next));
  }
};

log_failure failure_of_read(const api_failure& why) {
  return why.link || why.code != 0 ? log_failure::unreachable : log_failure::unreadable;
}

/// Reads the last commit, then the values that it names, one after the other. A value may be removed meanwhile, because a newer
/// commit needs it no more: then that one is read.
template <class Parts>
struct reading : std::enable_shared_from_this<reading<Parts>> {
  std::shared_ptr<Parts> at;
  partition_id partition;
  session_id session;
  std::function<void(session_log::last_result)> done;
  stored_commit found;

  reading(std::shared_ptr<Parts> a, partition_id p, session_id s, std::function<void(session_log::last_result)> d)
      : at{std::move(a)}, partition{p}, session{std::move(s)}, done{std::move(d)} {}

  void start() {
    at->over.request(api_subject("STREAM.MSG.GET", subjects::log_stream), {},
        last_by_subject(subjects::log(partition, session)), at->patience,
        [self = this->shared_from_this()](const requester::result& answer) {
          if (!answer) return self->fail(log_failure::unreachable);
          self->take(read_message_answer(answer->payload()));
        });
  }
  void take(const expected<stored_message, api_failure>& message) {
    if (!message) {
      if (is_missing(message.error())) at->missing();
      if (message.error().code != refusal_code::no_message) return fail(failure_of_read(message.error()));
      at->checkpoints.read_none(session);
      return done(std::optional<stored_commit>{});
    }
    // The same once more: what it names is gone indeed.
    if (message->seq == found.seq) return fail(log_failure::unreadable);
    auto decoded = codec::decode_commit(message->payload);
    if (!decoded) return fail(log_failure::unreadable);
    found = {message->seq, message->stored_at, *std::move(decoded)};
    found.commit.traceparent = message->header(trace_header);
    found.commit.rolls_up = !message->header(rollup_header).empty();
    if (found.commit.rolls_up) at->large.purge(session);
    go_on();
  }
  void go_on() {
    if (const auto ref = next_missing(found.commit)) {
      return at->large.get(session, *ref, [self = this->shared_from_this(), ref = *ref](const blob_store::bytes_or_failure& bytes) {
        if (!bytes) return self->lacks(bytes.error());
        if (!put_back(self->found.commit, ref, *bytes)) return self->fail(log_failure::unreadable);
        self->go_on();
      });
    }
    const auto point = missing_checkpoint(found.commit);
    if (!point) {
      at->checkpoints.read_none(session);
      return done(std::optional{std::move(found)});
    }
    at->checkpoints.get(session, *point, [self = this->shared_from_this()](const blob_store::bytes_or_failure& bytes) {
      if (!bytes) return self->lacks(bytes.error());
      if (!put_back_checkpoint(self->found.commit, *bytes)) return self->fail(log_failure::unreadable);
      self->done(std::optional{std::move(self->found)});
    });
  }
  void lacks(blob_failure why) {
    if (why == blob_failure::missing) return start();
    fail(log_failure::unreachable);
  }
  void fail(log_failure why) { done(unexpected{why}); }
};

/// Reads one commit, then the values that its entries name, one after the other.
template <class Parts>
struct reading_entries : std::enable_shared_from_this<reading_entries<Parts>> {
  std::shared_ptr<Parts> at;
  std::string subject;
  session_id session;
  std::function<void(session_log::entries_result)> done;
  commit found;

  reading_entries(std::shared_ptr<Parts> a, std::string from, session_id s, std::function<void(session_log::entries_result)> d)
      : at{std::move(a)}, subject{std::move(from)}, session{std::move(s)}, done{std::move(d)} {}

  void start(stream_seq seq) {
    at->over.request(api_subject("STREAM.MSG.GET", subjects::log_stream), {}, by_sequence(seq), at->patience,
        [self = this->shared_from_this()](const requester::result& answer) {
          if (!answer) return self->fail(log_failure::unreachable);
          self->take(read_message_answer(answer->payload()));
        });
  }
  void take(const expected<stored_message, api_failure>& message) {
    if (!message) {
      const bool is_gone = message.error().code == refusal_code::no_message;
      return fail(is_gone ? log_failure::unreadable : failure_of_read(message.error()));
    }
    auto decoded = codec::decode_commit(message->payload);
    if (!decoded || message->subject != subject) return fail(log_failure::unreadable);
    found = *std::move(decoded);
    go_on();
  }
  void go_on() {
    const auto ref = next_missing(found);
    if (!ref) return done(std::move(found.entries));
    at->large.get(session, *ref, [self = this->shared_from_this(), ref = *ref](const blob_store::bytes_or_failure& bytes) {
      const bool is_away = !bytes && bytes.error() != blob_failure::missing;
      if (is_away) return self->fail(log_failure::unreachable);
      if (!bytes || !put_back(self->found, ref, *bytes)) return self->fail(log_failure::unreadable);
      self->go_on();
    });
  }
  void fail(log_failure why) { done(unexpected{why}); }
};

} // namespace

nats_session_log::nats_session_log(requester& over, milliseconds patience, notices tell)
    : parts_{std::make_shared<parts>(over, patience, std::move(tell))} {}

void nats_session_log::append(
    partition_id partition, stream_seq expected, commit c, std::function<void(append_result)> done) {
  appending<parts> plain{parts_, partition, expected, std::move(done)};
  auto large = take_large_values(c);
  if (large.empty()) return plain.send(c);
  std::make_shared<appending_large<parts>>(std::move(plain), std::move(c), std::move(large))->go_on();
}

void nats_session_log::read_last(
    partition_id partition, const session_id& session, std::function<void(last_result)> done) {
  std::make_shared<reading<parts>>(parts_, partition, session, std::move(done))->start();
}

void nats_session_log::read_entries(partition_id partition, const session_id& session, stream_seq seq,
    std::function<void(entries_result)> done) {
  std::make_shared<reading_entries<parts>>(parts_, subjects::log(partition, session), session, std::move(done))->start(seq);
}

} // namespace baton::nats
