// What a client reads: sessions, their commits and events, dead letters. Blocks; not for actors. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bridge/nats/js_api.hpp"
#include "bridge/nats/requester.hpp"
#include "messages/commit.hpp"
#include "messages/dead_letter.hpp"
#include "messages/expected.hpp"

namespace baton::nats {

struct stored_letter {
  stream_seq seq;
  instant stored_at;
  dead_letter letter;
};

class log_reader {
public:
  template <class T>
  using result = expected<T, api_failure>;

  /// Asks the broker how many partitions there are. `over` outlives the reader.
  [[nodiscard]] static result<log_reader> open(requester& over);

  [[nodiscard]] std::uint64_t partitions() const noexcept { return partitions_; }
  // Of a commit, the entries' large values are fetched, but not the checkpoint: it may be gone when the next commit is stored.
  /// The newest commit, as the leader has it.
  [[nodiscard]] result<std::optional<stored_commit>> last(const session_id& session) const;
  /// The first commit at or after `from`, with its events.
  [[nodiscard]] result<std::optional<stored_commit>> next(const session_id& session, stream_seq from) const;
  /// All sessions that have a commit, by name.
  [[nodiscard]] result<std::vector<session_id>> sessions() const;

  /// The first dead letter at or after `from`; of one session, or of all.
  [[nodiscard]] result<std::optional<stored_letter>> next_dead(
      const std::optional<session_id>& of, stream_seq from) const;

private:
  log_reader(requester& over, std::uint64_t partitions) : over_{&over}, partitions_{partitions} {}
  [[nodiscard]] result<std::optional<stored_commit>> whole(stored_message message) const;

  requester* over_;
  std::uint64_t partitions_;
};

} // namespace baton::nats
