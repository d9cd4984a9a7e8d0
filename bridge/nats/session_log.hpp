// The log of every session on JetStream: one message per commit, appended by compare-and-set on the subject's last sequence.
#pragma once

#include "actors/ports/session_log.hpp"
#include "bridge/nats/requester.hpp"

namespace baton::nats {

class nats_session_log final : public session_log {
public:
  /// `over` outlives the log.
  explicit nats_session_log(requester& over, milliseconds patience = milliseconds{5'000}) : over_{over}, patience_{patience} {}

  void append(partition_id partition, stream_seq expected, commit c, std::function<void(append_result)> done) override;
  void read_last(
      partition_id partition, const session_id& session, std::function<void(last_result)> done) override;

private:
  requester& over_;
  milliseconds patience_;
};

} // namespace baton::nats
