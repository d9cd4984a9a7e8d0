#include "bridge/nats/log_gauge.hpp"

#include <utility>

#include "bridge/nats/js_api.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {

void nats_log_gauge::read(std::function<void(std::optional<log_room>)> done) {
  ask_api(over_, api_subject("STREAM.INFO", subjects::log_stream), {}, [done = std::move(done)](const api_result& info) {
    if (!info) return done(std::nullopt);
    // A stream without a limit says -1, which `number_at` reads as 0.
    done(log_room{number_at(*info, {"state", "bytes"}), number_at(*info, {"config", "max_bytes"})});
  });
}

} // namespace baton::nats
