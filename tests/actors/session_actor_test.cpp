#include <catch2/catch_test_macros.hpp>

#include "tests/actors/node_world.hpp"

using namespace baton;
using namespace baton::support;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

TEST_CASE_METHOD(node_world, "a short turn is one append and one acknowledgement", "[session]") {
  open(1);
  const auto seq = publish("s1", "t1");
  CHECK(log.appends() == 0);
  CHECK(queue.holds(message_kind::task, seq));
  complete("t1");
  CHECK(log.appends() == 1);
  CHECK(events_of("s1") == strings{"run_completed"});
  CHECK_FALSE(queue.holds(message_kind::task, seq));
  CHECK(source.acknowledged(message_kind::task, seq) == 1);
}

TEST_CASE_METHOD(node_world, "turns of a session run one at a time and in order, those of others meanwhile", "[session]") {
  open(1);
  publish("s1", "t1");
  publish("s1", "t2");
  publish("s2", "u1");
  CHECK(runner.started("t1") == 1);
  CHECK(runner.started("t2") == 0);
  CHECK(runner.started("u1") == 1);
  complete("t1");
  CHECK(runner.started("t2") == 1);
}

TEST_CASE_METHOD(node_world, "nothing is acknowledged or started while an append is not confirmed", "[session]") {
  open(1);
  const auto seq = publish("s1", "t1");
  publish("s1", "t2");
  log.hold(true);
  complete("t1");
  CHECK(log.appends() == 1);
  CHECK(source.acknowledged(message_kind::task, seq) == 0);
  CHECK(runner.started("t2") == 0);
  log.hold(false);
  settle();
  CHECK(source.acknowledged(message_kind::task, seq) == 1);
  CHECK(runner.started("t2") == 1);
}

TEST_CASE_METHOD(node_world, "an append whose answer was lost counts as stored, and is not repeated", "[session]") {
  open(1);
  const auto seq = publish("s1", "t1");
  log.lose_next_ack();
  complete("t1");
  CHECK(queue.holds(message_kind::task, seq));
  advance(milliseconds{500});
  CHECK_FALSE(queue.holds(message_kind::task, seq));
  CHECK(log.appends() == 1);
  CHECK(events_of("s1") == strings{"run_completed"});
}

TEST_CASE_METHOD(node_world, "an append that never arrived is made again", "[session]") {
  open(1);
  const auto seq = publish("s1", "t1");
  log.refuse_next(log_failure::unreachable);
  complete("t1");
  advance(milliseconds{500});
  CHECK(log.appends() == 2);
  CHECK(events_of("s1") == strings{"run_completed"});
  CHECK_FALSE(queue.holds(message_kind::task, seq));
}

TEST_CASE_METHOD(node_world, "a full log leaves everything unacknowledged until there is room", "[session]") {
  open(1);
  const auto seq = publish("s1", "t1");
  log.refuse_next(log_failure::full);
  complete("t1");
  CHECK(queue.holds(message_kind::task, seq));
  advance(milliseconds{500});
  CHECK_FALSE(queue.holds(message_kind::task, seq));
}

TEST_CASE_METHOD(node_world, "when somebody else wrote first, the session drops what it was about to do and reads again", "[session]") {
  open(1);
  const auto seq = publish("s1", "t1");
  commit foreign;
  foreign.session = *session_id::parse("s1");
  foreign.node = *node_id::parse("zombie");
  foreign.epoch = {1};
  foreign.number = {7};
  log.write(foreign);
  complete("t1");
  settle();
  CHECK(counts.counts[counter::appends_superseded] == 1);
  CHECK(queue.holds(message_kind::task, seq));
  // The task was delivered again to a session that knows the foreign commit.
  CHECK(runner.started("t1") == 2);
  complete("t1");
  CHECK_FALSE(queue.holds(message_kind::task, seq));
  CHECK(log.of(foreign.session).back().commit.number == commit_number{8});
}

TEST_CASE_METHOD(node_world, "an append that the session's dead actor left under way is not taken for its own", "[session]") {
  open(1);
  const auto seq = publish("s1", "t1");
  commit left_behind;
  left_behind.session = *session_id::parse("s1");
  left_behind.node = services_->node;
  left_behind.epoch = {1};
  left_behind.number = {1};
  left_behind.head.title = "of another actor";
  log.write(left_behind);
  complete("t1");
  CHECK(queue.holds(message_kind::task, seq));
  complete("t1");
  CHECK_FALSE(queue.holds(message_kind::task, seq));
  CHECK(log.of(left_behind.session).size() == 2);
}

TEST_CASE_METHOD(node_world, "a redelivered task that is settled is acknowledged and not run again", "[session]") {
  open(1);
  const auto seq = publish("s1", "t1");
  source.lose_acks(1);
  complete("t1");
  CHECK(queue.holds(message_kind::task, seq));
  crash();
  open(2, true);
  CHECK(runner.started("t1") == 1);
  CHECK_FALSE(queue.holds(message_kind::task, seq));
}

TEST_CASE_METHOD(node_world, "after a crash the takeover is stored before the run goes on", "[session]") {
  open(1);
  publish("s1", "t1");
  advance(milliseconds{1'500});
  CHECK(events_of("s1") == strings{"slice_started"});
  crash();
  open(2, true);
  CHECK(events_of("s1") == strings{"slice_started", "session_taken", "slice_started"});
  CHECK(runner.of("t1").request.state.attempt == 1);
  CHECK(runner.of("t1").request.routing.epoch == epoch{2});
  complete("t1");
  CHECK(events_of("s1").back() == "run_completed");
}

TEST_CASE_METHOD(node_world, "the report of an execution that no longer counts changes nothing", "[session]") {
  open(1);
  publish("s1", "t1");
  const auto old = runner.of("t1").listener;
  crash();
  open(2, true);
  const auto before = log.appends();
  old->ended({completed{"from the grave"}, {}, std::nullopt});
  settle();
  CHECK(log.appends() == before);
}

TEST_CASE_METHOD(node_world, "an execution that is lost is started again, with a new id", "[session]") {
  open(1);
  publish("s1", "t1");
  const auto first = runner.of("t1").request.routing.execution;
  runner.end("t1", lost{"fell silent"});
  settle();
  CHECK(runner.started("t1") == 2);
  CHECK(runner.of("t1").request.routing.execution != first);
  complete("t1");
  CHECK(events_of("s1") == strings{"execution_lost", "run_completed"});
}

TEST_CASE_METHOD(node_world, "what joins a run is told to it and answered only when that is stored", "[session]") {
  open(1);
  publish("s1", "t1");
  const auto steering = control_message("s1", "c1", steer{std::nullopt, "left", "ann"});
  CHECK(runner.of("t1").asked.empty());
  log.hold(true);
  runner.of("t1").listener->at_boundary({{}, value{"step 1"}, std::vector<task_id>{}});
  settle();
  CHECK(runner.of("t1").answers.empty());
  CHECK(sink.answers.empty());
  log.hold(false);
  settle();
  const steer_input said{*task_id::parse("c1"), "left"};
  CHECK(runner.of("t1").answers == std::vector{boundary_answer{boundary_order::go_on, {said}}});
  CHECK(queue.holds(message_kind::control, steering));
  runner.of("t1").listener->at_boundary({{}, value{"step 2"}, std::vector{said.id}});
  settle();
  CHECK_FALSE(queue.holds(message_kind::control, steering));
  complete("t1");
}

TEST_CASE_METHOD(node_world, "a failure worth a retry waits, and goes on from the checkpoint", "[session]") {
  open(1);
  publish("s1", "t1");
  runner.of("t1").listener->at_boundary({{}, value{"step 1"}});
  settle();
  CHECK(runner.of("t1").answers == std::vector{boundary_answer{}});
  runner.end("t1", failed{reason::runner_failed, "flaky", true});
  settle();
  CHECK(runner.started("t1") == 1);
  advance(milliseconds{1'999});
  CHECK(runner.started("t1") == 1);
  advance(milliseconds{1});
  REQUIRE(runner.started("t1") == 2);
  REQUIRE(runner.of("t1").request.state.last_checkpoint);
  CHECK(runner.of("t1").request.state.last_checkpoint->state == value{"step 1"});
}

TEST_CASE_METHOD(node_world, "a failed run is acknowledged only after its dead letter is stored", "[session]") {
  open(1);
  const auto seq = publish("s1", "t1");
  dead.set_reachable(false);
  runner.end("t1", failed{reason::runner_failed, "no", false});
  settle();
  CHECK(queue.holds(message_kind::task, seq));
  dead.set_reachable(true);
  advance(milliseconds{500});
  CHECK_FALSE(queue.holds(message_kind::task, seq));
  REQUIRE(dead.letters().size() == 1);
  CHECK(dead.letters()[0].why == reason::runner_failed);
  CHECK(events_of("s1") == strings{"run_failed", "dead_letter_confirmed"});
}

TEST_CASE_METHOD(node_world, "a dead letter that was not confirmed before a crash is stored once, after it", "[session]") {
  open(1);
  const auto seq = publish("s1", "t1");
  dead.set_reachable(false);
  runner.end("t1", failed{reason::runner_failed, "no", false});
  settle();
  crash();
  dead.set_reachable(true);
  open(2, true);
  CHECK(dead.letters().size() == 1);
  CHECK_FALSE(queue.holds(message_kind::task, seq));
  CHECK(head_of("s1").outbox.empty());
}

TEST_CASE_METHOD(node_world, "a cancel stops the running slice, is answered after the commit, and the slot is free", "[session]") {
  open(1);
  const auto seq = publish("s1", "t1");
  const auto asked = control_message("s1", "c1", cancel{std::nullopt, "ann", "enough"});
  CHECK(runner.of("t1").asked == std::vector{boundary_order::cancel});
  CHECK(sink.answers.empty());
  runner.end("t1", cancelled{"ann", "enough"});
  settle();
  REQUIRE(sink.answers.size() == 1);
  CHECK(sink.answers[0].second.verdict == verdict::accepted);
  CHECK_FALSE(queue.holds(message_kind::task, seq));
  CHECK_FALSE(queue.holds(message_kind::control, asked));
  CHECK(events_of("s1") == strings{"run_cancelled"});
}

TEST_CASE_METHOD(node_world, "a runner that does not settle after a cancel is aborted", "[session]") {
  open(1);
  publish("s1", "t1");
  control_message("s1", "c1", cancel{});
  advance(milliseconds{4'999});
  CHECK_FALSE(runner.of("t1").aborted);
  advance(milliseconds{1});
  CHECK(runner.of("t1").aborted);
  CHECK(events_of("s1").back() == "run_cancelled");
}

TEST_CASE_METHOD(node_world, "a slice gets no more time than the task's deadline leaves, and then the run has missed it", "[session]") {
  open(1);
  publish_with_deadline("s1", "t1", milliseconds{4'000});
  CHECK(runner.of("t1").request.policy.time_limit == milliseconds{4'000});
  advance(milliseconds{4'000});
  runner.end("t1", failed{reason::time_limit, "stopped", false});
  settle();
  REQUIRE(dead.letters().size() == 1);
  CHECK(dead.letters()[0].why == reason::deadline_passed);
}

TEST_CASE_METHOD(node_world, "an idle session leaves memory, and comes back with its ledger", "[partition]") {
  open(1);
  publish("s1", "t1");
  complete("t1");
  advance(milliseconds{60'000});
  CHECK(counts.counts[counter::sessions_passivated] == 1);
  const auto again = publish("s1", "t1");
  CHECK(counts.counts[counter::sessions_activated] == 2);
  CHECK(runner.started("t1") == 1);
  CHECK_FALSE(queue.holds(message_kind::task, again));
}

TEST_CASE_METHOD(node_world, "a session with a run under way stays in memory", "[partition]") {
  open(1);
  publish("s1", "t1");
  advance(milliseconds{120'000});
  CHECK(counts.counts[counter::sessions_passivated] == 0);
}

TEST_CASE_METHOD(node_world, "a drained partition yields what runs, starts nothing, and is released", "[partition]") {
  open(1);
  publish("s1", "t1");
  publish("s1", "t2");
  tell_partition(actors::drain_partition{});
  CHECK(runner.of("t1").asked == std::vector{boundary_order::yield});
  CHECK(released == 0);
  runner.of("t1").listener->ended({yielded{"asked"}, {}, value{"half"}});
  settle();
  CHECK(released == 1);
  CHECK(runner.started("t2") == 0);
  CHECK(events_of("s1").back() == "run_yielded");
  crash();
  open(2);
  REQUIRE(runner.started("t1") == 2);
  CHECK(runner.of("t1").request.state.slice == slice_number{2});
  CHECK(runner.of("t1").request.state.attempt == 0);
}

TEST_CASE_METHOD(node_world, "a session that has said that it is drained stores nothing more", "[partition]") {
  open(1);
  publish("s1", "t1");
  dead.set_reachable(false);
  runner.end("t1", failed{reason::runner_failed, "no", false});
  settle();
  publish("s2", "t2");
  tell_partition(actors::drain_partition{});
  const auto before = log.of(*session_id::parse("s1")).size();
  dead.set_reachable(true);
  advance(milliseconds{1'000});
  CHECK(log.of(*session_id::parse("s1")).size() == before);
  runner.end("t2", yielded{"asked"});
  settle();
  CHECK(released == 1);
}

TEST_CASE_METHOD(node_world, "what belongs to no session is buried, acknowledged and counted, and harms nobody", "[partition]") {
  open(1);
  const auto seq = queue.publish_refused({0}, message_kind::task, "not~ok", {reason::invalid_session_id, "subject"});
  publish("s1", "t1");
  complete("t1");
  CHECK_FALSE(queue.holds(message_kind::task, seq));
  CHECK(counts.refusals[reason::invalid_session_id] == 1);
  CHECK(events_of("s1") == strings{"run_completed"});
}

TEST_CASE_METHOD(node_world, "who asked for an answer hears of a refusal, once the letter about it is stored", "[partition]") {
  open(1);
  dead.set_reachable(false);
  queue.publish_refused({0}, message_kind::control, "s1", {reason::unknown_kind, "kind"},
      answer_place{"_INBOX.asker", encoding::json, *task_id::parse("c1")});
  settle();
  CHECK(sink.answers.empty());
  dead.set_reachable(true);
  advance(1min);
  REQUIRE(sink.answers.size() == 1);
  CHECK(sink.answers[0].first == "_INBOX.asker");
  CHECK(sink.answers[0].second == answer{*task_id::parse("c1"), verdict::refused, refusal{reason::unknown_kind, "kind"}, {}});
}

TEST_CASE_METHOD(node_world, "a deleted session stays deleted, and later tasks are refused", "[session]") {
  open(1);
  publish("s1", "t1");
  complete("t1");
  control_message("s1", "d1", baton::remove{"ann"});
  CHECK(log.of(*session_id::parse("s1")).size() == 1);
  const auto late = publish("s1", "t2");
  CHECK(runner.started("t2") == 0);
  CHECK_FALSE(queue.holds(message_kind::task, late));
  CHECK(counts.refusals[reason::deleted] == 1);
}

TEST_CASE_METHOD(node_world, "a session that was set aside is tried again at once when somebody asks, and once for each time", "[partition]") {
  log.refuse_reads(*session_id::parse("sick"));
  open(1);
  publish("sick", "t1");
  CHECK(counts.counts[counter::sessions_quarantined] == 1);
  control_message("sick", "u1", unstick{"ann"});
  // It is sick still.
  CHECK(counts.counts[counter::sessions_quarantined] == 2);
  log.refuse_reads({});
  control_message("sick", "u2", unstick{"ann"});
  CHECK(runner.started("t1") == 1);
  complete("t1");
  CHECK(events_of("sick") == strings{"run_completed"});
}

TEST_CASE_METHOD(node_world, "a session whose log cannot be read waits with its messages, and the others go on", "[partition]") {
  log.refuse_reads(*session_id::parse("sick"));
  open(1);
  const auto remaining = publish("sick", "t1");
  publish("well", "u1");
  complete("u1");
  CHECK(events_of("well") == strings{"run_completed"});
  CHECK(queue.holds(message_kind::task, remaining));
  CHECK(source.is_light({0}, message_kind::task, remaining));
  CHECK(runner.started("t1") == 0);
  CHECK(notices.lines.back() == "session sick keeps ending in error: it waits, with its messages in the queue, for 10 s");
  CHECK(counts.counts[counter::sessions_quarantined] == 1);
  // It is tried again, after growing waits, and goes on once it can be read.
  advance(milliseconds{9'900});
  CHECK(counts.counts[counter::sessions_quarantined] == 1);
  advance(milliseconds{200});
  CHECK(counts.counts[counter::sessions_quarantined] == 2);
  log.refuse_reads({});
  advance(milliseconds{19'000});
  CHECK(runner.started("t1") == 0);
  advance(milliseconds{1'500});
  REQUIRE(runner.started("t1") == 1);
  complete("t1");
  CHECK_FALSE(queue.holds(message_kind::task, remaining));
}
