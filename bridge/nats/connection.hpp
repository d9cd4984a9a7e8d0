// One connection to the broker. It reconnects for ever, with growing, jittered delays; subscriptions survive that.
// Any thread may call anything here; nothing of a connection may be destroyed from inside one of its own callbacks.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bridge/nats/failure.hpp"
#include "bridge/nats/handles.hpp"
#include "bridge/nats/io_loop.hpp"
#include "messages/expected.hpp"
#include "messages/instant.hpp"

namespace baton::nats {

struct connect_options {
  /// One server, or several of one cluster separated by commas. May hold user:password@ or token@. `tls://` asks for TLS.
  std::string url = "nats://127.0.0.1:4222";
  /// What the server's own reports call us.
  std::string name = "baton";
  /// At most one of the two; empty: none.
  std::string credentials_file{};
  std::string nkey_seed_file{};
  /// A CA file asks for TLS. Certificate and key go together, for servers that verify their clients.
  std::string tls_ca_file{};
  std::string tls_certificate_file{};
  std::string tls_key_file{};
  /// What is published leaves at once; under load, all that came while the last write took. Otherwise it is gathered for up to
  /// 1 ms first.
  bool send_asap = true;
  /// A broker that is away at the start is waited for, as after a lost connection, instead of failing `open`.
  bool retry_first_connect = false;
  milliseconds connect_timeout{2'000};
  /// Delay before the first attempt to reconnect, and the longest one; each is cut by up to half, at random.
  milliseconds backoff_min{50};
  milliseconds backoff_max{2'000};
  /// A server that does not answer a ping for two of these is given up.
  milliseconds ping_interval{5'000};
  /// What may wait because the server takes nothing in, or until a lost connection is noticed; more is `overloaded`.
  std::size_t unsent_bytes_max = std::size_t{8} * 1024 * 1024;
};

/// Told from nats.c's callback thread, one call at a time; only post, never block.
class link_listener {
public:
  virtual ~link_listener() = default;
  virtual void disconnected() {}
  /// Also the first connect, if `open` did not wait for it.
  virtual void reconnected() {}
  /// For good, though nobody here closed it: the server refused our credentials twice while reconnecting.
  virtual void closed() {}
  /// Something was dropped or refused: a slow subscription, a missing permission.
  virtual void trouble(const std::string& /*text*/) {}
};

/// One header of a message to be sent; a name may be repeated. The name must outlive the call.
struct header {
  const char* name;
  std::string value;
};
using header_list = std::span<const header>;

/// A subscription with its callback. Once the destructor has returned, the callback neither runs nor comes again.
class subscription {
public:
  /// From the subscription's own thread, one message at a time.
  using on_message = std::function<void(message_handle)>;

  subscription(subscription&&) noexcept;
  subscription& operator=(subscription&&) noexcept;
  ~subscription();

  /// Ends it before its destructor does: for whoever asks `waiting` from inside the callback, which may still run meanwhile.
  void end();

  /// Messages that have arrived and for which the callback was not called yet. Also from inside the callback, until `end` has
  /// returned.
  [[nodiscard]] std::size_t waiting() const;

private:
  friend class connection;
  struct state;
  explicit subscription(std::unique_ptr<state> held);
  std::unique_ptr<state> state_;
};

class connection {
public:
  [[nodiscard]] static expected<std::unique_ptr<connection>, connect_failure> open(const connect_options& options);
  /// What was published is flushed for up to half a second. Subscriptions end first: destroy them before.
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// As far as it was noticed.
  [[nodiscard]] bool connected() const noexcept;
  /// Largest headers + payload that the server takes, in bytes. 0: never connected yet.
  [[nodiscard]] std::size_t max_payload() const;
  /// Of the server at hand, without secrets; empty if there is none.
  [[nodiscard]] std::string server_url() const;
  /// Bytes handed over and not yet written to the socket.
  [[nodiscard]] std::size_t unsent_bytes() const;

  /// Hears of everything from now on; ends with the listener's own life.
  void listen(std::weak_ptr<link_listener> listener);

  /// Appends one message to what is to be written, and never waits; nothing is known of its fate. Without a connection it is not
  /// kept.
  [[nodiscard]] std::optional<failure> publish(
      const std::string& subject, const std::string& reply_to, header_list with, std::string_view payload);

  /// Messages beyond `pending_max` that the callback has not yet taken are dropped, and `trouble` told; 0: no bound.
  [[nodiscard]] expected<subscription, failure> subscribe(
      const std::string& subject, subscription::on_message callback, int pending_max = 0);

  /// A subject that nobody else uses, under `_INBOX.`.
  [[nodiscard]] static std::string new_inbox();
  /// Waits until the server has seen all that was sent before.
  [[nodiscard]] bool flush(milliseconds timeout);

private:
  struct callbacks;
  connection(std::unique_ptr<callbacks> told, std::unique_ptr<io_loop> loop, connection_handle handle);

  // Where nats.c's callbacks go; these outlive `handle_`.
  std::unique_ptr<callbacks> told_;
  std::unique_ptr<io_loop> loop_;
  connection_handle handle_;
};

} // namespace baton::nats
