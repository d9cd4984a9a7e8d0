// What a private nats-server finds in its folder (mode 0700: no other user gets in) before it starts, all of mode 0600:
//   credential   user and password, made once
//   port         the last one, so that clients find the server again
//   server.conf  written at each start
// It adds: store/ (JetStream), server.log, server.out (what it says before it can log). `lease` and `server.group` belong to its
// guard.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "messages/expected.hpp"

namespace baton {

struct server_credential {
  std::string user;
  std::string password;
  friend bool operator==(const server_credential&, const server_credential&) = default;
};

struct server_settings {
  std::filesystem::path folder;
  std::uint16_t port = 0;
  server_credential credential;
  /// Bytes.
  std::uint64_t max_payload = 1024UL * 1024;
  /// How long the server may wait before it writes through to the disk; zero: never. None: its own default.
  std::optional<std::chrono::milliseconds> sync_interval;
  /// Of its monitoring pages, on loopback; 0: none.
  std::uint16_t monitoring_port = 0;
};

[[nodiscard]] std::string server_config(const server_settings& s);

// Errors are sentences for a person.

/// Replaces the file as a whole. Nothing: it is stored.
[[nodiscard]] std::optional<std::string> store_private(const std::filesystem::path& file, const std::string& text);
/// The one that is there, else a new one.
[[nodiscard]] expected<server_credential, std::string> credential_in(const std::filesystem::path& folder);
/// `wanted`, if it is not 0, else the stored one, if it is free, else any free one; stored. `wanted` that is taken is an error.
[[nodiscard]] expected<std::uint16_t, std::string> port_in(const std::filesystem::path& folder, std::uint16_t wanted);
/// 0: none is stored.
[[nodiscard]] std::uint16_t stored_port(const std::filesystem::path& folder);

} // namespace baton
