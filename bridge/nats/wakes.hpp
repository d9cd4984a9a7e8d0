// Durable timers on JetStream: one message for each, in BATON_WAKES.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "actors/ports/wake_store.hpp"
#include "bridge/nats/requester.hpp"

namespace baton::nats {

class nats_wake_store final : public wake_store {
public:
  /// `full` hears the stream's name whenever it takes a wake no more; from any thread, must not block, called also after this has
  /// ended. `over` outlives the last callback; the store itself need not.
  explicit nats_wake_store(requester& over, std::function<void(std::string_view stream)> full = {})
      : over_{over}, full_{std::move(full)} {}

  void put(partition_id partition, const session_id& session, const wake_key& key, wake w, stream_seq expected,
      std::function<void(wake_put_result)> done) override;
  void remove(partition_id partition, stream_seq seq, std::function<void(wake_remove_result)> done) override;
  void find(partition_id partition, const session_id& session, const wake_key& key,
      std::function<void(find_result)> done) override;
  void load(partition_id partition, stream_seq from, std::function<void(load_result)> done) override;

private:
  requester& over_;
  std::function<void(std::string_view)> full_;
};

} // namespace baton::nats
