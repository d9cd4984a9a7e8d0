// What a person wants to know of the broker before trusting it: for `baton doctor`. Blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bridge/nats/requester.hpp"
#include "bridge/nats/server_greeting.hpp"
#include "bridge/nats/streams.hpp"
#include "messages/expected.hpp"

namespace baton::nats {

/// JetStream as this account sees it. Bytes; a limit of 0: none.
struct account_report {
  std::uint64_t storage_used = 0;
  std::uint64_t storage_max = 0;
  std::uint64_t memory_used = 0;
  std::uint64_t streams = 0;
  std::uint64_t streams_max = 0;
  std::uint64_t consumers = 0;
};

/// How often the server syncs to the disk is not in it: no server tells its clients. Without `sync_interval: always` a power cut
/// may take what was confirmed in the last minutes, unless replicas hold it.
struct server_report {
  /// Without secrets.
  std::string url;
  /// Nothing: the server's greeting could not be read, and why.
  expected<server_greeting, std::string> greeting = unexpected{std::string{}};
  bool version_fits = false;
  account_report account;
  /// Baton's, as far as they are there.
  std::vector<stream_report> streams;
  /// Servers that hold a replica of the stream with most; 1: one server is all there is.
  std::uint64_t replicas = 1;
};

[[nodiscard]] expected<server_report, streams_refused> read_server_report(requester& over);

} // namespace baton::nats
