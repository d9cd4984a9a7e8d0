// Certificates for tests of TLS: a CA with a server's and a client's certificate, and a second CA that signed neither.
// Made anew for each test; gone with it.
#pragma once

#include <string>

#include "tests/support/nats_server.hpp"

namespace baton::support {

class certificates {
public:
  /// The server's is for localhost and 127.0.0.1.
  certificates();

  [[nodiscard]] std::string ca() const { return path("ca.pem"); }
  [[nodiscard]] std::string other_ca() const { return path("other.pem"); }
  [[nodiscard]] std::string client_certificate() const { return path("client.pem"); }
  [[nodiscard]] std::string client_key() const { return path("client.key"); }
  /// For a nats-server's configuration: TLS for everybody, with clients verified.
  [[nodiscard]] std::string server_config() const;

private:
  [[nodiscard]] std::string path(const std::string& name) const { return (dir_.path() / name).string(); }
  temp_dir dir_;
};

} // namespace baton::support
