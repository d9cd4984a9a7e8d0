// A partition's actor and the wakes of its sessions: loaded when it opens, stored for whoever asks, told when they are due.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/actors/node_world.hpp"

using namespace baton;
using namespace baton::support;
using namespace std::chrono_literals;

namespace {

const wake_key key = *wake_key::parse("k");

class wakeful_world : public node_world {
public:
  void store(const std::string& session, instant due) {
    kept.last = next(kept.last);
    kept.all[{{0}, *session_id::parse(session), key}] = {kept.last, wake{due, "test"}};
  }
  void want(const std::string& session, instant due) {
    tell_partition(actors::wake_wanted{*session_id::parse(session), key, wake{due, "test"}});
  }
  void unwant(const std::string& session) { tell_partition(actors::wake_unwanted{*session_id::parse(session), key}); }
  std::uint64_t count(counter what) { return counts.counts[what]; }
  bool has_said(std::string_view part) {
    return std::ranges::any_of(notices.lines, [&](const auto& line) { return line.find(part) != std::string::npos; });
  }
};

} // namespace

TEST_CASE_METHOD(wakeful_world, "a wake that an earlier owner left wakes its session when it is due, and goes when it wants it no more", "[wakes]") {
  store("s1", clock.now() + 10s);
  open(1);
  CHECK(count(counter::sessions_activated) == 0);
  advance(9'999ms);
  CHECK(count(counter::wakes_fired) == 0);
  advance(1ms);
  CHECK(count(counter::wakes_fired) == 1);
  CHECK(count(counter::sessions_activated) == 1);
  // Nothing of the session waits for it.
  CHECK(kept.all.empty());
  CHECK(count(counter::wakes_removed) == 1);
}

TEST_CASE_METHOD(wakeful_world, "a wake is asked for until the broker has it, and not stored twice when its answer is lost", "[wakes]") {
  open(1);
  wakes.set_reachable(false);
  want("s1", clock.now() + 1h);
  CHECK(kept.all.empty());
  wakes.set_reachable(true);
  wakes.lose_answers(true);
  advance(2 * services_->retry_every);
  wakes.lose_answers(false);
  advance(4 * services_->retry_every);
  REQUIRE(kept.all.size() == 1);
  CHECK(count(counter::wakes_stored) == 1);
  unwant("s1");
  CHECK(kept.all.empty());
}

TEST_CASE_METHOD(wakeful_world, "a wake that fired fires again for the next owner, and for a session that was started again", "[wakes]") {
  store("s1", clock.now() + 1s);
  log.refuse_reads(*session_id::parse("s1"));
  open(1);
  advance(1s);
  // Its actor ends in error each time, until it is set aside; the wake is told again each time, and when that is over.
  advance(9s);
  const auto before = count(counter::wakes_fired);
  CHECK(before > 1);
  CHECK(count(counter::sessions_quarantined) == 1);
  CHECK(kept.all.size() == 1);
  log.refuse_reads({});
  advance(30s);
  CHECK(count(counter::wakes_fired) > before);
  CHECK(kept.all.empty());
}

TEST_CASE_METHOD(wakeful_world, "after downtime the late wakes are told in measure, and a session that asks now is not behind them", "[wakes]") {
  services_->wake_settings.per_second = 10;
  for (int i = 0; i < 100; ++i) store("s" + std::to_string(i), clock.now() - 1h);
  open(1);
  want("now", clock.now() + 500ms);
  advance(999ms);
  CHECK(count(counter::wakes_fired_late) <= 10);
  CHECK(count(counter::wakes_fired) == count(counter::wakes_fired_late) + 1);
  advance(12s);
  CHECK(count(counter::wakes_fired) == 101);
  CHECK(kept.all.empty());
}

TEST_CASE_METHOD(wakeful_world, "a session that was set aside hears of its wake at once when somebody asks that it is tried again", "[wakes]") {
  store("s1", clock.now() + 1s);
  log.refuse_reads(*session_id::parse("s1"));
  open(1);
  advance(9s);
  REQUIRE(count(counter::sessions_quarantined) == 1);
  REQUIRE(kept.all.size() == 1);
  log.refuse_reads({});
  control_message("s1", "c1", unstick{});
  advance(1s);
  CHECK(kept.all.empty());
}

TEST_CASE_METHOD(wakeful_world, "a partition that drains tells no wakes any more; they stay for its next owner", "[wakes]") {
  open(1);
  publish("s1", "t1");
  want("s2", clock.now() + 1s);
  runner.of("t1").dies_slowly = true;
  tell_partition(actors::drain_partition{});
  advance(5s);
  CHECK(count(counter::wakes_fired) == 0);
  CHECK(kept.all.size() == 1);
}

TEST_CASE_METHOD(wakeful_world, "that a partition has many wakes is said when it is taken", "[wakes]") {
  for (int i = 0; i < 5'000; ++i) store("s" + std::to_string(i), clock.now() + 1h);
  open(1);
  CHECK(has_said("partition 0 has 5000 wakes"));
}

TEST_CASE_METHOD(wakeful_world, "wakes are loaded once the broker can be read again", "[wakes]") {
  store("s1", clock.now() + 1s);
  wakes.set_reachable(false);
  open(1);
  advance(5s);
  CHECK(count(counter::wakes_fired) == 0);
  wakes.set_reachable(true);
  advance(1s);
  CHECK(count(counter::wakes_fired) == 1);
}

TEST_CASE_METHOD(wakeful_world, "sessions without wakes ask nothing of the store, however many turns they run", "[wakes]") {
  open(1);
  // The one page that says that there are none.
  REQUIRE(wakes.requests() == 1);
  for (int i = 0; i < 20; ++i) {
    const auto id = "t" + std::to_string(i);
    publish("s" + std::to_string(i % 4), id);
    complete(id);
  }
  // Idle ones leave memory, and a further turn brings one back.
  advance(2 * services_->passivate_after);
  REQUIRE(count(counter::sessions_passivated) == 4);
  publish("s1", "again");
  complete("again");
  REQUIRE(count(counter::runs_completed) == 21);
  CHECK(wakes.requests() == 1);
  // Not even a lost session is a reason.
  log.refuse_reads(*session_id::parse("sick"));
  publish("sick", "u1");
  advance(9s);
  REQUIRE(count(counter::sessions_quarantined) == 1);
  CHECK(wakes.requests() == 1);
}
