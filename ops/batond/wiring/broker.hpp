// The broker that a node uses: the private one, which it starts and owns, or the one at a given URL; with the streams made or
// verified.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "actors/ports/clock.hpp"
#include "actors/ports/operator_log.hpp"
#include "bridge/nats/connection.hpp"
#include "bridge/nats/requester.hpp"
#include "config/options.hpp"
#include "messages/expected.hpp"
#include "ops/batond/home.hpp"
#include "ops/batond/signals.hpp"

namespace baton::batond {

class broker {
public:
  /// Blocks until everything is there; waits a while for a broker that is away, unless a signal comes. Else one line for a
  /// person.
  [[nodiscard]] static expected<broker, std::string> reach(const options& o, const home& at, const clock& time,
                                                           operator_log& log, const stop_signals& signals);
  broker(broker&&) noexcept;
  broker& operator=(broker&&) = delete;
  /// A private server is stopped in good order.
  ~broker();

  [[nodiscard]] nats::connection& link();
  [[nodiscard]] nats::requester& requests();
  /// Of its own, since all answers of a requester come from one thread.
  [[nodiscard]] nats::requester& acks();
  [[nodiscard]] std::uint64_t partitions() const;
  /// With credentials, for the clients of this user.
  [[nodiscard]] std::string client_url() const;
  [[nodiscard]] const std::string& shown_url() const;

private:
  struct parts;
  explicit broker(std::unique_ptr<parts> made);
  std::unique_ptr<parts> parts_;
};

} // namespace baton::batond
