// A connection with its requester to a test's server, and what blocking tests need around them.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "bridge/nats/requester.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/system_clock.hpp"

namespace baton::support {

/// A test that waits longer has failed.
inline constexpr std::chrono::seconds patience{20};

/// Counts what a connection tells.
class link_log final : public nats::link_listener {
public:
  void disconnected() override {
    add([this] { ++disconnects; });
  }
  void reconnected() override {
    add([this] { ++reconnects; });
  }
  void trouble(const std::string& text) override {
    add([&] { troubles.push_back(text); });
  }

  template <class Until>
  [[nodiscard]] bool wait(Until until) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience, until);
  }

  int disconnects = 0;
  int reconnects = 0;
  std::deque<std::string> troubles;

private:
  template <class What>
  void add(What what) {
    const std::lock_guard lock{mutex_};
    what();
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
};

/// Messages as they came.
class arrivals {
public:
  [[nodiscard]] nats::subscription::on_message taker() {
    return [this](nats::message_handle message) {
      const std::lock_guard lock{mutex_};
      messages_.emplace_back(std::move(message));
      changed_.notify_all();
    };
  }
  [[nodiscard]] bool wait_for(std::size_t count) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience, [&] { return messages_.size() >= count; });
  }
  [[nodiscard]] std::size_t count() {
    const std::lock_guard lock{mutex_};
    return messages_.size();
  }
  [[nodiscard]] const nats::reply& at(std::size_t i) {
    const std::lock_guard lock{mutex_};
    return messages_.at(i);
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<nats::reply> messages_;
};

struct nats_link {
  explicit nats_link(const std::string& url, nats::requester_limits limits = {});
  explicit nats_link(nats::connect_options options, nats::requester_limits limits = {});

  /// Waits for the answer, whatever it is.
  [[nodiscard]] nats::requester::result ask(const std::string& subject, std::string_view payload,
      nats::header_list with = {}, milliseconds timeout = milliseconds{5'000});
  /// True once the server answers again after it was killed and started.
  [[nodiscard]] bool wait_connected();

  system_clock time;
  std::shared_ptr<link_log> log = std::make_shared<link_log>();
  std::unique_ptr<nats::connection> link;
  std::unique_ptr<nats::requester> asks;
};

} // namespace baton::support
