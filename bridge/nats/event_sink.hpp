// Live events and answers as plain messages: sent and forgotten. What does not fit into one message, or finds no connection,
// is dropped, and told.
#pragma once

#include <functional>
#include <utility>

#include "actors/ports/event_sink.hpp"
#include "bridge/nats/connection.hpp"

namespace baton::nats {

class nats_event_sink final : public event_sink {
public:
  /// `over` outlives the sink. `on_drop` is told of each message that is dropped, in the thread that sends it.
  explicit nats_event_sink(connection& over, std::function<void()> on_drop = [] {})
      : over_{over}, on_drop_{std::move(on_drop)} {}

  void live(
      const session_id& session, const task_id& run, const execution_id& execution, const live_note& note) override;
  void answer(const std::string& reply_to, encoding as, const baton::answer& a) override;

private:
  void send(const std::string& subject, std::string_view payload);

  connection& over_;
  const std::function<void()> on_drop_;
};

} // namespace baton::nats
