#include "bridge/nats/blobs.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "bridge/nats/pub_ack.hpp"
#include "messages/digest.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

/// Readers take chunks as they come, so it may change.
constexpr std::size_t chunk_bytes = 512 * 1024;
/// A value that claims more is not read.
constexpr std::uint64_t blob_bytes_max = 256ULL * 1024 * 1024;

struct putting : std::enable_shared_from_this<putting> {
  requester& over;
  session_id session;
  std::string bytes;
  std::string digest;
  std::function<void(std::optional<blob_failure>)> done;
  std::size_t sent = 0;
  std::uint64_t chunk = 0;

  putting(requester& r, session_id s, std::string b, std::function<void(std::optional<blob_failure>)> d)
      : over{r}, session{std::move(s)}, bytes{std::move(b)}, digest{sha256_hex(bytes)}, done{std::move(d)} {}

  void next_chunk() {
    const auto size = std::min(chunk_bytes, bytes.size() - sent);
    // The subject names the content: if a message is there, it is this one.
    const header with[] = {{expected_last_header, "0"}};
    over.request(subjects::blob(session, digest, chunk), with, std::string_view{bytes}.substr(sent, size), api_patience,
        [self = shared_from_this(), size](const requester::result& answer) { self->on_stored(answer, size); });
  }
  void on_stored(const requester::result& answer, std::size_t size) {
    const auto stored = published_of(answer);
    if (!stored && stored.error().code != refusal_code::wrong_last_sequence) {
      return done(stored.error().link ? blob_failure::unreachable : blob_failure::full);
    }
    sent += size;
    chunk += 1;
    if (sent == bytes.size()) return done(std::nullopt);
    next_chunk();
  }
};

struct getting : std::enable_shared_from_this<getting> {
  requester& over;
  session_id session;
  blob_ref ref;
  std::function<void(expected<std::string, blob_failure>)> done;
  std::string bytes;
  std::uint64_t chunk = 0;

  getting(requester& r, session_id s, blob_ref b, std::function<void(expected<std::string, blob_failure>)> d)
      : over{r}, session{std::move(s)}, ref{std::move(b)}, done{std::move(d)} {}

  void next_chunk() {
    over.request(api_subject("STREAM.MSG.GET", subjects::blobs_stream), {},
        last_by_subject(subjects::blob(session, ref.digest, chunk)), api_patience,
        [self = shared_from_this()](const requester::result& answer) { self->on_read(answer); });
  }
  void on_read(const requester::result& answer) {
    if (!answer) return done(unexpected{blob_failure::unreachable});
    const auto message = read_message_answer(answer->payload());
    if (!message || message->payload.empty()) return done(unexpected{blob_failure::missing});
    bytes += message->payload;
    chunk += 1;
    if (bytes.size() < ref.size) return next_chunk();
    if (bytes.size() != ref.size || sha256_hex(bytes) != ref.digest) return done(unexpected{blob_failure::missing});
    done(std::move(bytes));
  }
};

} // namespace

blob_ref blob_of(std::string_view bytes) { return {sha256_hex(bytes), bytes.size()}; }

void put_blob(requester& over, const session_id& session, std::string bytes,
    std::function<void(std::optional<blob_failure>)> done) {
  std::make_shared<putting>(over, session, std::move(bytes), std::move(done))->next_chunk();
}

void get_blob(requester& over, const session_id& session, const blob_ref& ref,
    std::function<void(expected<std::string, blob_failure>)> done) {
  if (ref.size == 0 || ref.size > blob_bytes_max) return done(unexpected{blob_failure::missing});
  std::make_shared<getting>(over, session, ref, std::move(done))->next_chunk();
}

void purge_blobs(requester& over, const session_id& session) {
  const auto filter = to_json({{"filter", subjects::blobs_of(session)}});
  ask_api(over, api_subject("STREAM.PURGE", subjects::blobs_stream), filter, [](const api_result&) {});
}

} // namespace baton::nats
