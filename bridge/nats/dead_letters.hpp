// Dead letters on JetStream: the queued message's payload is fetched by sequence, so that nobody has to keep it in memory.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "actors/ports/dead_letters.hpp"
#include "bridge/nats/requester.hpp"

namespace baton::nats {

class nats_dead_letters final : public dead_letters {
public:
  /// `full` hears the stream's name whenever it takes a letter no more; from any thread, must not block, called also after
  /// this has ended. `over` outlives this.
  explicit nats_dead_letters(requester& over, std::function<void(std::string_view stream)> full = {})
      : over_{over}, full_{std::move(full)} {}
  void bury(dead_letter letter, message_kind kind, std::function<void(bool stored)> done) override;

private:
  requester& over_;
  std::function<void(std::string_view)> full_;
};

} // namespace baton::nats
