// Makes or verifies Baton's streams. Blocks: for start-up, and for when a stream is reported missing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bridge/nats/requester.hpp"
#include "bridge/nats/stream_shapes.hpp"
#include "messages/expected.hpp"

namespace baton::nats {

struct stream_report {
  std::string name;
  /// As the server writes it.
  std::string made;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  /// 0: only the broker's own limit.
  std::uint64_t bytes_max = 0;
  std::uint64_t consumers = 0;
  std::uint64_t replicas = 1;
  /// Of those replicas, followers that the leader counts as current, and the leader itself.
  std::uint64_t replicas_current = 1;
};

struct streams_ready {
  /// As the streams have it, whatever was planned.
  std::uint64_t partitions = 0;
  std::vector<stream_report> streams;
  /// Those that were made just now.
  std::vector<std::string> made;
};

struct streams_refused {
  enum class kind : std::uint8_t {
    /// The broker is away or has no leader at the moment: ask again.
    unreachable,
    /// Another shape, another number of partitions, an old server, no JetStream, no right to look: a person must act.
    unfit,
    /// A stream that this node knows is gone, was made anew or went backwards.
    lost,
  };
  kind what = kind::unfit;
  /// For a person: which stream, what was found, what was expected, what to do.
  std::string text;
};

struct stream_memory {
  /// Where this node keeps what it has seen of the streams. Empty: nowhere, so nothing that is lost is noticed.
  std::filesystem::path file;
  /// Go on over what was lost, once, and remember how it is now.
  bool accept_loss = false;
};

[[nodiscard]] expected<streams_ready, streams_refused> prepare_streams(
    requester& over, const stream_plan& plan, const stream_memory& memory);

/// Compares the streams with the memory, and brings it up to date: now and then, so that as little as possible can be lost
/// unnoticed. Nothing: all is well.
[[nodiscard]] std::optional<streams_refused> remember_streams(requester& over, const stream_memory& memory);

/// The streams as they are, without making or judging any; those that are not there are left out.
[[nodiscard]] expected<std::vector<stream_report>, streams_refused> read_streams(requester& over);

} // namespace baton::nats
