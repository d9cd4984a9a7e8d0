// What a session does after its owner died, lost its lease, or let go of it: nothing twice, nothing forgotten, and only the
// guilty pay for a crash.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "tests/support/session_driver.hpp"
#include "tests/support/session_names.hpp"

using namespace baton;
using namespace baton::support;

namespace {

std::size_t stored_events(const session_driver& s, event_kind kind) {
  std::size_t n = 0;
  for (const auto& c : s.log()) {
    n += static_cast<std::size_t>(std::ranges::count(c.events, kind, &baton::event::kind));
  }
  return n;
}

const run_record& run_of(const session_driver& s) {
  const auto* run = session::stored_run(s.stored());
  REQUIRE(run != nullptr);
  return *run;
}

/// The first slice of `t1` runs, and the log knows it.
void start_known_slice(session_driver& s) {
  s.task("t1", {.reply_to = "_INBOX.a"});
  s.grant();
  s.grew_old();
}

} // namespace

namespace {

edit titled(std::string title) {
  edit change;
  change.title = std::move(title);
  return change;
}

} // namespace

TEST_CASE("a crash before the commit: the turn runs again, and nobody was told anything", "[session]") {
  session_driver s;
  s.task("t1", {.reply_to = "_INBOX.a"});
  s.grant();
  s.crash_in_next_commit(false);
  s.end(completed{"first"});
  CHECK(s.log().empty());
  CHECK(s.answers().empty());
  s.deliver();
  s.run(completed{"second"});
  CHECK(s.verdicts_on("t1") == std::vector{verdict::accepted});
  s.settle();
}

TEST_CASE("a crash after the commit: the turn does not run again, and its message is acknowledged", "[session]") {
  session_driver s;
  const auto t = s.task("t1", {.reply_to = "_INBOX.a"});
  s.grant();
  s.crash_in_next_commit(true);
  s.end(completed{"done"});
  CHECK(s.answers().empty());
  s.deliver();
  CHECK(s.verdicts_on("t1") == std::vector{verdict::duplicate});
  CHECK(s.has_to_ack(message_kind::task, t));
  CHECK_FALSE(s.has_wish());
  s.settle();
}

TEST_CASE(
    "tasks in the queue at an unclean take get one take-over, and each slice is known before it runs", "[session]") {
  session_driver s;
  for (const auto* id : {"a", "b", "c"})
    s.task(id);
  s.grant();
  s.crash_and_reload();
  s.deliver();
  CHECK(stored_events(s, event_kind::session_taken) == 1);
  CHECK(s.log().front().events.front().kind == event_kind::session_taken);
  for (int i = 0; i < 3; ++i)
    s.run(completed{});
  CHECK(stored_events(s, event_kind::session_taken) == 1);
  CHECK(stored_events(s, event_kind::slice_started) == 3);
  CHECK(s.started() == std::vector<std::string>{"a", "b", "c"});
  s.settle();
}

TEST_CASE("each epoch has its own take-over, as the first thing that it stores", "[session]") {
  session_driver s;
  start_known_slice(s);
  for (std::uint64_t e = 2; e < 4; ++e) {
    s.crash_and_reload();
    CHECK(s.log().back().epoch == epoch{e});
    CHECK(s.log().back().events.front().kind == event_kind::session_taken);
    s.deliver();
  }
  CHECK(stored_events(s, event_kind::session_taken) == 2);
  s.settle();
}

TEST_CASE("an actor that died inside its epoch takes nothing over", "[session]") {
  session_driver s;
  start_known_slice(s);
  s.crash_and_reload(in_the_same_hands);
  s.deliver();
  CHECK(stored_events(s, event_kind::session_taken) == 0);
  CHECK(run_of(s).attempts == 0);
  s.settle();
}

TEST_CASE("a run that crashes its node every time is shaken, then a suspect, then dead", "[session]") {
  session_driver s;
  start_known_slice(s);
  const auto standing = [&] {
    for (const auto& e : s.last_effects()) {
      if (const auto* want = std::get_if<session::want_slot>(&e)) return want->on.standing;
    }
    return supervisor::standing::steady;
  };
  s.crash_and_reload();
  CHECK(run_of(s).attempts == 1);
  CHECK(run_of(s).crashes == 1);
  s.deliver();
  CHECK(standing() == supervisor::standing::shaken);
  s.grant();
  s.crash_and_reload();
  CHECK(run_of(s).crashes == 2);
  s.deliver();
  CHECK(standing() == supervisor::standing::suspect);
  s.grant();
  CHECK(s.running()->policy.suspect);
  s.crash_and_reload();
  s.deliver();
  CHECK_FALSE(s.has_wish());
  CHECK(s.ending_of("t1") == "run_failed");
  s.settle();
  CHECK(s.letters().begin()->second.why == reason::max_attempts);
  CHECK(s.letters().begin()->second.attempts == 3);
}

TEST_CASE("an innocent that was not running when later nodes died burns no more attempts", "[session]") {
  session_driver s;
  start_known_slice(s);
  for (int i = 0; i < 5; ++i) {
    s.crash_and_reload();
    s.deliver();
    CHECK(run_of(s).attempts == 1);
  }
  s.run(completed{});
  CHECK(s.ending_of("t1") == "run_completed");
  s.settle();
}

TEST_CASE("a short slice that the log does not know burns no attempt", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.crash_and_reload();
  s.deliver();
  s.grant();
  CHECK(run_of(s).attempts == 0);
  CHECK(run_of(s).slice == slice_number{1});
  s.settle();
}

TEST_CASE("a lease lost in good health burns no attempt", "[session]") {
  session_driver s;
  start_known_slice(s);
  for (int i = 0; i < 4; ++i) {
    s.crash_and_reload(after_a_lost_lease);
    CHECK(run_of(s).attempts == 0);
    s.deliver();
    s.grant();
  }
  CHECK(stored_events(s, event_kind::session_taken) == 4);
  s.settle();
}

TEST_CASE("a release is no crash: nothing is taken over, nothing counted", "[session]") {
  session_driver s;
  start_known_slice(s);
  s.crash_and_reload(after_a_release);
  s.deliver();
  CHECK(stored_events(s, event_kind::session_taken) == 0);
  CHECK(run_of(s).attempts == 0);
  s.settle();
}

TEST_CASE("a checkpoint starts the count of attempts again, and the next slice starts from it", "[session]") {
  session_driver s;
  start_known_slice(s);
  s.crash_and_reload();
  s.deliver();
  s.grant();
  s.boundary({said("half")}, value{"half way"});
  CHECK(run_of(s).attempts == 0);
  s.crash_and_reload();
  s.deliver();
  s.grant();
  REQUIRE(s.running()->state.last_checkpoint);
  CHECK(s.running()->state.last_checkpoint->state == value{"half way"});
  CHECK(s.running()->state.attempt == 1);
  s.settle();
}

TEST_CASE("reports of an execution that died with its node change nothing", "[session]") {
  session_driver s;
  start_known_slice(s);
  const auto old = s.running()->routing.execution;
  s.crash_and_reload();
  s.deliver();
  s.grant();
  const auto commits = s.log().size();
  s.report_late(old);
  CHECK(s.log().size() == commits);
  CHECK(s.running() != nullptr);
  s.settle();
}

TEST_CASE("a wait for the next attempt outlives a crash", "[session]") {
  session_driver s;
  s.task("t1");
  s.run(failed{reason::runner_failed, "busy", true});
  s.crash_and_reload();
  s.deliver();
  CHECK_FALSE(s.has_wish());
  s.advance(milliseconds{2'000});
  CHECK(s.has_wish());
  s.settle();
}

TEST_CASE("a run whose task is gone from the queue ends when a newer one comes", "[session]") {
  session_driver s;
  start_known_slice(s);
  s.publish("t2");
  s.take_away({1});
  s.crash_and_reload();
  s.deliver();
  CHECK(s.ending_of("t1") == "run_failed");
  CHECK_FALSE(s.has_to_ack(message_kind::task, {1}));
  s.settle();
  CHECK_FALSE(s.has_to_ack(message_kind::task, {1}));
  CHECK(s.ending_of("t2") == "run_completed");
}

TEST_CASE("a run whose task is gone goes on with a copy of it", "[session]") {
  session_driver s;
  start_known_slice(s);
  const auto copy = s.publish("t1", {.reply_to = "_INBOX.a"});
  s.take_away({1});
  s.crash_and_reload();
  s.deliver();
  s.run(completed{});
  CHECK(s.ending_of("t1") == "run_completed");
  CHECK(s.has_to_ack(message_kind::task, copy));
  s.settle();
}

TEST_CASE(
    "a crash between a failure's commit and its letter: the letter comes, then the acknowledgement", "[session]") {
  const bool letter_first = GENERATE(true, false);
  session_driver s;
  const auto t = s.task("t1");
  s.grant();
  s.crash_in_next_commit(true);
  s.end(failed{reason::runner_failed, "broken", false});
  CHECK(s.open_letters().size() == 1);
  if (letter_first) s.store_letters();
  s.deliver();
  CHECK(s.has_to_ack(message_kind::task, t) == letter_first);
  s.store_letters();
  CHECK(s.has_to_ack(message_kind::task, t));
  CHECK(s.letters().size() == 1);
  s.settle();
}

TEST_CASE("two failures owe two letters, and each acknowledgement waits for its own", "[session]") {
  session_driver s;
  const auto a = s.task("a");
  const auto b = s.task("b");
  s.run(failed{reason::runner_failed, "broken", false});
  s.run(failed{reason::runner_failed, "broken", false});
  CHECK(s.stored().outbox.size() == 2);
  s.crash_and_reload();
  s.deliver();
  CHECK(s.open_acks().empty());
  s.store_letter();
  CHECK(s.has_to_ack(message_kind::task, a));
  CHECK_FALSE(s.has_to_ack(message_kind::task, b));
  s.settle();
  CHECK(s.letters().size() == 2);
}

TEST_CASE("a letter that is confirmed twice counts once", "[session]") {
  session_driver s;
  s.task("t1");
  s.run(failed{reason::runner_failed, "broken", false});
  const auto item = s.stored().outbox.front().id;
  s.store_letters();
  const auto commits = s.log().size();
  s.take(session::outbox_delivered{item});
  CHECK(s.log().size() == commits);
  CHECK(s.last_effects().empty());
  s.settle();
}

TEST_CASE("an id whose letter is owed stays known, however many turns come after", "[session]") {
  session_driver s;
  s.task("t0");
  s.run(failed{reason::runner_failed, "broken", false});
  for (int i = 1; i <= 200; ++i) {
    s.task("t" + std::to_string(i));
    s.run(completed{});
    s.confirm_acks();
  }
  s.crash_and_reload();
  s.deliver();
  CHECK_FALSE(s.has_wish());
  s.settle();
}

TEST_CASE("replaying a session's log gives the head that was live", "[session]") {
  session_driver s;
  start_known_slice(s);
  s.boundary({said("half")}, value{1});
  s.task("t2");
  s.end(yielded{"asked"});
  s.run(completed{});
  s.cancel_run("c1", "t2");
  const auto live = s.now().head;
  s.crash_and_reload(in_the_same_hands);
  CHECK(s.now().head == live);
  s.settle();
}

TEST_CASE("what may still be in the queue stays known after a crash, however much is settled before it comes again", "[session]") {
  session_driver s;
  const auto t1 = s.task("t1", {.reply_to = "_INBOX.a"});
  s.run(completed{"done"});
  // Its acknowledgement is lost with the node.
  for (int i = 0; i < 3 * static_cast<int>(ledger_max); ++i)
    s.publish_control("e" + std::to_string(i), titled("title " + std::to_string(i)));
  s.crash_and_reload();
  while (s.deliver_next(message_kind::control)) s.confirm_acks();
  CHECK(s.now().head.ledger.size() <= ledger_most);
  s.deliver();
  CHECK_FALSE(s.has_wish());
  CHECK(s.is_in_queue(message_kind::task, t1) == s.has_to_ack(message_kind::task, t1));
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1"});
}

TEST_CASE("what was left open is forgotten once a later message has come", "[session]") {
  session_driver s;
  const auto t1 = s.task("t1");
  s.run(completed{"done"});
  s.ack_reaches(message_kind::task, t1);
  s.crash_and_reload();
  CHECK(s.now().hand.maybe_open.size() == 1);
  CHECK(session::is_quiet(s.now()));
  s.task("t2");
  CHECK(s.now().hand.maybe_open.empty());
  s.settle();
}

TEST_CASE("a cancel of whatever runs stops no turn that came after it", "[session]") {
  session_driver s;
  s.publish_control("c1", cancel{});
  s.advance(milliseconds{1});
  s.publish("t1");
  s.crash_and_reload();
  CHECK(s.deliver_next(message_kind::control));
  CHECK(s.verdicts_on("c1").empty());
  s.deliver();
  CHECK(s.verdicts_on("c1") == std::vector{verdict::unknown});
  s.run(completed{});
  CHECK(s.ending_of("t1") == "run_completed");
  s.settle();
}

TEST_CASE("a cancel of whatever ran is given up when no task has come for a while", "[session]") {
  session_driver s;
  s.publish_control("c1", cancel{});
  s.crash_and_reload();
  s.deliver();
  CHECK(s.verdicts_on("c1").empty());
  s.advance(session_driver::usual_limits().early_kept);
  CHECK(s.verdicts_on("c1") == std::vector{verdict::unknown});
  s.settle();
}

TEST_CASE("a cancel of whatever runs that came in this life is answered at once", "[session]") {
  session_driver s;
  s.control("c1", cancel{});
  CHECK(s.verdicts_on("c1") == std::vector{verdict::unknown});
  s.settle();
}

TEST_CASE("a cancel of whatever ran waits past a turn that has ended", "[session]") {
  session_driver s;
  s.task("t1");
  s.run(completed{});
  s.task("t2");
  s.grant();
  s.publish_control("c1", cancel{});
  s.crash_and_reload();
  CHECK(s.deliver_next(message_kind::control));
  CHECK(s.deliver_next(message_kind::task));
  CHECK(s.verdicts_on("c1").empty());
  s.deliver();
  CHECK(s.ending_of("t1") == "run_completed");
  CHECK(s.ending_of("t2") == "run_cancelled");
  CHECK(s.verdicts_on("c1") == std::vector{verdict::accepted});
  s.settle();
}

TEST_CASE("a crash right after a turn failed leaves its producer answered", "[session]") {
  session_driver s;
  const auto t = s.task("t1", {.reply_to = "_INBOX.a"});
  s.grant();
  s.crash_in_next_commit(true, 0);
  s.end(failed{reason::program_exit, "no", false});
  CHECK(s.answers().empty());
  s.settle();
  CHECK(s.verdicts_on("t1") == std::vector{verdict::duplicate});
  CHECK(s.refusals_of(t) == std::vector{reason::program_exit});
}
