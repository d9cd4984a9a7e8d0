#include "bridge/nats/node_orders.hpp"

#include <utility>

#include "messages/subjects.hpp"

namespace baton::nats {

expected<std::unique_ptr<node_orders>, failure> node_orders::listen(
    connection& over, const node_id& self, std::function<void()> drain) {
  std::unique_ptr<node_orders> made{new node_orders};
  auto heard = over.subscribe(subjects::drain(self), [&over, order = std::move(drain)](message_handle message) mutable {
    if (const auto* reply_to = natsMsg_GetReply(message.get())) {
      [[maybe_unused]] const auto unsent = over.publish(reply_to, {}, {}, R"({"verdict":"accepted"})");
    }
    if (auto once = std::exchange(order, nullptr)) once();
  });
  if (!heard) return unexpected{heard.error()};
  made->heard_.emplace(*std::move(heard));
  return made;
}

} // namespace baton::nats
