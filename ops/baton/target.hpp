// Which broker the command line talks to: what was given, else what the node on this machine wrote down when it started.
#pragma once

#include <string>

#include "bridge/nats/connection.hpp"
#include "messages/expected.hpp"

namespace baton::cli {

struct target_options {
  /// Empty: look into the data directory.
  std::string url;
  std::string data_dir;
  std::string credentials_file;
  std::string nkey_seed_file;
  std::string tls_ca_file;
  std::string tls_cert_file;
  std::string tls_key_file;
};

/// Written by batond, readable by its user only: `{"url": …}`.
inline constexpr auto client_file = "client.json";

/// Else one line for a person.
[[nodiscard]] expected<nats::connect_options, std::string> find_target(const target_options& given);

} // namespace baton::cli
