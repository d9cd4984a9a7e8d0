// Dead letters on JetStream: the queued message's payload is fetched by sequence, so that nobody has to keep it in memory.
#pragma once

#include "actors/ports/dead_letters.hpp"
#include "bridge/nats/requester.hpp"

namespace baton::nats {

class nats_dead_letters final : public dead_letters {
public:
  /// `over` outlives this.
  explicit nats_dead_letters(requester& over) : over_{over} {}
  void bury(dead_letter letter, message_kind kind, std::function<void(bool stored)> done) override;

private:
  requester& over_;
};

} // namespace baton::nats
