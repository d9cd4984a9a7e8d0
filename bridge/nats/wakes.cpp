#include "bridge/nats/wakes.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <mutex>
#include <utility>

#include "bridge/nats/blobs.hpp"
#include "bridge/nats/js_api.hpp"
#include "bridge/nats/pub_ack.hpp"
#include "messages/codec.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

/// Reads of one page that are under way together: an answer takes longer to come than to be made.
constexpr std::size_t readers = 8;
constexpr std::uint64_t sequences_each = wake_page_max / readers;

/// The next message of the partition at or after a sequence.
void read_next(requester& over, const std::string& filter, stream_seq from,
    std::function<void(expected<stored_message, api_failure>)> done) {
  over.request(api_subject("STREAM.MSG.GET", subjects::wakes_stream), {}, next_by_subject(filter, from), api_patience,
      [done = std::move(done)](const requester::result& answer) {
        if (!answer) return done(unexpected{api_failure_of(answer.error())});
        done(read_message_answer(answer->payload()));
      });
}

bool is_none(const api_failure& why) { return why.code == refusal_code::no_message; }

/// One page: a span of the stream's sequences, read in parts, each from message to message. By sequence and not by a list of
/// subjects: whatever is stored or removed meanwhile, nothing else is passed over. Keeps itself alive through its own callbacks.
struct reading : std::enable_shared_from_this<reading> {
  reading(requester& o, std::string f, std::function<void(wake_store::load_result)> d)
      : over{o}, filter{std::move(f)}, done{std::move(d)} {}

  requester& over;
  const std::string filter;
  std::function<void(wake_store::load_result)> done;
  std::mutex mutex;
  /// Of each part; no two of its reads are under way at once.
  std::array<wake_page, readers> parts;
  std::size_t left = readers;
  bool failed = false;
  /// Where the next page begins.
  std::optional<stream_seq> next;

  /// From the first message on: there may be nothing for a long way before it.
  void start(stream_seq from) {
    read_next(over, filter, from, [self = shared_from_this()](const expected<stored_message, api_failure>& m) {
      if (!m) {
        if (is_none(m.error())) return self->done(wake_page{});
        return self->done(unexpected{wake_failure::unreachable});
      }
      const auto first = m->seq.value;
      for (std::size_t part = 0; part < readers; ++part)
        self->go_on(part, {first + part * sequences_each}, {first + (part + 1) * sequences_each});
    });
  }

  void go_on(std::size_t part, stream_seq from, stream_seq end) {
    read_next(over, filter, from, [self = shared_from_this(), part, end](const expected<stored_message, api_failure>& m) {
      self->took(part, end, m);
    });
  }

  void took(std::size_t part, stream_seq end, const expected<stored_message, api_failure>& m) {
    if (m && m->seq < end) {
      keep(parts[part], *m);
      const auto after = baton::next(m->seq);
      if (after < end) return go_on(part, after, end);
      return finish(part, false, end);
    }
    const bool is_failure = !m && !is_none(m.error());
    finish(part, is_failure, m ? std::optional{m->seq} : std::nullopt);
  }

  static void keep(wake_page& into, const stored_message& m) {
    const auto place = subjects::parse_wake(m.subject);
    auto read = codec::decode_wake(m.payload);
    if (!place || !read) {
      into.unreadable.push_back({m.subject, m.seq});
    } else {
      into.wakes.push_back({place->session, place->key, *std::move(read), m.seq});
    }
  }

  void finish(std::size_t part, bool is_failure, std::optional<stream_seq> behind) {
    {
      const std::lock_guard lock{mutex};
      failed = failed || is_failure;
      if (part + 1 == readers) next = behind;
      if (--left > 0) return;
    }
    if (failed) return done(unexpected{wake_failure::unreachable});
    wake_page page;
    for (auto& p : parts) {
      std::ranges::move(p.wakes, std::back_inserter(page.wakes));
      std::ranges::move(p.unreadable, std::back_inserter(page.unreadable));
    }
    page.next = next;
    done(std::move(page));
  }
};

bool is_not_there(const api_failure& why) {
  if (why.code == refusal_code::sequence_not_found || is_none(why)) return true;
  if (why.code != refusal_code::delete_failed) return false;
  // Has no number of its own. The second: above all that the stream holds.
  return why.text.find("no message found") != std::string::npos || why.text.find("stream store EOF") != std::string::npos;
}

} // namespace

void nats_wake_store::put(partition_id partition, const session_id& session, const wake_key& key, wake w,
    stream_seq expected, std::function<void(wake_put_result)> done) {
  const header expects[] = {{expected_last_header, std::to_string(expected.value)}};
  over_.request(subjects::wake(partition, session, key), expects, codec::encode_wake(w), api_patience,
      [done = std::move(done), full = full_](const requester::result& answer) {
        const auto stored = published_of(answer);
        if (stored) return done(wake_written{stored->seq});
        if (stored.error().code == refusal_code::wrong_last_sequence) return done(wake_differs{});
        const bool has_no_room = is_full(stored.error());
        if (has_no_room && full) full(subjects::wakes_stream);
        done(has_no_room ? wake_failure::full : wake_failure::unreachable);
      });
}

void nats_wake_store::remove(partition_id, stream_seq seq, std::function<void(wake_remove_result)> done) {
  const auto which = to_json({{"seq", seq.value}, {"no_erase", true}});
  ask_api(over_, api_subject("STREAM.MSG.DELETE", subjects::wakes_stream), which,
      [done = std::move(done)](const api_result& answer) {
        if (answer) return done(wake_gone{});
        if (is_not_there(answer.error())) return done(wake_differs{});
        done(wake_failure::unreachable);
      });
}

void nats_wake_store::find(partition_id partition, const session_id& session, const wake_key& key,
    std::function<void(find_result)> done) {
  over_.request(api_subject("STREAM.MSG.GET", subjects::wakes_stream), {},
      last_by_subject(subjects::wake(partition, session, key)), api_patience,
      [done = std::move(done)](const requester::result& answer) {
        if (!answer) return done(unexpected{wake_failure::unreachable});
        const auto message = read_message_answer(answer->payload());
        if (!message) {
          if (is_none(message.error())) return done(std::optional<found_wake>{});
          return done(unexpected{wake_failure::unreachable});
        }
        auto read = codec::decode_wake(message->payload);
        done(std::optional{found_wake{message->seq, read ? std::optional{*std::move(read)} : std::nullopt}});
      });
}

void nats_wake_store::load(partition_id partition, stream_seq from, std::function<void(load_result)> done) {
  std::make_shared<reading>(over_, subjects::wakes_of(partition), std::move(done))->start(from);
}

} // namespace baton::nats
