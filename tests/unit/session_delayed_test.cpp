// Turns with `not_before`: in the log and the head until their time has come and they have ended.
#include "tests/unit/delayed_turns.hpp"

using namespace baton;
using namespace baton::support;

TEST_CASE("a turn for later is in the log, then its wake is stored, then its message is acknowledged", "[session][delayed]") {
  session_driver s;
  const auto t = s.task("t1", in(s, 1'000));
  REQUIRE(s.stored().spilled.size() == 1);
  CHECK(s.stored().spilled.front().not_before == s.time() + milliseconds{1'000});
  CHECK(s.log().back().events.front().disposition == disposition::delayed);
  CHECK(s.log().back().events.front().due == s.time() + milliseconds{1'000});
  CHECK_FALSE(s.has_to_ack(message_kind::task, t));
  s.carry_out_wake_order();
  CHECK(s.wakes().holds_turn(hash("t1")));
  CHECK(s.has_to_ack(message_kind::task, t));
  s.confirm_acks();
  CHECK(session::is_quiet(s.now()));
  CHECK(visible_entries(s) == 0);
  CHECK_FALSE(s.has_wish());

  s.advance(milliseconds{999});
  CHECK_FALSE(s.fire_wake());
  come_due(s, 1);
  CHECK(s.has_wish());
  s.settle();
  CHECK(s.ending_of("t1") == "run_completed");
  CHECK(s.verdicts_on("t1") == std::vector{verdict::accepted});
  CHECK(visible_entries(s) == 2);
  CHECK(s.stored().spilled.empty());
  CHECK(s.wakes().size() == 0);
}

TEST_CASE("a turn whose time has passed when it comes is like any other", "[session][delayed]") {
  session_driver s;
  s.task("t1", in(s, 0));
  CHECK(s.stored().spilled.empty());
  CHECK(s.has_wish());
  s.settle();
}

TEST_CASE("the log knows of a delayed turn's start before it runs", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 10);
  come_due(s, 10);
  s.grant();
  CHECK(std::holds_alternative<phases::running>(s.stored().phase));
  s.settle();
}

TEST_CASE("after a crash before the wake is stored the message comes again, and asks for it", "[session][delayed]") {
  session_driver s;
  const auto t = s.task("t1", in(s, 1'000));
  s.crash_and_reload();
  s.deliver();
  CHECK_FALSE(s.has_to_ack(message_kind::task, t));
  s.carry_out_wake_order();
  CHECK(s.has_to_ack(message_kind::task, t));
  s.settle();
  CHECK(s.started() == names{"t1"});
}

TEST_CASE("after a crash before the acknowledgement the message is acknowledged, and runs once", "[session][delayed]") {
  session_driver s;
  const auto t = s.task("t1", in(s, 1'000));
  s.carry_out_wake_order();
  s.crash_and_reload();
  s.deliver();
  come_due(s, 1'000);
  s.run(completed{});
  CHECK_FALSE(s.is_in_queue(message_kind::task, next(t)));
  s.settle();
  CHECK(s.log().back().head.runs == 1);
}

TEST_CASE("a delayed turn's message that comes again while it runs is acknowledged", "[session][delayed]") {
  session_driver s;
  const auto t = s.task("t1", in(s, 10));
  s.carry_out_wake_order();
  s.advance(milliseconds{10});
  s.crash_and_reload();
  s.answer_log_read();
  s.grant();
  s.deliver();
  CHECK(s.is_in_queue(message_kind::task, t));
  s.carry_out_wake_order();
  s.carry_out_wake_order();
  s.confirm_acks();
  CHECK_FALSE(s.is_in_queue(message_kind::task, t));
  REQUIRE(s.running() != nullptr);
  s.settle();
  CHECK(s.log().back().head.runs == 1);
}

TEST_CASE("a lost wake loses no turn: the session asks again when it is opened", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 1'000);
  s.lose_wakes();
  s.crash_and_reload(in_the_same_hands);
  CHECK(s.has_log_read() == false);
  s.carry_out_wake_order();
  CHECK(s.wakes().holds_turn(hash("t1")));
  s.settle();
  CHECK(s.ending_of("t1") == "run_completed");
}

TEST_CASE("what is due goes before turns that have not started, and after the run under way", "[session][delayed]") {
  session_driver s;
  delay(s, "later", 10);
  s.task("t1");
  s.task("t2");
  s.grant();
  s.advance(milliseconds{10});
  CHECK(s.fire_wake());
  CHECK_FALSE(s.has_log_read());
  s.end(failed{reason::program_exit, "no", true});
  s.settle();
  CHECK(s.started() == names{"t1", "later", "t2"});
}

TEST_CASE("several that are due go by their time, then in the order of their coming, whoever owns the session", "[session][delayed]") {
  for (const bool crashes : {false, true}) {
    session_driver s;
    delay(s, "c", 30);
    delay(s, "a", 20);
    delay(s, "b", 20);
    s.task("t1");
    if (crashes) s.crash_and_reload();
    s.deliver();
    s.advance(milliseconds{30});
    s.settle();
    CHECK(s.started() == names{"t1", "a", "b", "c"});
  }
}

TEST_CASE("a delayed run that its node's death cut off goes on by its wake, and counts an attempt", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 10);
  come_due(s, 10);
  s.grant();
  s.boundary({said("half")}, value{1});
  s.crash_and_reload();
  CHECK(s.log().back().events.front().kind == event_kind::session_taken);
  s.task("t2");
  CHECK_FALSE(s.has_wish());
  REQUIRE(s.has_log_read());
  s.answer_log_read();
  s.grant();
  CHECK(s.running()->state.last_checkpoint);
  CHECK(s.running()->state.attempt == 1);
  s.settle();
  CHECK(s.started() == names{"t1", "t2"});
}

TEST_CASE("a delayed run that yields to a drain goes on elsewhere", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 10);
  come_due(s, 10);
  s.grant();
  s.drain();
  s.end(yielded{"asked"}, {}, value{1});
  s.crash_and_reload(after_a_release);
  s.answer_log_read();
  s.grant();
  CHECK(s.running()->state.slice == slice_number{2});
  s.settle();
}

TEST_CASE("what is read out of the log while the node drains does not start here", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 10);
  s.advance(milliseconds{10});
  s.fire_wake();
  s.drain();
  s.answer_log_read();
  CHECK_FALSE(s.has_wish());
  s.settle();
  CHECK(s.ending_of("t1") == "run_completed");
}

TEST_CASE("a cancel ends a turn that waits for its time: answered, on record, its input kept", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 1'000);
  s.cancel_run("c1", "t1");
  REQUIRE(s.has_log_read());
  CHECK(s.ending_of("t1").empty());
  s.answer_log_read();
  CHECK(s.ending_of("t1") == "run_cancelled");
  CHECK(s.verdicts_on("t1") == std::vector{verdict::accepted});
  CHECK(s.verdicts_on("c1") == std::vector{verdict::accepted});
  CHECK(visible_entries(s) == 2);
  s.settle();
  CHECK(s.started().empty());
}

TEST_CASE("a cancel before the wake is stored needs none any more", "[session][delayed]") {
  session_driver s;
  const auto t = s.task("t1", in(s, 1'000));
  s.cancel_run("c1", "t1");
  s.answer_log_read();
  CHECK(s.has_to_ack(message_kind::task, t));
  s.settle();
  CHECK(s.ending_of("t1") == "run_cancelled");
}

TEST_CASE("a cancel that overtook a turn for later ends it when it comes", "[session][delayed]") {
  session_driver s;
  s.publish("t1", in(s, 1'000));
  s.publish_control("c1", cancel_of("t1"));
  s.deliver_next(message_kind::control);
  s.deliver();
  CHECK(s.ending_of("t1") == "run_cancelled");
  CHECK(s.stored().spilled.empty());
  s.settle();
}

TEST_CASE("a cancel of a delayed run that is read back after a crash ends it", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 10);
  come_due(s, 10);
  s.grant();
  s.crash_and_reload();
  s.cancel_run("c1", "t1");
  s.answer_log_read();
  CHECK(s.ending_of("t1") == "run_cancelled");
  s.settle();
}

TEST_CASE("a steer of a turn that waits for its time is told so", "[session][delayed]") {
  session_driver s;
  s.publish("t1", in(s, 1'000));
  s.publish_control("s1", steer_of("left", "t1"));
  s.deliver_next(message_kind::control);
  s.deliver();
  s.control("s2", steer_of("right", "t1"));
  CHECK(s.verdicts_on("s1") == std::vector{verdict::conflict});
  CHECK(s.verdicts_on("s2") == std::vector{verdict::conflict});
  CHECK(status_of(s, 0) == "delayed");
  CHECK(status_of(s, 1) == "delayed");
  s.settle();
}

TEST_CASE("a delete answers the turns that wait for their time, and removes their wakes", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 1'000);
  delay(s, "t2", 2'000);
  s.control("d1", baton::remove{});
  CHECK(std::holds_alternative<phases::idle>(s.stored().phase));
  s.control("c1", cancel_of("t2"));
  s.answer_log_read();
  s.answer_log_read();
  // Not before all that follows their ends is done: the tombstone leaves nothing to do it with.
  CHECK(std::holds_alternative<phases::idle>(s.stored().phase));
  CHECK(s.verdicts_on("d1").empty());
  carry_out_wakes(s);
  CHECK(std::holds_alternative<phases::deleted>(s.stored().phase));
  CHECK(s.stored().spilled.empty());
  CHECK(s.verdicts_on("t1") == std::vector{verdict::accepted});
  CHECK(s.verdicts_on("t2") == std::vector{verdict::accepted});
  CHECK(s.verdicts_on("d1") == std::vector{verdict::accepted});
  s.settle();
  // What came behind the delete found nothing.
  CHECK(s.verdicts_on("c1") == std::vector{verdict::refused});
}

TEST_CASE("a delete that a crash cut off goes on, and answers each turn", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 1'000);
  delay(s, "t2", 2'000);
  s.control("d1", baton::remove{});
  s.answer_log_read();
  s.crash_and_reload();
  s.settle();
  CHECK(std::holds_alternative<phases::deleted>(s.stored().phase));
  CHECK(s.verdicts_on("t2") == std::vector{verdict::accepted});
}

TEST_CASE("a delete ends a delayed run under way, also one whose task is not read back yet", "[session][delayed]") {
  for (const bool crashes : {false, true}) {
    session_driver s;
    delay(s, "t1", 10);
    come_due(s, 10);
    s.grant();
    if (crashes) s.crash_and_reload();
    s.control("d1", baton::remove{});
    s.settle();
    CHECK(std::holds_alternative<phases::deleted>(s.stored().phase));
    CHECK(s.verdicts_on("t1") == std::vector{verdict::accepted});
  }
}

TEST_CASE("the same turn again is a duplicate, with another body a conflict", "[session][delayed]") {
  session_driver s;
  const auto how = in(s, 1'000);
  s.task("t1", how);
  s.task("t1", how);
  CHECK(s.verdicts_on("t1") == std::vector{verdict::duplicate});
  CHECK(status_of(s, 0) == "delayed");
  auto other = how;
  other.body = "other";
  const auto conflict = s.task("t1", other);
  auto later = how;
  later.not_before = s.time() + milliseconds{2'000};
  const auto moved = s.task("t1", later);
  s.settle();
  CHECK(s.refusals_of(conflict) == std::vector{reason::task_conflict});
  CHECK(s.refusals_of(moved) == std::vector{reason::task_conflict});
  CHECK(s.started() == names{"t1"});
}

TEST_CASE("a duplicate that comes while the delayed turn runs, or after its end, is acknowledged", "[session][delayed]") {
  session_driver s;
  const auto how = in(s, 10);
  s.task("t1", how);
  s.carry_out_wake_order();
  come_due(s, 10);
  s.grant();
  s.task("t1", how);
  s.end(completed{"done"});
  s.task("t1", how);
  s.settle();
  CHECK(s.verdicts_on("t1") == std::vector{verdict::duplicate, verdict::accepted, verdict::duplicate});
  CHECK(s.log().back().head.runs == 1);
}

TEST_CASE("no more turns wait for their time than the limit allows", "[session][delayed]") {
  auto limits = session_driver::usual_limits();
  limits.delayed_max = 2;
  session_driver s{limits};
  delay(s, "t1", 1'000);
  delay(s, "t2", 1'000);
  const auto third = s.task("t3", in(s, 1'000));
  // Refused for good, though there is room when it comes again.
  s.cancel_run("c1", "t1");
  s.answer_log_read();
  s.crash_and_reload();
  s.deliver();
  s.store_letters();
  CHECK(s.refusals_of(third) == std::vector{reason::backlog_full});
  CHECK(s.letters().begin()->second.detail == "as many turns of the session as it may hold wait for their not_before");
  s.settle();
  CHECK(session::limits{}.delayed_max == spilled_max);
}

TEST_CASE("a turn that would wait longer than the limit allows is refused", "[session][delayed]") {
  auto limits = session_driver::usual_limits();
  limits.delay_max = milliseconds{5'000};
  session_driver s{limits};
  const auto too_far = s.task("t1", in(s, 5'001));
  s.task("t2", in(s, 5'000));
  CHECK(s.stored().spilled.size() == 1);
  // Not so far any more when it comes again, and refused all the same.
  s.crash_and_reload();
  s.advance(milliseconds{10});
  s.settle();
  CHECK(s.refusals_of(too_far) == std::vector{reason::invalid_not_before});
  CHECK(s.letters().begin()->second.detail == "session.delay_max");
  CHECK(s.started() == names{"t2"});
}

TEST_CASE("a delayed turn whose deadline has passed when it comes up fails with a letter", "[session][delayed]") {
  session_driver s;
  auto how = in(s, 10);
  how.deadline = s.time() + milliseconds{20};
  const auto t = s.task("t1", how);
  s.carry_out_wake_order();
  s.confirm_acks();
  s.advance(milliseconds{20});
  s.fire_wake();
  s.answer_log_read();
  CHECK_FALSE(s.has_wish());
  CHECK(s.ending_of("t1") == "run_failed");
  s.settle();
  CHECK(s.refusals_of(t) == std::vector{reason::deadline_passed});
}

TEST_CASE("a wake that comes early, by a clock that was set back, waits", "[session][delayed]") {
  session_driver s;
  delay(s, "t1", 1'000);
  s.take(session::wake_fired{session_wakes::key_of(hash("t1")), s.time()});
  CHECK_FALSE(s.has_log_read());
  CHECK_FALSE(session::is_quiet(s.now()));
  s.advance(milliseconds{1'000});
  CHECK(s.has_log_read());
  s.settle();
}

TEST_CASE("a wake that nothing waits for is removed", "[session][delayed]") {
  session_driver s;
  s.take(session::wake_fired{session_wakes::key_of(hash("gone")), s.time()});
  CHECK(names_of(s.last_effects()) == "unwant_wake");
}

TEST_CASE("a turn that replaces those that wait leaves those alone that wait for their time", "[session][delayed]") {
  session_driver s;
  delay(s, "later", 10);
  s.task("t1");
  s.task("t2");
  s.task("t3", {.when_busy = busy_policy::replace});
  s.advance(milliseconds{10});
  s.settle();
  CHECK(s.ending_of("later") == "run_completed");
  CHECK(s.ending_of("t2") == "run_cancelled");
}

TEST_CASE("a delayed task may be as deep as any that is admitted", "[session][delayed]") {
  session::held_task message;
  message.task.id = id_of("deep");
  value input{1};
  for (int depth = 0; depth < 126; ++depth) input = value::array{std::move(input)};
  message.task.what = turn{std::move(input), "agent", {}, {}};
  CHECK(session::delayed_task_in({session::entry_of_delayed(message, {})}));
}

TEST_CASE("a delayed task comes back out of the log as it was", "[session][delayed]") {
  session::held_task message;
  auto& t = message.task;
  t.id = id_of("order-7");
  t.tenant = "acme";
  t.priority = 7;
  t.labels = {{"team", "support"}};
  t.deadline = instant{milliseconds{2'000}};
  t.not_before = instant{milliseconds{1'000}};
  t.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  t.reply_to = "answers.of.acme";
  t.encoding = encoding::json;
  t.digest = {0xfedcba9876543210};
  t.what = turn{value::array{"Where is it?", value::object{{"order", 7}}}, "agent", value::object{{"effort", "low"}}, {}};
  message.seq = {4'711};
  message.stored_at = instant{milliseconds{500}};
  message.bytes = 321;
  const auto made = session::entry_of_delayed(message, instant{milliseconds{600}});
  CHECK(made.hidden);
  CHECK(made.run == t.id);
  const auto back = session::delayed_task_in({said("before"), made});
  REQUIRE(back);
  CHECK(back->task == t);
  CHECK(back->seq == message.seq);
  CHECK(back->stored_at == message.stored_at);
  CHECK(back->bytes == message.bytes);
  CHECK_FALSE(session::delayed_task_in({said("nothing of the kind")}));
  auto damaged = made;
  std::get<value::object>(damaged.content.of()).front().second = value::bytes{"no task"};
  CHECK_FALSE(session::delayed_task_in({damaged}));
}
