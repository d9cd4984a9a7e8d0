// How full BATON_LOG is, as its leader says.
#pragma once

#include "actors/ports/log_gauge.hpp"
#include "bridge/nats/requester.hpp"

namespace baton::nats {

class nats_log_gauge final : public log_gauge {
public:
  /// `over` outlives the last callback; the gauge itself need not.
  explicit nats_log_gauge(requester& over) : over_{over} {}

  void read(std::function<void(std::optional<log_room>)> done) override;

private:
  requester& over_;
};

} // namespace baton::nats
