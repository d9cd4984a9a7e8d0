// Live events and answers as plain messages: sent and forgotten. What does not fit into one message, or finds no connection,
// is dropped and counted.
#pragma once

#include <atomic>
#include <cstdint>

#include "actors/ports/event_sink.hpp"
#include "bridge/nats/connection.hpp"

namespace baton::nats {

class nats_event_sink final : public event_sink {
public:
  /// `over` outlives the sink.
  explicit nats_event_sink(connection& over) : over_{over} {}

  void live(
      const session_id& session, const task_id& run, const execution_id& execution, const live_note& note) override;
  void answer(const std::string& reply_to, encoding as, const baton::answer& a) override;
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

private:
  void send(const std::string& subject, std::string_view payload);

  connection& over_;
  std::atomic<std::uint64_t> dropped_{0};
};

} // namespace baton::nats
