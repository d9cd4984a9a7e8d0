#include "bridge/nats/failure.hpp"

namespace baton::nats {

std::string_view to_text(failure f) {
  switch (f) {
  case failure::timed_out: return "no answer in time";
  case failure::no_responders: return "nobody answers on that subject";
  case failure::disconnected: return "not connected";
  case failure::overloaded: return "too many requests pending";
  case failure::too_large: return "larger than the server's max_payload";
  case failure::closed: return "connection closed";
  case failure::refused: return "refused by the client library";
  }
  return {};
}

failure failure_of(natsStatus status) {
  if (status == NATS_TIMEOUT) return failure::timed_out;
  if (status == NATS_NO_RESPONDERS) return failure::no_responders;
  if (status == NATS_MAX_PAYLOAD) return failure::too_large;
  if (status == NATS_INSUFFICIENT_BUFFER) return failure::overloaded;
  if (status == NATS_CONNECTION_CLOSED || status == NATS_DRAINING) return failure::closed;
  if (status == NATS_CONNECTION_DISCONNECTED || status == NATS_IO_ERROR || status == NATS_STALE_CONNECTION
      || status == NATS_NO_SERVER || status == NATS_NOT_YET_CONNECTED || status == NATS_SYS_ERROR) {
    return failure::disconnected;
  }
  return failure::refused;
}

connect_failure connect_failure_of(natsStatus status, std::string_view url) {
  using kind = connect_failure::kind;
  natsStatus ignored = NATS_OK;
  const char* last = nats_GetLastError(&ignored);
  const std::string said = last != nullptr && *last != '\0' ? last : natsStatus_GetText(status);
  const auto where = without_secrets(url);
  if (status == NATS_CONNECTION_AUTH_FAILED || status == NATS_NOT_PERMITTED) {
    return {kind::authorization,
        "the NATS server at " + where + " refuses our credentials (" + said
            + "): check the user, credentials file or seed file that is configured for it"};
  }
  if (status == NATS_SECURE_CONNECTION_REQUIRED) {
    return {kind::tls, "the NATS server at " + where + " wants TLS: use a tls:// URL, or configure the CA file"};
  }
  if (status == NATS_SECURE_CONNECTION_WANTED) {
    return {kind::tls, "the NATS server at " + where + " does not speak TLS, but TLS is configured"};
  }
  if (status == NATS_SSL_ERROR) {
    return {kind::tls,
        "TLS with the NATS server at " + where + " failed (" + said + "): check the CA, certificate and key files"};
  }
  if (status == NATS_ADDRESS_MISSING || status == NATS_INVALID_ARG) {
    return {kind::bad_options,
        "not a usable NATS URL: \"" + where + "\"; it looks like nats://host:4222 or tls://host:4222"};
  }
  return {kind::cannot_connect, "cannot connect to the NATS server at " + where + " (" + said + "): is it running?"};
}

std::string without_secrets(std::string_view url) {
  std::string clean;
  while (!url.empty()) {
    const auto comma = url.find(',');
    auto one = url.substr(0, comma);
    url = comma == std::string_view::npos ? std::string_view{} : url.substr(comma + 1);
    const auto scheme = one.find("://");
    const auto start = scheme == std::string_view::npos ? 0 : scheme + 3;
    if (const auto at = one.rfind('@'); at != std::string_view::npos && at >= start) {
      clean.append(one.substr(0, start)).append(one.substr(at + 1));
    } else {
      clean.append(one);
    }
    if (!url.empty()) clean.push_back(',');
  }
  return clean;
}

} // namespace baton::nats
