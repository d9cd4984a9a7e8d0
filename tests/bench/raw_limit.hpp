// What the broker can do for anybody: fetch + append + acknowledge on the same stream shapes with the same message sizes,
// with nothing but nats.c. The limit beside which turns are shown.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace baton::bench {

struct raw_load {
  std::uint64_t messages = 0;
  std::uint64_t sessions = 0;
  std::size_t task_bytes = 0;
  std::size_t commit_bytes = 0;
  /// One `Baton-Event` header of this size goes with each commit.
  std::size_t event_bytes = 0;
};

/// Publishes the tasks, then works them off with up to `sessions` appends in flight: messages per second.
[[nodiscard]] double raw_per_second(const std::string& url, const raw_load& load);
/// One at a time: publish, fetch, append, acknowledge. Microseconds, in order of size.
[[nodiscard]] std::vector<double> raw_sequence_us(const std::string& url, const raw_load& load);
/// Publishes `count` tasks with an answer awaited for each, many in flight. `runner`, `input_bytes` make the payload.
void publish_tasks(const std::string& url, std::uint64_t count, std::uint64_t sessions, const std::string& payload_prefix,
                   const std::string& payload_suffix, const std::string& session_prefix);

} // namespace baton::bench
