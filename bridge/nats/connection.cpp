#include "bridge/nats/connection.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <vector>

#include "bridge/nats/gate.hpp"
#include "bridge/nats/nkey.hpp"

namespace baton::nats {
namespace {

/// `attempt` from 1. Doubles up to the longest, then loses up to half of it by `dice`, so that nodes do not come back in step.
milliseconds backoff(const connect_options& options, int attempt, std::uint64_t dice) {
  auto delay = options.backoff_min;
  for (int i = 1; i < attempt && delay < options.backoff_max; ++i)
    delay *= 2;
  delay = std::min(delay, options.backoff_max);
  const auto half = static_cast<std::uint64_t>(delay.count()) / 2;
  return half == 0 ? delay : delay - milliseconds{dice % (half + 1)};
}

message_handle make_message(const std::string& subject, const std::string& reply_to, header_list with,
    std::string_view payload, natsStatus& status) {
  natsMsg* made = nullptr;
  status = natsMsg_Create(&made, subject.c_str(), reply_to.empty() ? nullptr : reply_to.c_str(), payload.data(),
      static_cast<int>(payload.size()));
  message_handle message{made};
  for (const auto& one : with) {
    if (status != NATS_OK) break;
    status = natsMsgHeader_Add(made, one.name, one.value.c_str());
  }
  return message;
}

} // namespace

// --- callbacks ---------------------------------------------------------------------------------------------------------

struct connection::callbacks {
  explicit callbacks(connect_options with) : options{std::move(with)}, chance{std::hash<std::string>{}(new_inbox())} {}

  template <class Tell>
  void tell(Tell&& say) {
    std::vector<std::shared_ptr<link_listener>> now;
    {
      const std::lock_guard lock{mutex};
      std::erase_if(listeners, [](const auto& weak) { return weak.expired(); });
      for (const auto& weak : listeners) {
        if (auto one = weak.lock()) now.push_back(std::move(one));
      }
    }
    for (const auto& one : now)
      say(*one);
  }

  static callbacks& of(void* closure) { return *static_cast<callbacks*>(closure); }
  static void on_disconnected(natsConnection*, void* closure) {
    of(closure).connected = false;
    of(closure).tell([](link_listener& l) { l.disconnected(); });
  }
  static void on_reconnected(natsConnection*, void* closure) {
    of(closure).connected = true;
    of(closure).tell([](link_listener& l) { l.reconnected(); });
  }
  static void on_closed(natsConnection*, void* closure) {
    auto& self = of(closure);
    self.connected = false;
    if (!self.closing) self.tell([](link_listener& l) { l.closed(); });
    self.ended.open(); // the last touch: the destructor waits for it
  }
  static void on_error(natsConnection*, natsSubscription* sub, natsStatus status, void* closure) {
    natsStatus ignored = NATS_OK;
    const char* last = nats_GetLastError(&ignored);
    std::string text = last != nullptr && *last != '\0' ? last : natsStatus_GetText(status);
    if (sub != nullptr) text.append(" (subscription ").append(natsSubscription_GetSubject(sub)).append(")");
    of(closure).tell([&](link_listener& l) { l.trouble(text); });
  }
  static std::int64_t reconnect_delay(natsConnection*, int attempt, void* closure) {
    auto& self = of(closure);
    // A counter through a mixer: enough to keep nodes apart, and each starts from its own inbox name.
    auto dice = self.chance.fetch_add(0x9E3779B97F4A7C15ULL);
    dice = (dice ^ (dice >> 31U)) * 0xBF58476D1CE4E5B9ULL;
    return backoff(self.options, attempt, dice >> 17U).count();
  }

  /// Asking nats.c takes the lock that it holds while it writes, so it is asked once in so many bytes, and while it is full.
  template <class Unsent>
  bool is_overfull(std::size_t size, Unsent unsent) {
    const auto since = unasked.fetch_add(size, std::memory_order_relaxed) + size;
    if (since < std::min(ask_every, options.unsent_bytes_max) && !full) return false;
    unasked = 0;
    full = unsent() > options.unsent_bytes_max;
    return full;
  }

  static constexpr std::size_t ask_every = std::size_t{64} * 1024;
  std::atomic<std::size_t> unasked{0};
  std::atomic<bool> full = false;
  const connect_options options;
  std::atomic<bool> connected = false;
  std::atomic<bool> closing = false;
  std::atomic<std::uint64_t> chance;
  gate ended;
  std::mutex mutex;
  std::vector<std::weak_ptr<link_listener>> listeners;
};

// --- opening -----------------------------------------------------------------------------------------------------------

namespace {

std::vector<std::string> split(std::string_view urls) {
  std::vector<std::string> each;
  while (true) {
    const auto comma = urls.find(',');
    each.emplace_back(urls.substr(0, comma));
    if (comma == std::string_view::npos) return each;
    urls.remove_prefix(comma + 1);
  }
}

/// nats.c takes much for a URL that is none, and then says only that it cannot connect.
bool is_usable(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) {
    if (url.substr(0, scheme) != "nats" && url.substr(0, scheme) != "tls") return false;
    url.remove_prefix(scheme + 3);
  }
  if (const auto at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
  const auto colon = url.find_last_of(":]"); // an IPv6 address stands in brackets
  if (colon == std::string_view::npos || url[colon] == ']') return !url.empty();
  const auto port = url.substr(colon + 1);
  return colon > 0 && !port.empty() && port.find_first_not_of("0123456789") == std::string_view::npos;
}

natsStatus set_servers(natsOptions* o, const connect_options& with) {
  const auto urls = split(with.url);
  if (!std::ranges::all_of(urls, is_usable)) return NATS_ADDRESS_MISSING;
  std::vector<const char*> pointers;
  for (const auto& url : urls)
    pointers.push_back(url.c_str());
  return natsOptions_SetServers(o, pointers.data(), static_cast<int>(pointers.size()));
}

/// nats.c does not look at the scheme.
natsStatus set_tls(natsOptions* o, const connect_options& with) {
  const bool wanted =
      !with.tls_ca_file.empty() || !with.tls_certificate_file.empty() || with.url.find("tls://") != std::string::npos;
  if (!wanted) return NATS_OK;
  auto status = natsOptions_SetSecure(o, true);
  if (status == NATS_OK && !with.tls_ca_file.empty()) {
    status = natsOptions_LoadCATrustedCertificates(o, with.tls_ca_file.c_str());
  }
  if (status == NATS_OK && !with.tls_certificate_file.empty()) {
    status = natsOptions_LoadCertificatesChain(o, with.tls_certificate_file.c_str(), with.tls_key_file.c_str());
  }
  return status;
}

natsStatus set_limits(natsOptions* o, const connect_options& with) {
  const std::array steps{
      natsOptions_SetName(o, with.name.c_str()),
      natsOptions_SetTimeout(o, with.connect_timeout.count()),
      natsOptions_SetAllowReconnect(o, true),
      natsOptions_SetMaxReconnect(o, -1),
      natsOptions_SetReconnectBufSize(o, static_cast<int>(with.unsent_bytes_max)),
      natsOptions_SetPingInterval(o, with.ping_interval.count()),
      natsOptions_SetMaxPingsOut(o, 2),
      natsOptions_SetSendAsap(o, with.send_asap),
  };
  const auto bad = std::ranges::find_if(steps, [](natsStatus s) { return s != NATS_OK; });
  return bad == steps.end() ? NATS_OK : *bad;
}

} // namespace

expected<std::unique_ptr<connection>, connect_failure> connection::open(const connect_options& with) {
  using kind = connect_failure::kind;
  natsOptions* made = nullptr;
  auto status = natsOptions_Create(&made);
  const options_handle options{made};
  if (status == NATS_OK) status = set_servers(made, with);
  if (status == NATS_OK) status = set_limits(made, with);
  if (status != NATS_OK) return unexpected{connect_failure_of(status, with.url)};
  if (set_tls(made, with) != NATS_OK) {
    return unexpected{
        connect_failure{kind::tls, "cannot load the TLS files: " + std::string{nats_GetLastError(&status)}}};
  }
  if (!with.credentials_file.empty())
    status = natsOptions_SetUserCredentialsFromFiles(made, with.credentials_file.c_str(), nullptr);
  if (status == NATS_OK && !with.nkey_seed_file.empty()) {
    const auto public_key = public_nkey_of_seed_file(with.nkey_seed_file);
    if (!public_key) return unexpected{connect_failure{kind::bad_options, public_key.error()}};
    status = natsOptions_SetNKeyFromSeed(made, public_key->c_str(), with.nkey_seed_file.c_str());
  }

  auto told = std::make_unique<callbacks>(with);
  if (status == NATS_OK) status = natsOptions_SetDisconnectedCB(made, callbacks::on_disconnected, told.get());
  if (status == NATS_OK) status = natsOptions_SetReconnectedCB(made, callbacks::on_reconnected, told.get());
  if (status == NATS_OK) status = natsOptions_SetClosedCB(made, callbacks::on_closed, told.get());
  if (status == NATS_OK) status = natsOptions_SetErrorHandler(made, callbacks::on_error, told.get());
  if (status == NATS_OK) status = natsOptions_SetCustomReconnectDelay(made, callbacks::reconnect_delay, told.get());
  if (status == NATS_OK && with.retry_first_connect) {
    status = natsOptions_SetRetryOnFailedConnect(made, true, callbacks::on_reconnected, told.get());
  }
  auto loop = std::make_unique<io_loop>();
  if (status == NATS_OK) status = loop->serve(made);
  natsConnection* connected = nullptr;
  if (status == NATS_OK) status = natsConnection_Connect(&connected, made);
  if (status != NATS_OK && status != NATS_NOT_YET_CONNECTED) return unexpected{connect_failure_of(status, with.url)};
  if (status == NATS_OK) told->connected = true;
  return std::unique_ptr<connection>{new connection{std::move(told), std::move(loop), connection_handle{connected}}};
}

connection::connection(std::unique_ptr<callbacks> told, std::unique_ptr<io_loop> loop, connection_handle handle)
    : told_{std::move(told)}, loop_{std::move(loop)}, handle_{std::move(handle)} {}

connection::~connection() {
  told_->closing = true;
  natsConnection_Close(handle_.get());
  told_->ended.wait();
}

// --- use ---------------------------------------------------------------------------------------------------------------

bool connection::connected() const noexcept { return told_->connected; }

std::size_t connection::max_payload() const {
  return static_cast<std::size_t>(std::max<std::int64_t>(0, natsConnection_GetMaxPayload(handle_.get())));
}

std::string connection::server_url() const {
  std::array<char, 1024> url{};
  if (natsConnection_GetConnectedUrl(handle_.get(), url.data(), url.size()) != NATS_OK) return {};
  return without_secrets(url.data());
}

std::size_t connection::unsent_bytes() const {
  return static_cast<std::size_t>(std::max(0, natsConnection_Buffered(handle_.get())));
}

void connection::listen(std::weak_ptr<link_listener> listener) {
  const std::lock_guard lock{told_->mutex};
  told_->listeners.push_back(std::move(listener));
}

std::optional<failure> connection::publish(
    const std::string& subject, const std::string& reply_to, header_list with, std::string_view payload) {
  if (!connected()) return failure::disconnected;
  if (told_->is_overfull(payload.size(), [this] { return unsent_bytes(); })) return failure::overloaded;
  natsStatus status = NATS_OK;
  if (with.empty()) {
    const auto size = static_cast<int>(payload.size());
    status = reply_to.empty() ? natsConnection_Publish(handle_.get(), subject.c_str(), payload.data(), size)
                              : natsConnection_PublishRequest(handle_.get(), subject.c_str(), reply_to.c_str(), payload.data(), size);
  } else {
    const auto message = make_message(subject, reply_to, with, payload, status);
    if (status == NATS_OK) status = natsConnection_PublishMsg(handle_.get(), message.get());
  }
  if (status == NATS_OK) return std::nullopt;
  return failure_of(status);
}

std::string connection::new_inbox() {
  natsInbox* made = nullptr;
  if (natsInbox_Create(&made) != NATS_OK) return {};
  const inbox_handle inbox{made};
  return std::string{made};
}

bool connection::flush(milliseconds timeout) {
  return natsConnection_FlushTimeout(handle_.get(), timeout.count()) == NATS_OK;
}

// --- subscriptions -----------------------------------------------------------------------------------------------------

struct subscription::state {
  state(on_message to, io_loop& by) : callback{std::move(to)}, loop{by} {}
  ~state() {
    end();
    // nats.c's reader uses the subscription that it has looked up without holding it.
    loop.finish_round();
  }
  void end() {
    if (!handle) return;
    natsSubscription_Unsubscribe(handle.get());
    ended.wait();
  }
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  static void on_arrival(natsConnection*, natsSubscription*, natsMsg* arrived, void* closure) {
    static_cast<state*>(closure)->callback(message_handle{arrived});
  }
  static void on_complete(void* closure) { static_cast<state*>(closure)->ended.open(); }

  on_message callback;
  io_loop& loop;
  gate ended;
  subscription_handle handle;
};

subscription::subscription(std::unique_ptr<state> held) : state_{std::move(held)} {}
subscription::subscription(subscription&&) noexcept = default;
subscription& subscription::operator=(subscription&&) noexcept = default;
subscription::~subscription() = default;

void subscription::end() {
  if (state_) state_->end();
}

std::size_t subscription::waiting() const {
  int messages = 0;
  const auto status = natsSubscription_GetPending(state_->handle.get(), &messages, nullptr);
  return status == NATS_OK ? static_cast<std::size_t>(std::max(messages, 0)) : 0;
}

expected<subscription, failure> connection::subscribe(
    const std::string& subject, subscription::on_message callback, int pending_max) {
  auto held = std::make_unique<subscription::state>(std::move(callback), *loop_);
  natsSubscription* made = nullptr;
  auto status =
      natsConnection_Subscribe(&made, handle_.get(), subject.c_str(), subscription::state::on_arrival, held.get());
  if (status != NATS_OK) return unexpected{failure_of(status)};
  const int limit = pending_max > 0 ? pending_max : -1;
  status = natsSubscription_SetOnCompleteCB(made, subscription::state::on_complete, held.get());
  if (status == NATS_OK) held->handle.reset(made);
  if (status == NATS_OK) status = natsSubscription_SetPendingLimits(made, limit, -1);
  if (status != NATS_OK) return unexpected{failure_of(status)};
  return subscription{std::move(held)};
}

} // namespace baton::nats
