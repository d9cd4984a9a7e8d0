// What cancels, edits and deletes do to a session, at whatever moment they come.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/support/session_driver.hpp"
#include "tests/support/session_names.hpp"

using namespace baton;
using namespace baton::support;

namespace {

bool happened(const session_driver& s, std::string_view event) {
  return std::ranges::any_of(s.last_events(), [&](const auto& e) { return name_of(e) == event; });
}

} // namespace

TEST_CASE("a running slice is asked to stop; the cancel is answered when it has", "[session]") {
  session_driver s;
  s.task("t1", {.reply_to = "_INBOX.a"});
  s.grant();
  const auto c = s.cancel_run("c1", "t1");
  CHECK(s.asked() == std::vector{boundary_order::cancel});
  CHECK(s.verdicts_on("c1").empty());
  CHECK_FALSE(s.has_to_ack(message_kind::control, c));
  s.end(cancelled{});
  CHECK(s.ending_of("t1") == "run_cancelled");
  CHECK(s.verdicts_on("c1") == std::vector{verdict::accepted});
  CHECK(s.verdicts_on("t1") == std::vector{verdict::accepted});
  CHECK(s.has_to_ack(message_kind::control, c));
  s.settle();
}

TEST_CASE("unsticking a session kills its slice, which counts as lost, or ends its waiting", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.control("u1", unstick{"ann"});
  CHECK(s.is_aborted());
  CHECK(s.verdicts_on("u1") == std::vector{verdict::accepted});
  s.end(lost{"unstuck by ann"});
  s.run(failed{reason::program_exit, "busy", true});
  CHECK_FALSE(s.has_wish());
  s.control("u2", unstick{});
  CHECK(s.has_wish());
  s.run(completed{});
  s.control("u3", unstick{});
  CHECK(s.verdicts_on("u3") == std::vector{verdict::accepted});
  CHECK_FALSE(s.has_wish());
  s.settle();
}

TEST_CASE("a turn that waits for quiet is started by unsticking its session", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.task("t2", {.when_busy = busy_policy::debounce});
  s.end(completed{});
  CHECK_FALSE(s.has_wish());
  s.control("u1", unstick{});
  CHECK(s.has_wish());
  s.settle();
}

TEST_CASE("a slice that does not stop in time is aborted, and its run is cancelled, not lost", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.cancel_run("c1", "t1");
  s.advance(milliseconds{4'999});
  CHECK_FALSE(s.is_aborted());
  s.advance(milliseconds{1});
  CHECK(s.is_aborted());
  s.end(lost{"aborted"});
  CHECK(s.ending_of("t1") == "run_cancelled");
  s.settle();
}

TEST_CASE("a second cancel neither asks again nor gives more time, and both are answered", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.cancel_run("c1", "t1");
  s.advance(milliseconds{4'000});
  s.cancel_run("c2", "");
  CHECK(s.asked().size() == 1);
  s.advance(milliseconds{1'000});
  CHECK(s.is_aborted());
  s.end(lost{"aborted"});
  CHECK(s.verdicts_on("c1") == std::vector{verdict::accepted});
  CHECK(s.verdicts_on("c2") == std::vector{verdict::accepted});
  s.settle();
}

TEST_CASE("a completion that was already made wins over a cancel", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.cancel_run("c1", "t1");
  s.end(completed{"done"});
  CHECK(s.ending_of("t1") == "run_completed");
  CHECK(s.verdicts_on("c1") == std::vector{verdict::conflict});
  s.settle();
}

TEST_CASE("a cancelled run that yields, fails or is lost instead is cancelled all the same", "[session]") {
  for (const auto& how : {outcome{yielded{"asked"}}, outcome{failed{reason::program_exit, "broken", true}},
           outcome{failed{reason::program_exit, "broken", false}}, outcome{lost{"silent"}}}) {
    session_driver s;
    s.task("t1");
    s.grant();
    s.cancel_run("c1", "t1");
    s.end(how, {called("k1")});
    CHECK(s.ending_of("t1") == "run_cancelled");
    CHECK(s.verdicts_on("c1") == std::vector{verdict::accepted});
    CHECK(s.letters().empty());
    s.settle();
  }
}

TEST_CASE("a cancelled boundary is told to stop", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.cancel_run("c1", "t1");
  s.boundary({said("half")});
  CHECK(s.asked() == std::vector{boundary_order::cancel, boundary_order::cancel});
  s.settle();
}

TEST_CASE(
    "a queued task is cancelled without having run; its input and the cancel stand in the transcript", "[session]") {
  session_driver s;
  s.task("t1");
  const auto t2 = s.task("t2", {.reply_to = "_INBOX.a"});
  s.cancel_run("c1", "t2");
  CHECK(s.ending_of("t2") == "run_cancelled");
  CHECK(s.has_to_ack(message_kind::task, t2));
  CHECK(s.verdicts_on("t2") == std::vector{verdict::accepted});
  REQUIRE(s.log().back().entries.size() == 2);
  CHECK(s.log().back().entries[0].kind == entry_kind::user);
  CHECK(s.log().back().entries[1].kind == entry_kind::note);
  s.run(completed{});
  CHECK(s.started() == std::vector<std::string>{"t1"});
  s.settle();
}

TEST_CASE("a run that waits for its slot or its next attempt is cancelled at once", "[session]") {
  session_driver s;
  s.task("t1");
  SECTION("slot") {
    s.cancel_run("c1", "t1");
    CHECK(s.stored().last->slices == 0);
  }
  SECTION("attempt") {
    s.run(failed{reason::runner_failed, "busy", true});
    s.cancel_run("c1", "");
    CHECK(s.stored().last->slices == 1);
  }
  CHECK(s.ending_of("t1") == "run_cancelled");
  CHECK_FALSE(s.has_wish());
  s.settle();
}

TEST_CASE("a slot that is granted after its run was cancelled goes back", "[session]") {
  session_driver s;
  s.task("t1");
  const auto old = s.now().hand.execution->id;
  s.cancel_run("c1", "t1");
  s.take(session::slot_granted{old});
  CHECK(names_of(s.last_effects()) == "free_slot");
  CHECK(s.last_events().empty());
  s.settle();
}

TEST_CASE("a cancel that overtook its turn is kept until the turn comes", "[session]") {
  session_driver s;
  s.cancel_run("c1", "t1");
  s.cancel_run("c2", "t1");
  CHECK(s.verdicts_on("c1").empty());
  s.task("t1");
  CHECK(s.ending_of("t1") == "run_cancelled");
  CHECK(s.verdicts_on("c1") == std::vector{verdict::accepted});
  CHECK(s.verdicts_on("c2") == std::vector{verdict::accepted});
  CHECK(s.started().empty());
  s.settle();
}

TEST_CASE("a cancel whose turn does not come within a minute is answered unknown", "[session]") {
  session_driver s;
  const auto c = s.cancel_run("c1", "t1");
  s.advance(milliseconds{59'999});
  CHECK(s.verdicts_on("c1").empty());
  s.advance(milliseconds{1});
  CHECK(s.verdicts_on("c1") == std::vector{verdict::unknown});
  CHECK(s.has_to_ack(message_kind::control, c));
  CHECK(s.log().empty());
  s.settle();
}

TEST_CASE("a cancel that comes after a restart and before its run's task ends the run when that comes", "[session]") {
  for (const auto* run : {"t1", ""}) {
    session_driver s;
    s.task("t1");
    s.grant();
    s.grew_old();
    s.crash_and_reload();
    s.publish_control("c1", cancel_of(run));
    s.deliver_next(message_kind::control);
    CHECK(s.verdicts_on("c1").empty());
    s.deliver();
    CHECK(s.ending_of("t1") == "run_cancelled");
    CHECK(s.verdicts_on("c1") == std::vector{verdict::accepted});
    CHECK_FALSE(s.has_wish());
    s.settle();
  }
}

TEST_CASE("a cancel that hit nothing does not hit another run when it is delivered again", "[session]") {
  session_driver s;
  s.task("t1");
  s.run(completed{});
  s.cancel_run("c1", "");
  CHECK(s.verdicts_on("c1") == std::vector{verdict::unknown});
  s.task("t2");
  s.grant();
  s.grew_old();
  s.crash_and_reload();
  while (s.deliver_next(message_kind::task)) {
  }
  s.grant();
  s.deliver();
  CHECK(s.asked().empty());
  CHECK(s.verdicts_on("c1") == std::vector{verdict::unknown, verdict::duplicate});
  s.settle();
  CHECK(s.ending_of("t2") == "run_completed");
}

TEST_CASE("a cancel of a run that has ended is answered with how it ended", "[session]") {
  session_driver s;
  s.task("t1");
  s.run(completed{});
  s.cancel_run("c1", "t1");
  CHECK(s.verdicts_on("c1") == std::vector{verdict::conflict});
  REQUIRE(s.answers().back().answer.body.find("status") != nullptr);
  CHECK(*s.answers().back().answer.body.find("status") == value{"completed"});
  s.settle();
}

TEST_CASE("the time to settle of one execution does not abort the next", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.cancel_run("c1", "t1");
  s.end(cancelled{});
  s.task("t2");
  s.grant();
  s.advance(milliseconds{5'000});
  CHECK_FALSE(s.is_aborted());
  s.settle();
}

TEST_CASE("a cancel's id with another body is refused while the first waits, and after", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.cancel_run("c1", "t1");
  const auto during = s.control("c1", cancel_of("t9"));
  s.end(cancelled{});
  const auto after = s.control("c1", cancel_of("t9"));
  s.settle();
  CHECK(s.refusals_of(during) == std::vector{reason::task_conflict});
  CHECK(s.refusals_of(after) == std::vector{reason::task_conflict});
}

TEST_CASE("a flood of cancels is bounded, and each is answered", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  const auto most = session_driver::usual_limits().cancels_max;
  for (std::size_t i = 0; i <= most; ++i)
    s.cancel_run("c" + std::to_string(i), "t1");
  CHECK(s.now().hand.cancels.size() == most);
  s.end(cancelled{});
  CHECK(s.verdicts_on("c0") == std::vector{verdict::accepted});
  CHECK(s.verdicts_on("c" + std::to_string(most)) == std::vector{verdict::duplicate});
  s.settle();
}

TEST_CASE("an edit changes what it names and leaves the rest", "[session]") {
  session_driver s;
  edit first;
  first.title = "One";
  first.labels = {{"a", "1"}, {"b", "2"}};
  s.control("e1", first);
  edit second;
  second.pinned = true;
  second.labels = {{"a", ""}};
  s.control("e2", second);
  CHECK(s.stored().title == "One");
  CHECK(s.stored().title_version == 1);
  CHECK(s.stored().pinned);
  CHECK(s.stored().labels == labels{{"b", "2"}});
  CHECK(s.verdicts_on("e2") == std::vector{verdict::accepted});
  s.settle();
}

TEST_CASE("a title changes only from the version that its editor saw", "[session]") {
  session_driver s;
  edit change;
  change.title = "One";
  s.control("e1", change);
  change.title = "Two";
  change.title_version = 0;
  s.control("e2", change);
  CHECK(s.stored().title == "One");
  CHECK(s.verdicts_on("e2") == std::vector{verdict::conflict});
  change.title_version = 1;
  s.control("e3", change);
  CHECK(s.stored().title == "Two");
  s.settle();
}

TEST_CASE(
    "an edit that was refused for its labels stays refused, though there is room when it comes again", "[session]") {
  auto limits = session_driver::usual_limits();
  limits.labels_max = 1;
  session_driver s{limits};
  edit one;
  one.labels = {{"a", "1"}};
  s.control("e1", one);
  edit two;
  two.labels = {{"b", "1"}};
  const auto refused = s.control("e2", two);
  s.store_letter(false);
  edit none;
  none.labels = {{"a", ""}};
  s.control("e3", none);
  s.crash_and_reload();
  s.deliver();
  CHECK(s.stored().labels.empty());
  s.settle();
  CHECK(s.refusals_of(refused) == std::vector{reason::too_many_labels});
}

TEST_CASE("labels that together are too large are refused, and what shrinks them is not", "[session]") {
  session_driver s;
  edit change;
  for (char key = 'a'; key < 'h'; ++key)
    change.labels[std::string{key}] = std::string(255, 'v');
  s.control("e1", change);
  REQUIRE(bytes_of(s.stored().labels) == 7 * 256);
  edit last;
  last.labels["h"] = std::string(256, 'v');
  const auto refused = s.control("e2", last);
  last.labels["h"].pop_back();
  s.control("e3", last);
  CHECK(bytes_of(s.stored().labels) == labels_bytes_max);
  edit exchange;
  exchange.labels = {{"a", ""}, {"i", std::string(255, 'v')}};
  s.control("e4", exchange);
  s.settle();
  CHECK(s.refusals_of(refused) == std::vector{reason::too_large});
  CHECK(s.stored().labels.contains("i"));
  CHECK(bytes_of(s.stored().labels) == labels_bytes_max);
}

TEST_CASE("a failure's text is kept as it is read back, within its size", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.end(failed{reason::program_exit, std::string(2'000, '\xFF'), true});
  const auto& waiting = std::get<phases::retry_wait>(s.stored().phase);
  CHECK(waiting.run.last_error.size() <= error_text_max);
  CHECK(waiting.run.last_error.starts_with("\xEF\xBF\xBD"));
  s.settle();
}

TEST_CASE("deleting ends the run, refuses what waits, and leaves a tombstone", "[session]") {
  auto limits = session_driver::usual_limits();
  limits.in_memory_max = 1;
  session_driver s{limits};
  const auto running = s.task("t1");
  s.grant();
  const auto execution = s.running()->routing.execution;
  const auto queued = s.task("t2");
  const auto stubbed = s.task("t3", {.reply_to = "_INBOX.t3"});
  s.cancel_run("c1", "t1");
  s.control("d1", baton::remove{});
  CHECK(s.log().back().rolls_up);
  CHECK(s.running() == nullptr);
  CHECK(s.ending_of("t1") == "run_cancelled");
  CHECK(s.has_to_ack(message_kind::task, running));
  CHECK(s.verdicts_on("c1") == std::vector{verdict::accepted});
  CHECK(s.verdicts_on("d1") == std::vector{verdict::accepted});
  s.answer_read_back();
  s.store_letters();
  CHECK(s.refusals_of(queued) == std::vector{reason::deleted});
  CHECK(s.refusals_of(stubbed) == std::vector{reason::deleted});
  CHECK(s.verdicts_on("t3") == std::vector{verdict::refused});
  CHECK(s.now().hand.backlog.empty());
  s.report_late(execution);
  const auto late = s.task("t4");
  const auto again = s.control("d2", baton::remove{});
  s.settle();
  CHECK(s.refusals_of(late) == std::vector{reason::deleted});
  CHECK(s.refusals_of(again) == std::vector{reason::deleted});
  CHECK(s.stored().entries == 0);
}

TEST_CASE("a session deleted after a restart, before its run's task came, cancels that run", "[session]") {
  session_driver s;
  const auto t = s.task("t1");
  s.grant();
  s.grew_old();
  s.crash_and_reload();
  s.publish_control("d1", baton::remove{});
  s.deliver_next(message_kind::control);
  CHECK(s.ending_of("t1") == "run_cancelled");
  s.deliver();
  CHECK(s.has_to_ack(message_kind::task, t));
  s.settle();
  CHECK(s.refusals_of(t).empty());
}

TEST_CASE("what a deleted session still owes is delivered", "[session]") {
  session_driver s;
  const auto t = s.task("t1");
  s.run(failed{reason::runner_failed, "broken", false});
  s.control("d1", baton::remove{});
  CHECK(s.stored().outbox.size() == 1);
  s.crash_and_reload();
  s.settle();
  CHECK(s.refusals_of(t) == std::vector{reason::runner_failed});
  CHECK(happened(s, "ack_was_confirmed"));
}
