#include "bridge/nats/handles.hpp"

#include <array>
#include <cstddef>
#include <mutex>

namespace baton::nats {
namespace {

constexpr std::size_t messages_max = 64;
constexpr std::size_t bytes_max = std::size_t{256} * 1024;

struct spent_messages {
  std::array<natsMsg*, messages_max> kept{};
  std::size_t count = 0;
  std::size_t bytes = 0;
};

} // namespace

void let_go(natsMsg* message) noexcept {
  static std::mutex mutex;
  static spent_messages spent;
  spent_messages full;
  {
    const std::lock_guard lock{mutex};
    spent.kept[spent.count++] = message;
    spent.bytes += static_cast<std::size_t>(natsMsg_GetDataLength(message));
    if (spent.count < messages_max && spent.bytes < bytes_max) return;
    full = spent;
    spent.count = 0;
    spent.bytes = 0;
  }
  for (std::size_t i = 0; i < full.count; ++i)
    natsMsg_Destroy(full.kept[i]);
}

} // namespace baton::nats
