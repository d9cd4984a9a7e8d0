#include "bridge/nats/blobs.hpp"

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include "bridge/nats/pub_ack.hpp"
#include "messages/digest.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {

struct blob_store::state {
  state(requester& o, milliseconds p) : over{o}, patience{p} {}

  [[nodiscard]] bool knows(const session_id& session, const std::string& digest) {
    const std::lock_guard lock{mutex};
    return known.contains({session, digest});
  }
  void remember(const session_id& session, const std::string& digest) {
    const std::lock_guard lock{mutex};
    if (known.size() >= blobs_known_max) known.clear();
    known.insert({session, digest});
  }
  void forget(const session_id& session) {
    const std::lock_guard lock{mutex};
    std::erase_if(known, [&](const auto& one) { return one.first == session; });
  }

  /// The chunk at an offset, through the leader: a replica may not have yet what was confirmed a moment ago.
  template <class Then>
  void fetch(const session_id& session, const std::string& digest, std::size_t offset, Then then) {
    over.request(api_subject("STREAM.MSG.GET", subjects::blobs_stream), {},
        last_by_subject(subjects::blob(session, digest, offset)), patience,
        [then = std::move(then)](const requester::result& answer) {
          if (!answer) return then(bytes_or_failure{unexpected{blob_failure::unreachable}});
          auto chunk = read_message_answer(answer->payload());
          if (chunk && !chunk->payload.empty()) return then(bytes_or_failure{std::move(chunk->payload)});
          const bool gone = chunk || chunk.error().code == refusal_code::no_message || chunk.error().code == 0;
          then(bytes_or_failure{unexpected{gone ? blob_failure::missing : blob_failure::unreachable}});
        });
  }

  requester& over;
  const milliseconds patience;
  std::mutex mutex;
  std::set<std::pair<session_id, std::string>> known;
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
  std::size_t chunk_size = 0;
  std::size_t offset = 0;

  void next_chunk() {
    if (offset >= bytes.size()) {
      at->remember(session, ref.digest);
      return done(std::nullopt);
    }
    const auto chunk = std::string_view{bytes}.substr(offset, chunk_size);
    const header with[] = {{expected_last_header, "0"}};
    at->over.request(subjects::blob(session, ref.digest, offset), with, chunk, at->patience,
        [self = this->shared_from_this(), size = chunk.size()](const requester::result& answer) {
          const auto stored = published_of(answer);
          if (stored) return self->go_on(size);
          if (stored.error().code == refusal_code::wrong_last_sequence) return self->step_over();
          self->done(is_full(stored.error()) ? blob_failure::full : blob_failure::unreachable);
        });
  }
  /// A chunk is there already, of the same content: only its length is of interest.
  void step_over() {
    at->fetch(
        session, ref.digest, offset, [self = this->shared_from_this()](const blob_store::bytes_or_failure& there) {
          if (!there) return self->done(blob_failure::unreachable);
          self->go_on(there->size());
        });
  }
  void go_on(std::size_t size) {
    offset += size;
    next_chunk();
  }
};

template <class State>
struct getting : std::enable_shared_from_this<getting<State>> {
  std::shared_ptr<State> at;
  session_id session;
  blob_ref ref;
  std::function<void(blob_store::bytes_or_failure)> done;
  std::string bytes;

  void next_chunk() {
    at->fetch(session, ref.digest, bytes.size(),
        [self = this->shared_from_this()](const blob_store::bytes_or_failure& chunk) {
          if (!chunk) return self->done(unexpected{chunk.error()});
          self->bytes += *chunk;
          if (self->bytes.size() < self->ref.size) return self->next_chunk();
          self->finish();
        });
  }
  void finish() {
    if (bytes.size() != ref.size || sha256_hex(bytes) != ref.digest) return done(unexpected{blob_failure::missing});
    at->remember(session, ref.digest);
    done(std::move(bytes));
  }
};

} // namespace

blob_ref blob_of(std::string_view bytes) { return {sha256_hex(bytes), bytes.size()}; }

std::size_t blob_chunk_size(const requester& over) {
  const auto fits = over.link().max_payload();
  return fits <= blob_chunk_margin ? blob_chunk_max : std::min(blob_chunk_max, fits - blob_chunk_margin);
}

bool is_full(const api_failure& why) {
  return why.code == refusal_code::store_failed || why.code == refusal_code::insufficient_storage
      || why.code == refusal_code::insufficient_resources;
}

blob_store::blob_store(requester& over, milliseconds patience) : state_{std::make_shared<state>(over, patience)} {}
blob_store::~blob_store() = default;

void blob_store::put(
    const session_id& session, blob_ref ref, std::string bytes, std::function<void(std::optional<blob_failure>)> done) {
  const auto job = std::make_shared<putting<state>>();
  job->at = state_;
  job->session = session;
  if (state_->knows(session, ref.digest)) job->offset = bytes.size();
  job->ref = std::move(ref);
  job->bytes = std::move(bytes);
  job->done = std::move(done);
  job->chunk_size = blob_chunk_size(state_->over);
  job->next_chunk();
}

void blob_store::get(const session_id& session, const blob_ref& ref, std::function<void(bytes_or_failure)> done) {
  const auto job = std::make_shared<getting<state>>();
  job->at = state_;
  job->session = session;
  job->ref = ref;
  job->done = std::move(done);
  if (ref.size == 0 || ref.size > blob_bytes_max) return job->done(unexpected{blob_failure::missing});
  job->next_chunk();
}

void blob_store::purge(const session_id& session) {
  state_->forget(session);
  const auto filter = to_json({{"filter", subjects::blobs_of(session)}});
  ask_api(state_->over, api_subject("STREAM.PURGE", subjects::blobs_stream), filter, [](const api_result&) {});
}

} // namespace baton::nats
