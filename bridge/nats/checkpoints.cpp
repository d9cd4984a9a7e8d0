#include "bridge/nats/checkpoints.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "bridge/nats/js_api.hpp"
#include "bridge/nats/pub_ack.hpp"
#include "messages/digest.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

using sequences = std::vector<stream_seq>;

/// What is known of a session's checkpoints in the stream.
struct known_chunks {
  /// Of the newest one, and where its chunks are.
  std::string digest;
  sequences chunks;
  /// Of those before it; removed once a commit that names the newest is stored.
  sequences older;
  /// Nothing else of the session lies before them, as far as this process knows.
  bool is_all = false;
};

} // namespace

struct checkpoint_store::state : std::enable_shared_from_this<checkpoint_store::state> {
  state(requester& o, milliseconds p) : over{o}, patience{p} {}

  [[nodiscard]] bool is_newest(const session_id& session, const std::string& digest) {
    const std::lock_guard lock{mutex};
    const auto found = known.find(session);
    return found != known.end() && found->second.digest == digest;
  }
  known_chunks& at(const session_id& session) {
    if (known.size() >= checkpoints_known_max && !known.contains(session)) known.erase(known.begin());
    return known[session];
  }
  void was_put(const session_id& session, std::string digest, sequences chunks) {
    const std::lock_guard lock{mutex};
    auto& of = at(session);
    of.older.insert(of.older.end(), of.chunks.begin(), of.chunks.end());
    of.digest = std::move(digest);
    of.chunks = std::move(chunks);
  }
  /// Some chunks may be stored: nobody will name them.
  void was_left(const session_id& session) {
    const std::lock_guard lock{mutex};
    if (const auto found = known.find(session); found != known.end()) found->second.is_all = false;
  }
  void was_read(const session_id& session, std::string digest, sequences chunks) {
    const std::lock_guard lock{mutex};
    at(session) = {std::move(digest), std::move(chunks), {}, false};
  }

  void remove(stream_seq seq) {
    const auto which = to_json({{"seq", seq.value}, {"no_erase", true}});
    ask_api(over, api_subject("STREAM.MSG.DELETE", subjects::blobs_stream), which, [](const api_result&) {});
  }
  /// All checkpoints of the session that were stored before `end`, one after the other.
  void sweep(const session_id& session, stream_seq end) {
    over.request(api_subject("STREAM.MSG.GET", subjects::blobs_stream), {},
        next_by_subject(subjects::checkpoints_of(session), {1}), patience,
        [self = shared_from_this(), session, end](const requester::result& answer) {
          if (!answer) return self->was_left(session);
          const auto oldest = read_message_answer(answer->payload());
          if (!oldest || !(oldest->seq < end)) return;
          const auto which = to_json({{"seq", oldest->seq.value}, {"no_erase", true}});
          ask_api(self->over, api_subject("STREAM.MSG.DELETE", subjects::blobs_stream), which,
              [self, session, end](const api_result& gone) {
                if (gone) return self->sweep(session, end);
                self->was_left(session);
              });
        });
  }

  requester& over;
  const milliseconds patience;
  std::mutex mutex;
  std::map<session_id, known_chunks> known;
};

namespace {

/// Chunk after chunk; keeps itself alive through its own callbacks.
template <class State>
struct putting : std::enable_shared_from_this<putting<State>> {
  std::shared_ptr<State> at;
  session_id session;
  blob_ref ref;
  std::string bytes;
  std::function<void(std::optional<blob_failure>)> done;
  std::size_t offset = 0;
  sequences chunks;

  void next_chunk() {
    if (offset >= bytes.size()) {
      at->was_put(session, ref.digest, std::move(chunks));
      return done(std::nullopt);
    }
    const auto chunk = std::string_view{bytes}.substr(offset, blob_chunk_size(at->over));
    at->over.request(subjects::checkpoint(session, ref.digest, offset), {}, chunk, at->patience,
        [self = this->shared_from_this(), size = chunk.size()](const requester::result& answer) {
          const auto stored = published_of(answer);
          if (!stored) {
            self->at->was_left(self->session);
            return self->done(is_full(stored.error()) ? blob_failure::full : blob_failure::unreachable);
          }
          self->chunks.push_back(stored->seq);
          self->offset += size;
          self->next_chunk();
        });
  }
};

template <class State>
struct getting : std::enable_shared_from_this<getting<State>> {
  std::shared_ptr<State> at;
  session_id session;
  blob_ref ref;
  std::function<void(blob_store::bytes_or_failure)> done;
  std::string bytes;
  sequences chunks;

  /// Through the leader: a replica may not have yet what was confirmed a moment ago.
  void next_chunk() {
    at->over.request(api_subject("STREAM.MSG.GET", subjects::blobs_stream), {},
        last_by_subject(subjects::checkpoint(session, ref.digest, bytes.size())), at->patience,
        [self = this->shared_from_this()](const requester::result& answer) {
          if (!answer) return self->done(unexpected{blob_failure::unreachable});
          self->took(read_message_answer(answer->payload()));
        });
  }
  void took(const expected<stored_message, api_failure>& chunk) {
    if (!chunk && chunk.error().code != refusal_code::no_message && chunk.error().code != 0)
      return done(unexpected{blob_failure::unreachable});
    if (!chunk || chunk->payload.empty()) return done(unexpected{blob_failure::missing});
    bytes += chunk->payload;
    chunks.push_back(chunk->seq);
    if (bytes.size() < ref.size) return next_chunk();
    if (bytes.size() != ref.size || sha256_hex(bytes) != ref.digest) return done(unexpected{blob_failure::missing});
    at->was_read(session, ref.digest, std::move(chunks));
    done(std::move(bytes));
  }
};

} // namespace

checkpoint_store::checkpoint_store(requester& over, milliseconds patience)
    : state_{std::make_shared<state>(over, patience)} {}
checkpoint_store::~checkpoint_store() = default;

void checkpoint_store::put(
    const session_id& session, blob_ref ref, std::string bytes, std::function<void(std::optional<blob_failure>)> done) {
  if (state_->is_newest(session, ref.digest)) return done(std::nullopt);
  const auto job = std::make_shared<putting<state>>();
  job->at = state_;
  job->session = session;
  job->ref = std::move(ref);
  job->bytes = std::move(bytes);
  job->done = std::move(done);
  job->next_chunk();
}

void checkpoint_store::get(
    const session_id& session, const blob_ref& ref, std::function<void(blob_store::bytes_or_failure)> done) {
  if (ref.size == 0 || ref.size > blob_bytes_max) return done(unexpected{blob_failure::missing});
  const auto job = std::make_shared<getting<state>>();
  job->at = state_;
  job->session = session;
  job->ref = ref;
  job->done = std::move(done);
  job->next_chunk();
}

void checkpoint_store::stored(const session_id& session, const std::optional<blob_ref>& current) {
  sequences gone;
  std::optional<stream_seq> sweep_before;
  {
    const std::lock_guard lock{state_->mutex};
    const auto found = state_->known.find(session);
    if (found == state_->known.end()) return;
    auto& of = found->second;
    if (current && current->digest != of.digest) return;
    gone = std::exchange(of.older, {});
    if (!current) gone.insert(gone.end(), of.chunks.begin(), of.chunks.end());
    if (!std::exchange(of.is_all, true) && !of.chunks.empty())
      sweep_before = current ? of.chunks.front() : next(of.chunks.back());
    if (!current) state_->known.erase(found);
  }
  for (const auto seq : gone)
    state_->remove(seq);
  if (sweep_before) state_->sweep(session, *sweep_before);
}

void checkpoint_store::read_none(const session_id& session) {
  const std::lock_guard lock{state_->mutex};
  state_->known.erase(session);
}

} // namespace baton::nats
