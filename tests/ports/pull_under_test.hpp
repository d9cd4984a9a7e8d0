// The books of one pull, with its time and the server's deliveries in the test's hand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/nats/pull_state.hpp"

namespace baton::nats {

/// One pull, its time, and the deliveries of its consumer.
struct pull {
  explicit pull(pull_limits limits = {}) : state{limits} { begin("c1"); }

  void begin(const std::string& consumer) {
    name = consumer;
    delivered = 0;
    state.began(consumer, now);
    orders = {};
    state.tick(now, orders);
  }
  pull_fate message(
      std::uint64_t seq, std::uint64_t skipped = 0, std::size_t bytes = 100, const std::string& session = "s1") {
    delivered += 1 + skipped;
    ack_subject at;
    at.consumer = name;
    at.seq = {seq};
    at.consumer_seq = delivered;
    at.stored_at = stored_at;
    orders = {};
    return state.message({at, reply(seq), session_id::parse(session).value(), bytes}, now, orders);
  }
  void status(int code, std::string_view description, std::uint64_t pending = 0) {
    orders = {};
    state.status({last_token, code, description, pending, 0, {}}, now, orders);
  }
  void heartbeat(std::uint64_t consumer_seq, std::uint64_t stream_seq_passed) {
    orders = {};
    state.status({last_token, 100, "Idle Heartbeat", 0, consumer_seq, {stream_seq_passed}}, now, orders);
  }
  void acknowledge(std::uint64_t seq) {
    orders = {};
    state.acknowledge({seq}, [this, seq] { confirmed.push_back(seq); }, now, orders);
  }
  void tick(milliseconds later = {}) {
    now += later;
    orders = {};
    state.tick(now, orders);
  }
  /// Calls what was ordered to be called.
  std::vector<std::uint64_t>& called() {
    for (const auto& call : orders.confirmed)
      call();
    orders.confirmed.clear();
    return confirmed;
  }
  [[nodiscard]] std::string reply(std::uint64_t seq) const { return name + "." + std::to_string(seq); }
  [[nodiscard]] std::vector<std::string> acks() const {
    std::vector<std::string> replies;
    for (const auto& one : orders.acknowledge)
      replies.push_back(one.reply);
    return replies;
  }
  /// What is asked for by the last call; 0: nothing.
  std::uint64_t asked() {
    std::uint64_t sum = 0;
    for (const auto& one : orders.ask) {
      sum += one.batch;
      last_token = one.token;
    }
    return sum;
  }

  monotonic_instant now{milliseconds{1000}};
  instant stored_at{milliseconds{5000}};
  pull_state state;
  pull_orders orders;
  std::string name;
  std::uint64_t delivered = 0;
  std::uint64_t last_token = 0;
  std::vector<std::uint64_t> confirmed;
};

inline pull_limits small(std::size_t credit, std::size_t batch) {
  pull_limits limits;
  limits.credit = credit;
  limits.batch = batch;
  return limits;
}

} // namespace baton::nats
