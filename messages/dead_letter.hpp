// A task that was refused or given up on: stored in BATON_DEAD on baton.dead.<session>, readable by a person.
#pragma once

#include <string>

#include "messages/ids.hpp"
#include "messages/instant.hpp"
#include "messages/reason.hpp"

namespace baton {

struct dead_letter {
  /// Empty if the subject held none: stored under `$invalid`.
  session_id session;
  /// As far as it could be read; may be empty.
  std::string id;
  reason why = reason::not_decodable;
  std::string detail;
  /// The subject it came on.
  std::string subject;
  stream_seq seq;
  instant at;
  std::uint32_t attempts = 0;
  /// The payload as it came, cut to `dead_payload_max`; what `requeue` publishes again.
  std::string payload;
  bool payload_cut = false;
  /// Makes a second publish of the same letter drop out (Nats-Msg-Id).
  std::string dedupe;
  friend bool operator==(const dead_letter&, const dead_letter&) = default;
};

inline constexpr std::size_t dead_payload_max = 256 * 1024;

} // namespace baton
