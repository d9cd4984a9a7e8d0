// Turns for later with the partition's own keeper of wakes: nothing of them is in memory until their time, whoever owns the
// partition by then.
#include <catch2/catch_test_macros.hpp>

#include "tests/actors/node_world.hpp"

using namespace baton;
using namespace baton::support;
using namespace std::chrono_literals;

namespace {

class later_world : public node_world {
public:
  stream_seq publish_later(const std::string& id, milliseconds from_now) {
    task t;
    t.id = *task_id::parse(id);
    t.not_before = clock.now() + from_now;
    t.what = turn{"hello", "scripted", {}, {}};
    const auto seq = queue.publish(*session_id::parse("s1"), std::move(t));
    settle();
    return seq;
  }
  std::uint64_t count(counter what) { return counts.counts[what]; }
};

} // namespace

TEST_CASE_METHOD(later_world, "a session with turns for later alone leaves memory, and comes back when the first is due", "[delayed]") {
  open(1);
  publish_later("t1", 1h);
  publish_later("t2", 2h);
  CHECK(queue.left(message_kind::task).empty());
  CHECK(kept.all.size() == 2);
  CHECK(count(counter::turns_delayed) == 2);
  advance(2 * services_->passivate_after);
  REQUIRE(count(counter::sessions_passivated) == 1);
  advance(1h - 2 * services_->passivate_after - 1ms);
  CHECK(count(counter::sessions_activated) == 1);
  advance(1ms);
  CHECK(count(counter::sessions_activated) == 2);
  complete("t1");
  CHECK(kept.all.size() == 1);
  advance(1h);
  complete("t2");
  CHECK(kept.all.empty());
  CHECK(count(counter::runs_completed) == 2);
  CHECK(head_of("s1").spilled.empty());
}

TEST_CASE_METHOD(later_world, "a node that starts anew brings a session with a turn for later back when it is due, not before", "[delayed]") {
  open(1);
  publish_later("t1", 1h);
  crash();
  open(2, true);
  CHECK(count(counter::sessions_activated) == 1);
  advance(1h - 1ms);
  CHECK(count(counter::sessions_activated) == 1);
  advance(1ms);
  complete("t1");
  CHECK(events_of("s1") == std::vector<std::string>{"message_disposed", "slice_started", "run_completed"});
  CHECK(kept.all.empty());
}

TEST_CASE_METHOD(later_world, "a turn for later is acknowledged when its wake is stored, however long that takes", "[delayed]") {
  open(1);
  wakes.set_reachable(false);
  const auto t = publish_later("t1", 1h);
  CHECK(head_of("s1").spilled.size() == 1);
  CHECK(queue.holds(message_kind::task, t));
  // Nor does its session leave memory.
  advance(2 * services_->passivate_after);
  CHECK(count(counter::sessions_passivated) == 0);
  wakes.set_reachable(true);
  advance(services_->retry_every);
  CHECK_FALSE(queue.holds(message_kind::task, t));
  CHECK(kept.all.size() == 1);
}

TEST_CASE_METHOD(later_world, "a run for later that its node's death cut off is brought back by its wake alone", "[delayed]") {
  open(1);
  publish_later("t1", 1h);
  advance(1h);
  crash();
  open(2, true);
  advance(1s);
  complete("t1");
  CHECK(events_of("s1")
        == std::vector<std::string>{"message_disposed", "slice_started", "session_taken", "slice_started", "run_completed"});
  CHECK(kept.all.empty());
}

TEST_CASE_METHOD(later_world, "the task of a turn for later is read until the broker answers", "[delayed]") {
  open(1);
  publish_later("t1", 1h);
  log.lose_next_entries();
  advance(1h);
  CHECK(events_of("s1") == std::vector<std::string>{"message_disposed"});
  advance(services_->retry_every);
  complete("t1");
  CHECK(events_of("s1").back() == "run_completed");
}

TEST_CASE_METHOD(later_world, "a turn for later whose task cannot be read fails, and its session goes on", "[delayed]") {
  open(1);
  publish_later("t1", 1h);
  log.forget_entries();
  advance(1h + 9s);
  CHECK(count(counter::sessions_quarantined) == 0);
  CHECK(events_of("s1") == std::vector<std::string>{"message_disposed", "run_failed", "dead_letter_confirmed"});
  REQUIRE(dead.letters().size() == 1);
  CHECK(dead.letters().front().why == reason::log_unreadable);
  CHECK(kept.all.empty());
  CHECK(head_of("s1").spilled.empty());
  REQUIRE(notices.lines.size() == 1);
  CHECK(notices.lines.front().find("its task cannot be read out of the log") != std::string::npos);
}
