// A node's actors over ports in memory, under CAF's testing scheduler and a clock driven by hand: one thread, no sleeping.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/partition/actor.hpp"
#include "actors/services.hpp"
#include "actors/supervisor/actor.hpp"
#include "tests/support/fake_ports.hpp"
#include "tests/support/fake_task_source.hpp"
#include "tests/support/fake_wake_store.hpp"

namespace baton::support {

class node_world {
public:
  node_world() {
    config_.set("scheduler.policy", caf::atom("testing"));
    config_.set("logger.inline-output", true);
    system_.emplace(config_);
    services_->clock = &clock;
    services_->ids = &ids;
    services_->log = &log;
    services_->source = &source;
    services_->dead = &dead;
    services_->wakes = &wakes;
    services_->events = &sink;
    services_->metrics = &counts;
    services_->notices = &notices;
    services_->runners = &runners;
    services_->node = *node_id::parse("node-1");
    services_->limits.runners = {"scripted"};
    supervisor_ = keep(system_->spawn<actors::supervisor_actor>(services_));
  }
  ~node_world() {
    for (auto& a : live_) caf::anon_send_exit(caf::actor_cast<caf::actor>(a), caf::exit_reason::kill);
    settle();
    supervisor_ = nullptr;
    live_.clear();
    partition_ = nullptr;
  }
  node_world(const node_world&) = delete;
  node_world& operator=(const node_world&) = delete;

  /// Opens the one partition that all sessions of this world are in.
  void open(std::uint64_t epoch, bool after_crash = false) {
    actors::partition_reports reports{[this] { ++opened; }, [this](source_failure) { ++stopped; }, [this] { ++closed; },
                                      [this] { ++released; }};
    partition_ = keep(system_->spawn<actors::partition_actor>(
        services_, actors::partition_actor::place{{0}, {epoch}, after_crash, supervisor_, std::move(reports)}));
    settle();
  }
  /// The node is gone, with all that was in its memory: actors die where they are.
  void crash() {
    for (auto& a : live_) caf::anon_send_exit(caf::actor_cast<caf::actor>(a), caf::exit_reason::kill);
    source.close({0});
    settle();
    live_.clear();
    services_->node = *node_id::parse("node-" + std::to_string(++lives_));
    supervisor_ = keep(system_->spawn<actors::supervisor_actor>(services_));
  }
  template <class Message>
  void tell_partition(Message m) {
    caf::anon_send(partition_, std::move(m));
    settle();
  }

  /// Runs until nothing is due any more.
  void settle() {
    while (scheduler().run() + source.run() + log.run() + dead.run() + wakes.run() > 0) {}
  }
  /// Time goes by, timer by timer.
  void advance(milliseconds by) {
    auto& timers = scheduler().clock();
    const auto end = timers.current_time + by;
    while (timers.has_pending_timeout() && timers.schedule().begin()->first <= end) {
      const auto due = std::max(timers.schedule().begin()->first, timers.current_time);
      const auto step = due - timers.current_time;
      clock.advance(std::chrono::ceil<milliseconds>(step));
      scheduler().advance_time(step);
      settle();
    }
    if (end > timers.current_time) {
      clock.advance(std::chrono::floor<milliseconds>(end - timers.current_time));
      scheduler().advance_time(end - timers.current_time);
    }
    settle();
  }

  stream_seq publish(const std::string& session, const std::string& id, std::string text = "hello") {
    task t;
    t.id = *task_id::parse(id);
    t.digest = {std::hash<std::string>{}(text)};
    t.what = turn{std::move(text), "scripted", {}};
    const auto seq = queue.publish(*session_id::parse(session), std::move(t));
    settle();
    return seq;
  }
  stream_seq publish_for(
      const std::string& tenant, const std::string& session, const std::string& id, std::uint8_t priority = 0) {
    task t;
    t.id = *task_id::parse(id);
    t.tenant = tenant;
    t.priority = priority;
    t.what = turn{"hello", "scripted", {}};
    const auto seq = queue.publish(*session_id::parse(session), std::move(t));
    settle();
    return seq;
  }
  stream_seq publish_with_deadline(const std::string& session, const std::string& id, milliseconds from_now) {
    task t;
    t.id = *task_id::parse(id);
    t.deadline = clock.now() + from_now;
    t.what = turn{"hello", "scripted", {}};
    const auto seq = queue.publish(*session_id::parse(session), std::move(t));
    settle();
    return seq;
  }
  template <class What>
  stream_seq control_message(const std::string& session, const std::string& id, What what) {
    control c;
    c.id = *task_id::parse(id);
    c.reply_to = "_INBOX." + id;
    c.what = std::move(what);
    const auto seq = queue.publish(*session_id::parse(session), std::move(c));
    settle();
    return seq;
  }
  void complete(const std::string& run) {
    runner.end(run, completed{"done " + run});
    settle();
  }
  /// Kinds of the public events of a session, in order.
  [[nodiscard]] std::vector<std::string> events_of(const std::string& session) {
    std::vector<std::string> kinds;
    for (const auto& stored : log.of(*session_id::parse(session))) {
      for (const auto& e : stored.commit.events) kinds.emplace_back(to_text(e.kind));
    }
    return kinds;
  }
  [[nodiscard]] const head& head_of(const std::string& session) { return log.of(*session_id::parse(session)).back().commit.head; }

  hand_clock clock;
  counting_ids ids;
  fake_session_log log;
  fake_queue queue{1};
  fake_task_source source{queue};
  fake_dead_letters dead;
  kept_wakes kept;
  fake_wake_store wakes{kept};
  recording_sink sink;
  counting_metrics counts;
  recording_log notices;
  scripted_runner runner;
  one_runner runners{"scripted", runner};
  int opened = 0;
  int stopped = 0;
  int closed = 0;
  int released = 0;

protected:
  std::shared_ptr<services> services_ = std::make_shared<services>();

private:
  [[nodiscard]] caf::scheduler::test_coordinator& scheduler() {
    return dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
  }
  template <class Handle>
  Handle keep(Handle h) {
    live_.push_back(caf::actor_cast<caf::strong_actor_ptr>(h));
    return h;
  }

  int lives_ = 1;
  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  caf::actor supervisor_;
  caf::actor partition_;
  std::vector<caf::strong_actor_ptr> live_;
};

} // namespace baton::support
