// The one asynchronous request mechanism under everything: a single wildcard inbox per requester, and a table from token to
// callback. Callbacks come exactly once, from the inbox's thread (replies) or the sweeper's (failures), never from inside
// `request`. They only post, never block: everybody's replies wait behind them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/ports/clock.hpp"
#include "bridge/nats/connection.hpp"
#include "bridge/nats/failure.hpp"
#include "bridge/nats/server_text.hpp"
#include "messages/expected.hpp"

namespace baton::nats {

/// A message that came back. Views live as long as it does.
class reply {
public:
  explicit reply(message_handle message) : message_{std::move(message)} {}

  [[nodiscard]] std::string_view subject() const;
  [[nodiscard]] std::string_view payload() const;
  /// The first value of that name; case matters.
  [[nodiscard]] std::optional<std::string_view> header(const char* name) const;
  [[nodiscard]] std::vector<std::string_view> header_values(const char* name) const;
  /// All of them; the order holds within one name.
  [[nodiscard]] std::vector<header_line> headers() const;
  /// The server's own status (404: no such message, 408, 409, …); 0: none.
  [[nodiscard]] int status() const;

private:
  message_handle message_;
};

struct requester_limits {
  /// Requests without an answer yet; one more fails as `overloaded`.
  std::size_t pending_max = 65'536;
  /// How late a timeout, and any failure that is known at once, may be told.
  milliseconds sweep_every{10};
};

class requester {
public:
  using result = expected<reply, failure>;
  using callback = std::function<void(result)>;

  /// `over` and `time` outlive the requester.
  [[nodiscard]] static expected<std::unique_ptr<requester>, failure> open(
      connection& over, const clock& time, requester_limits limits = {});
  /// What is pending fails as `closed` before it returns. Not from inside a callback.
  ~requester();
  requester(const requester&) = delete;
  requester& operator=(const requester&) = delete;

  /// Without a connection it fails at the next sweep, as `disconnected`: nothing is kept for later. One that was sent when the
  /// connection broke ends by its timeout, since its effect may have happened. A server that has nobody on `subject` says so at
  /// once (`no_responders`). `with` and `payload` are copied.
  void request(
      const std::string& subject, header_list with, std::string_view payload, milliseconds timeout, callback done);

  /// Plain publish; see connection::publish.
  [[nodiscard]] std::optional<failure> publish(const std::string& subject, header_list with, std::string_view payload);

  [[nodiscard]] connection& link() const noexcept;
  /// Requests without an answer yet.
  [[nodiscard]] std::size_t pending() const;

private:
  struct state;
  explicit requester(std::unique_ptr<state> held);
  std::unique_ptr<state> state_;
};

} // namespace baton::nats
