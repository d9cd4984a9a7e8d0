// What a load balancer, an orchestrator and Prometheus ask a node, over HTTP/1.1 and without a secret in any answer:
//   /healthz  200 as long as the process can answer at all
//   /readyz   200 if it takes work, else 503 and why not
//   /metrics  200 and all counters as Prometheus text
// GET and HEAD only; one request per connection. A client that is slow gets `patience`, then its connection is closed.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/options.hpp"
#include "messages/expected.hpp"

namespace baton {

class status_server {
public:
  /// Asked from the server's own threads, several at once; must not block. What they use must outlive the server.
  struct sources {
    /// Nothing: ready. Else one line for a person.
    std::function<std::optional<std::string>()> why_not_ready;
    /// In Prometheus' text format.
    std::function<std::string()> metrics;
  };

  static constexpr std::chrono::seconds patience{2};
  /// Connections that are served at once.
  static constexpr std::size_t workers = 4;

  /// Listens and answers when it returns. Else why it cannot, one line for a person.
  [[nodiscard]] static expected<std::unique_ptr<status_server>, std::string> start(
      const listen_address& at, sources ask);

  /// Takes no new connection, lets those that are open have their answers, and ends its threads. With clients that say nothing
  /// this takes `patience`, for each `workers` of them.
  ~status_server();
  status_server(const status_server&) = delete;
  status_server& operator=(const status_server&) = delete;

  /// With the port that was taken.
  [[nodiscard]] const listen_address& address() const noexcept;

private:
  struct inside;
  explicit status_server(std::unique_ptr<inside> made);
  std::unique_ptr<inside> inside_;
};

} // namespace baton
