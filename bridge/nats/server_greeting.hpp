// What a NATS server says of itself before anything else: the INFO line that it sends to whoever connects, also before TLS and
// credentials. The client library keeps it to itself, and no API tells the version.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messages/expected.hpp"
#include "messages/instant.hpp"

namespace baton::nats {

struct server_greeting {
  std::string version;
  std::string server_name;
  /// Empty: it stands alone.
  std::string cluster;
  std::uint64_t max_payload = 0;
  bool jetstream = false;
  bool headers = false;
  bool tls_required = false;
  bool auth_required = false;
};

/// Connects once more, reads one line, hangs up. Blocks for at most `patience`. `url`: one server, as connection::server_url
/// gives it. The error is for a person.
[[nodiscard]] expected<server_greeting, std::string> read_greeting(std::string_view url, milliseconds patience);

/// Of `INFO {…}`; nothing if it is none.
[[nodiscard]] std::optional<server_greeting> parse_greeting(std::string_view line);

/// Stream transforms came with 2.10.
inline constexpr std::string_view server_version_min = "2.10.0";
/// Of a version such as `2.10.27` or `2.12.0-RC.1`; false also if it is none.
[[nodiscard]] bool is_new_enough(std::string_view version);

} // namespace baton::nats
