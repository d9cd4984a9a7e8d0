// What nats.c allocates, owned: each handle destroys its object. No callback is waited for here; see subscription.
#pragma once

#include <nats/nats.h>

#include <memory>

namespace baton::nats {

/// Destroys a message, at the latest together with the 64th or the one that fills 256 KiB: nats.c hands each to a thread of its
/// own, and one at a time that wakes a thread and waits for a lock for every message sent or received. Any thread.
void let_go(natsMsg* message) noexcept;

struct destroy_handle {
  void operator()(natsMsg* m) const noexcept { let_go(m); }
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
