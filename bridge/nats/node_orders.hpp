// What people ask of this very node, over the broker.
#pragma once

#include <functional>
#include <memory>

#include "bridge/nats/connection.hpp"
#include "messages/ids.hpp"

namespace baton::nats {

class node_orders {
public:
  /// `drain` comes once at most, from the broker's thread; whoever asked is told that it was heard. `over` outlives this.
  [[nodiscard]] static expected<std::unique_ptr<node_orders>, failure> listen(
      connection& over, const node_id& self, std::function<void()> drain);
  node_orders(const node_orders&) = delete;
  node_orders& operator=(const node_orders&) = delete;

private:
  node_orders() = default;
  std::optional<subscription> heard_;
};

} // namespace baton::nats
