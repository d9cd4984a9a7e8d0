// What a producer and an observer see of a node's turns: tasks go in, each with an answer of the broker awaited; commits come out.
// Measuring takes place here, outside of every node.
#pragma once

#include <nats/nats.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace baton::bench {

using steady = std::chrono::steady_clock;

[[nodiscard]] inline double seconds_between(steady::time_point from, steady::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}
/// `part` of 1: the longest. Nothing at all: 0.
[[nodiscard]] double at_part(std::vector<double> all, double part);
/// Of the whole machine, over the last minute.
[[nodiscard]] double load_average();
/// Looks again every millisecond. Throws std::runtime_error that names `what` when `patience` is over.
void wait_for(const std::function<bool()>& holds, const std::string& what, std::chrono::seconds patience);

struct seen_event {
  std::string session;
  std::string kind;
  std::string run;
  std::uint64_t epoch = 0;
  steady::time_point at;

  [[nodiscard]] bool is_final() const { return kind == "run_completed" || kind == "run_failed" || kind == "run_cancelled"; }
};

/// All are 0 if every turn that the broker accepted completed once, in its session's order.
struct faults {
  std::uint64_t lost = 0;
  std::uint64_t twice = 0;
  /// Ended otherwise than completed.
  std::uint64_t failed = 0;
  /// Sessions whose turns ended in another order than they were accepted in.
  std::uint64_t disordered = 0;

  [[nodiscard]] bool any() const { return lost + twice + failed + disordered > 0; }
  faults& operator+=(const faults& more);
};

class turn_feed {
public:
  /// `on_event` sees each event of each commit; `on_words` a session and what its program said. Each is called from one thread.
  /// Throws std::runtime_error without a connection.
  turn_feed(const std::string& url, std::function<void(const seen_event&)> on_event,
            std::function<void(std::string_view session, std::string_view words)> on_words = {});
  ~turn_feed();
  turn_feed(const turn_feed&) = delete;
  turn_feed& operator=(const turn_feed&) = delete;

  /// Into the session's queue, in the order of the calls; returns before the broker has it. The turn's id is made here.
  /// One thread. Returns when it was published.
  steady::time_point publish(const std::string& session, const std::string& runner);
  /// Every task that was published is in its queue. Throws if the broker refused one.
  void wait_accepted();
  [[nodiscard]] std::uint64_t published() const;
  [[nodiscard]] std::uint64_t ended() const;
  /// Each turn has ended; without that, returns when `patience` is over.
  void wait_ended(std::chrono::seconds patience);
  [[nodiscard]] faults found() const;

private:
  struct connection_end {
    void operator()(natsConnection* c) const { natsConnection_Destroy(c); }
  };
  struct subscription_end {
    void operator()(natsSubscription* s) const { natsSubscription_Destroy(s); }
  };
  using subscription = std::unique_ptr<natsSubscription, subscription_end>;
  struct turns_of_session {
    std::vector<std::string> accepted;
    std::vector<std::string> ended;
  };

  [[nodiscard]] subscription listen(const char* subject, natsMsgHandler handler);
  static void on_commit(natsConnection*, natsSubscription*, natsMsg* m, void* closure);
  static void on_live(natsConnection*, natsSubscription*, natsMsg* m, void* closure);
  static void on_stored(natsConnection*, natsSubscription*, natsMsg* m, void* closure);
  void note(const seen_event& e);

  std::function<void(const seen_event&)> on_event_;
  std::function<void(std::string_view, std::string_view)> on_words_;
  mutable std::mutex lock_;
  std::map<std::string, turns_of_session, std::less<>> turns_;
  std::uint64_t published_ = 0;
  std::uint64_t accepted_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t failed_ = 0;
  std::string refusal_;
  std::unique_ptr<natsConnection, connection_end> link_;
  /// Ended before the connection, and all before what their handlers use.
  std::vector<subscription> subscriptions_;
};

} // namespace baton::bench
