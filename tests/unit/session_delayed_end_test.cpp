// What follows the end of a turn for later, whose message is gone; and what a session does when it has too many, or cannot read one.
#include <catch2/generators/catch_generators.hpp>

#include "tests/unit/delayed_turns.hpp"

using namespace baton;
using namespace baton::support;

TEST_CASE("a delayed turn that fails keeps its wake until its letter is stored", "[session][delayed]") {
  for (const bool crashes : {false, true}) {
    session_driver s;
    const auto t = delay(s, "t1", 10);
    come_due(s, 10);
    s.run(failed{reason::program_exit, "no", false});
    CHECK(s.wakes().holds_turn(hash("t1")));
    CHECK_FALSE(session::is_quiet(s.now()));
    if (crashes) {
      s.crash_and_reload();
      CHECK(s.fire_wake());
      // The letter says what the task said, which is read back for it.
      CHECK(s.open_letters().empty());
      CHECK_FALSE(session::is_quiet(s.now()));
      s.answer_log_read();
    }
    REQUIRE(s.open_letters().size() == 1);
    CHECK(task_in(s.open_letters().front().letter) == id_of("t1"));
    CHECK(s.wakes().holds_turn(hash("t1")));
    s.store_letters();
    // The message was acknowledged long ago, and will not come to close this.
    CHECK(s.now().hand.maybe_open.empty());
    CHECK(s.stored().spilled.size() == 1);
    s.settle();
    CHECK(s.refusals_of(t) == std::vector{reason::program_exit});
    CHECK(s.wakes().size() == 0);
  }
}

TEST_CASE("a crash right after a delayed turn's end leaves its producer answered and its wake removed", "[session][delayed]") {
  for (const bool is_failed : {false, true}) {
    session_driver s;
    delay(s, "t1", 10);
    come_due(s, 10);
    s.grant();
    s.crash_in_next_commit(true, 0);
    s.end(is_failed ? outcome{failed{reason::program_exit, "no", false}} : outcome{completed{"done"}});
    CHECK(s.verdicts_on("t1").empty());
    CHECK(s.stored().spilled.size() == 1);
    REQUIRE(s.has_log_read());
    CHECK_FALSE(session::is_quiet(s.now()));
    CHECK_FALSE(has_ordered(s, "want_wake"));
    s.answer_log_read();
    CHECK(s.verdicts_on("t1") == std::vector{verdict::duplicate});
    CHECK(status_of(s, 0) == (is_failed ? "failed" : "completed"));
    s.settle();
    CHECK(s.stored().spilled.empty());
    CHECK(s.log().back().head.runs == 1);
  }
}

TEST_CASE("a crash right after the cancel of a turn that waits leaves its producer answered", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 1'000);
  s.cancel_run("c1", "t1");
  s.crash_in_next_commit(true, 0);
  s.answer_log_read();
  CHECK(s.answers().empty());
  s.settle();
  CHECK(s.verdicts_on("t1") == std::vector{verdict::duplicate});
  CHECK(s.started().empty());
}

TEST_CASE("a delete answers each delayed turn, whichever commit a crash follows", "[session][delayed]") {
  for (std::size_t commits = 0; commits < 6; ++commits) {
    session_driver s;
    delay(s, "t1", 10);
    delay(s, "t2", 2'000);
    come_due(s, 10);
    s.grant();
    const auto before = s.log().size();
    s.publish_control("d1", baton::remove{});
    s.deliver();
    for (std::size_t steps = 0; s.log().size() < before + commits && steps < 20; ++steps) {
      if (s.has_log_read()) s.answer_log_read();
      if (s.wakes().has_order()) s.carry_out_wake_order();
    }
    s.crash_and_reload();
    s.settle();
    CHECK(std::holds_alternative<phases::deleted>(s.stored().phase));
    CHECK_FALSE(s.verdicts_on("t1").empty());
    CHECK_FALSE(s.verdicts_on("t2").empty());
  }
}

TEST_CASE("no queued turn starts while a delete waits for delayed turns", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 1'000);
  s.control("d1", baton::remove{});
  const auto t2 = s.task("t2");
  CHECK_FALSE(s.has_wish());
  s.answer_log_read();
  CHECK_FALSE(s.has_wish());
  s.settle();
  CHECK(s.started().empty());
  CHECK(s.refusals_of(t2) == std::vector{reason::deleted});
}

TEST_CASE("a turn for later whose end is not all done takes no place of another", "[session][delayed]") {
  session_driver s;
  for (std::size_t n = 0; n < spilled_max; ++n) s.task("t" + std::to_string(n), in(s, 1'000));
  carry_out_wakes(s);
  s.confirm_acks();
  s.cancel_run("c1", "t0");
  s.answer_log_read();
  CHECK(s.stored().spilled.size() == spilled_max);
  const auto more = s.task("more", in(s, 1'000));
  CHECK(s.refusals_of(more).empty());
  CHECK(s.stored().spilled.size() == spilled_max);
  CHECK(session::is_delayed(s.stored(), id_of("more")));
  const auto too_many = s.task("surplus", in(s, 1'000));
  s.settle();
  CHECK(s.refusals_of(too_many) == std::vector{reason::backlog_full});
}

TEST_CASE("the messages of turns whose wakes are not stored are light", "[session][delayed]") {
  session_driver s;
  s.task("t1", in(s, 1'000));
  CHECK(has_ordered(s, "lighten"));
  s.settle();
}

TEST_CASE("a turn's own message that comes again is no duplicate", "[session][delayed]") {
  session_driver s;
  const auto how = in(s, 1'000);
  s.task("t1", how);
  s.crash_and_reload();
  s.deliver();
  CHECK(s.answers().empty());
  s.task("t1", how);
  CHECK(s.verdicts_on("t1") == std::vector{verdict::duplicate});
  s.settle();
}

TEST_CASE("a turn that has started goes before one that falls due, also after a crash", "[session][delayed]") {
  SECTION("which was there when it started") {
    session_driver s;
    delay(s, "later", 10);
    s.task("t1");
    s.grant();
    s.advance(milliseconds{10});
    s.crash_and_reload();
    s.settle();
    CHECK(s.started() == names{"t1", "later"});
    CHECK(s.ending_of("t1") == "run_completed");
    const auto first = std::ranges::find(s.log(), std::uint64_t{1}, [](const commit& c) { return c.head.runs; });
    CHECK(first->head.last->id == id_of("t1"));
  }
  SECTION("which came while it ran") {
    session_driver s;
    s.task("t1");
    s.grant();
    delay(s, "later", 10);
    CHECK(std::holds_alternative<phases::running>(s.stored().phase));
    s.settle();
  }
  SECTION("which came while it waited for its slot") {
    session_driver s;
    s.task("t1");
    delay(s, "later", 10);
    CHECK(std::holds_alternative<phases::idle>(s.stored().phase));
    s.grant();
    CHECK(std::holds_alternative<phases::running>(s.stored().phase));
    s.settle();
  }
}

TEST_CASE("a turn for later whose task cannot be read fails, with a letter, and holds nobody up", "[session][delayed]") {
  session_driver s;
  const auto t = delay(s, "t1", 10);
  delay(s, "t2", 20);
  s.advance(milliseconds{20});
  REQUIRE(s.fire_wake());
  SECTION("its entry tells its id") {
    auto left = s.log().front().entries;
    std::get<value::object>(left.front().content.of()).front().second = value::bytes{"no task"};
    s.answer_log_read_unreadable(left);
    CHECK(s.ending_of("t1") == "run_failed");
    REQUIRE(s.open_letters().size() == 1);
    CHECK(s.open_letters().front().letter.id == "t1");
    CHECK(s.open_letters().front().letter.seq == t);
  }
  SECTION("nothing is left") {
    s.answer_log_read_unreadable();
    REQUIRE(s.open_letters().size() == 1);
    CHECK(s.open_letters().front().letter.id == session_wakes::key_of(hash("t1")).text());
    CHECK(s.ending_of(s.open_letters().front().letter.id) == "run_failed");
  }
  SECTION("nothing is left, and a crash comes before its letter") {
    s.answer_log_read_unreadable();
    s.crash_and_reload();
    CHECK(s.open_letters().size() == 1);
    REQUIRE(s.has_log_read());
    s.answer_log_read_unreadable();
  }
  CHECK(s.open_letters().front().letter.why == reason::log_unreadable);
  CHECK(s.open_letters().front().letter.payload.empty());
  const auto* known = session::find_settled(s.stored(), hash("t1"));
  REQUIRE(known != nullptr);
  CHECK(known->ended == settlement::failed);
  s.settle();
  CHECK(s.started() == names{"t2"});
}

TEST_CASE("a delayed run whose task cannot be read any more fails", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 10);
  come_due(s, 10);
  s.grant();
  s.crash_and_reload();
  s.answer_log_read_unreadable();
  CHECK(s.ending_of("t1") == "run_failed");
  s.settle();
}

TEST_CASE("a cancel, or a delete, of a turn whose task cannot be read is answered", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 1'000);
  const bool deletes = GENERATE(false, true);
  if (deletes) {
    s.control("c1", baton::remove{});
  } else {
    s.cancel_run("c1", "t1");
  }
  s.answer_log_read_unreadable();
  CHECK(s.verdicts_on("c1") == (deletes ? std::vector<verdict>{} : std::vector{verdict::conflict}));
  s.settle();
  CHECK(s.verdicts_on("c1").size() == 1);
  CHECK(std::holds_alternative<phases::deleted>(s.stored().phase) == deletes);
}

TEST_CASE("another task where a delayed one should be is none, and is not read again", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 10);
  s.advance(milliseconds{10});
  REQUIRE(s.fire_wake());
  REQUIRE(s.has_log_read());
  session::held_task other;
  other.task.id = id_of("other");
  s.take(session::delayed_was_read{{1}, other});
  CHECK_FALSE(has_ordered(s, "read_delayed"));
  REQUIRE(s.open_letters().size() == 1);
  CHECK(s.open_letters().front().letter.why == reason::log_unreadable);
}

TEST_CASE("unreadable turns wait while the outbox is full, and are not read meanwhile", "[session][delayed]") {
  session_driver s;
  for (std::size_t n = 0; n < outbox_max + 1; ++n) {
    delay(s, "t" + std::to_string(n), 1'000);
    s.cancel_run("c" + std::to_string(n), "t" + std::to_string(n));
  }
  for (std::size_t n = 0; n < outbox_max + 1; ++n) s.answer_log_read_unreadable();
  CHECK(s.stored().outbox.size() == outbox_max);
  CHECK_FALSE(s.has_log_read());
  s.store_letter();
  REQUIRE(s.has_log_read());
  s.answer_log_read_unreadable();
  s.settle();
}

TEST_CASE("each of two refusals for a full session keeps its own words over a crash", "[session][delayed]") {
  auto limits = session_driver::usual_limits();
  limits.in_memory_max = 1;
  limits.backlog_max = 1;
  session_driver s{limits};
  s.task("t1");
  s.task("t2");
  s.task("t3");
  // Its time is past: an ordinary turn, for which the backlog has no room.
  const auto past = s.task("t4", in(s, -1));
  s.crash_and_reload();
  s.deliver();
  s.store_letters();
  REQUIRE(s.refusals_of(past) == std::vector{reason::backlog_full});
  const auto is_about = [&](const auto& known) { return known.second.seq == past; };
  CHECK(std::ranges::find_if(s.letters(), is_about)->second.detail == "session.backlog_max");
  s.settle();
}

TEST_CASE("acknowledgements that an owner before left open do not keep a turn for later from starting", "[session][delayed]") {
  session_driver s;
  delay(s, "later", 1'000);
  // Acknowledged and confirmed, and the log does not know it yet.
  for (std::size_t n = 0; n < session::limits{}.open_acks_max; ++n) {
    const auto t = s.task("t" + std::to_string(n));
    s.run(completed{"done"});
    s.ack_reaches(message_kind::task, t);
  }
  s.crash_and_reload();
  REQUIRE(s.now().hand.maybe_open.size() >= session::limits{}.open_acks_max);
  s.advance(milliseconds{1'000});
  carry_out_wakes(s);
  REQUIRE(s.fire_wake());
  s.answer_log_read();
  CHECK(s.has_wish());
  s.settle();
  CHECK(s.ending_of("later") == "run_completed");
}
