// What nats.c allocates, owned: each handle destroys its object. No callback is waited for here; see subscription.
#pragma once

#include <nats/nats.h>

#include <memory>

namespace baton::nats {

struct destroy_handle {
  void operator()(natsMsg* m) const noexcept { natsMsg_Destroy(m); }
  void operator()(natsOptions* o) const noexcept { natsOptions_Destroy(o); }
  void operator()(natsConnection* c) const noexcept { natsConnection_Destroy(c); }
  void operator()(natsSubscription* s) const noexcept { natsSubscription_Destroy(s); }
  void operator()(natsInbox* i) const noexcept { natsInbox_Destroy(i); }
};

using message_handle = std::unique_ptr<natsMsg, destroy_handle>;
using options_handle = std::unique_ptr<natsOptions, destroy_handle>;
using connection_handle = std::unique_ptr<natsConnection, destroy_handle>;
using subscription_handle = std::unique_ptr<natsSubscription, destroy_handle>;
using inbox_handle = std::unique_ptr<natsInbox, destroy_handle>;

} // namespace baton::nats
