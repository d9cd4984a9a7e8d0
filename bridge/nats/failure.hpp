// What can go wrong between us and the broker, named for what a caller does next. The one place that knows nats.c's status codes.
#pragma once

#include <nats/nats.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace baton::nats {

enum class failure : std::uint8_t {
  /// No answer in time. Whatever was asked may have been done.
  timed_out,
  /// Nobody listens on that subject: no JetStream there, no such stream. Nothing was done.
  no_responders,
  /// There is no connection at the moment. Nothing was sent.
  disconnected,
  /// A limit of ours: too much is pending already. Nothing was sent.
  overloaded,
  /// Headers and payload are larger than the server's max_payload. Nothing was sent.
  too_large,
  /// The connection, or the requester, was closed. Whatever was asked may have been done.
  closed,
  /// nats.c refuses it (bad subject, no memory): a bug or the end. Nothing was sent.
  refused,
};

[[nodiscard]] std::string_view to_text(failure f);

/// Of a status that is not NATS_OK.
[[nodiscard]] failure failure_of(natsStatus status);

struct connect_failure {
  enum class kind : std::uint8_t { cannot_connect, authorization, tls, bad_options };
  kind what = kind::cannot_connect;
  /// For a person: what was tried, what came back, what to look at. Holds no password.
  std::string text;
};

/// Of a failed attempt to connect to `url`; reads nats.c's error text of this thread, so call it at once.
[[nodiscard]] connect_failure connect_failure_of(natsStatus status, std::string_view url);

/// `url` without user, password or token.
[[nodiscard]] std::string without_secrets(std::string_view url);

} // namespace baton::nats
