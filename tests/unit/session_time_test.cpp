// Deadlines, waits between attempts, the wall limit of a run, and draining.
#include <catch2/catch_test_macros.hpp>

#include "tests/support/session_driver.hpp"
#include "tests/support/session_names.hpp"

using namespace baton;
using namespace baton::support;

TEST_CASE("a task whose deadline has passed when it comes is refused", "[session]") {
  session_driver s;
  const auto t = s.task("t1", {.deadline = s.time(), .reply_to = "_INBOX.a"});
  CHECK_FALSE(s.has_wish());
  s.settle();
  CHECK(s.refusals_of(t) == std::vector{reason::deadline_passed});
  CHECK(s.verdicts_on("t1") == std::vector{verdict::refused});
}

TEST_CASE("a task whose deadline passes while others run is refused when its turn comes", "[session]") {
  session_driver s;
  s.task("t1");
  const auto late = s.task("t2", {.deadline = s.time() + milliseconds{10}});
  s.task("t3");
  s.advance(milliseconds{10});
  s.run(completed{});
  s.settle();
  CHECK(s.refusals_of(late) == std::vector{reason::deadline_passed});
  CHECK(s.started() == std::vector<std::string>{"t1", "t3"});
}

TEST_CASE("a run whose deadline passes before its slot comes fails, and the slot goes back", "[session]") {
  session_driver s;
  const auto t = s.task("t1", {.deadline = s.time() + milliseconds{10}});
  s.advance(milliseconds{10});
  s.grant();
  CHECK(s.running() == nullptr);
  CHECK(s.ending_of("t1") == "run_failed");
  CHECK(s.stored().last->slices == 0);
  s.settle();
  CHECK(s.refusals_of(t) == std::vector{reason::deadline_passed});
}

TEST_CASE("a run whose deadline passes between two attempts has no further one", "[session]") {
  session_driver s;
  const auto t = s.task("t1", {.deadline = s.time() + milliseconds{1'000}});
  s.run(failed{reason::runner_failed, "busy", true});
  s.advance(milliseconds{2'000});
  CHECK_FALSE(s.has_wish());
  s.settle();
  CHECK(s.refusals_of(t) == std::vector{reason::deadline_passed});
}

TEST_CASE("a run ends when it has taken longer than its wall limit, however often it yields", "[session]") {
  auto limits = session_driver::usual_limits();
  limits.run_wall_limit = milliseconds{1'000};
  session_driver s{limits};
  const auto t = s.task("t1");
  s.grant();
  s.advance(milliseconds{500});
  s.end(yielded{"asked"}, {}, value{1});
  s.grant();
  s.advance(milliseconds{500});
  s.end(yielded{"asked"}, {}, value{2});
  CHECK_FALSE(s.has_wish());
  s.settle();
  CHECK(s.refusals_of(t) == std::vector{reason::run_too_long});
}

TEST_CASE("a run has no more slices than the limit allows", "[session]") {
  auto limits = session_driver::usual_limits();
  limits.slices_max = 3;
  session_driver s{limits};
  const auto t = s.task("t1");
  for (int i = 1; i <= 3; ++i) {
    s.grant();
    CHECK(s.running()->state.slice.value == static_cast<std::uint64_t>(i));
    s.end(yielded{"asked"}, {}, value{i});
  }
  CHECK_FALSE(s.has_wish());
  s.settle();
  CHECK(s.refusals_of(t) == std::vector{reason::too_many_slices});
}

TEST_CASE("a slice gets no more time than the run's wall limit leaves", "[session]") {
  auto limits = session_driver::usual_limits();
  limits.run_wall_limit = milliseconds{1'000};
  session_driver s{limits};
  s.task("t1");
  s.grant();
  CHECK(s.running()->policy.time_limit == milliseconds{1'000});
  s.advance(milliseconds{400});
  s.end(yielded{"asked"}, {}, value{1});
  s.grant();
  CHECK(s.running()->policy.time_limit == milliseconds{600});
  s.end(completed{});
  s.settle();
}

TEST_CASE("an early cancel whose timer fires too early, by a clock that was set back, is still given up in the end", "[session]") {
  session_driver s;
  s.cancel_run("c1", "t9");
  s.forget_last();
  s.take(session::timer_fired{session::timer::early, {}});
  REQUIRE(s.last_effects().size() == 1);
  const auto* again = std::get_if<session::set_timer>(&s.last_effects().front());
  REQUIRE(again != nullptr);
  CHECK(again->due == s.time() + session_driver::usual_limits().early_kept);
  s.advance(session_driver::usual_limits().early_kept);
  CHECK(s.verdicts_on("c1") == std::vector{verdict::unknown});
  s.settle();
}

TEST_CASE(
    "attempts are 2, 4, 8 … seconds apart, at most the longest, and up to a quarter more by chance", "[session]") {
  auto limits = session_driver::usual_limits();
  limits.max_attempts = 8;
  session_driver s{limits};
  s.task("t1");
  const auto wait = [&] {
    s.run(failed{reason::runner_failed, "busy", true});
    const auto due = std::get<phases::retry_wait>(s.stored().phase).due;
    const auto waits = due - s.time();
    s.advance(waits);
    return waits.count();
  };
  CHECK(wait() == 2'000);
  CHECK(wait() == 4'000);
  s.chance = 1'023;
  CHECK(wait() == 8'000 + 1'998);
  s.chance = 0;
  CHECK(wait() == 16'000);
  CHECK(wait() == 32'000);
  CHECK(wait() == 60'000);
  CHECK(wait() == 60'000);
  s.run(failed{reason::runner_failed, "busy", true});
  CHECK(s.ending_of("t1") == "run_failed");
  s.settle();
  CHECK(s.letters().begin()->second.why == reason::max_attempts);
  CHECK(s.letters().begin()->second.attempts == 8);
}

TEST_CASE("a lost execution is replaced at once, as often as attempts are allowed", "[session]") {
  session_driver s;
  s.task("t1");
  s.task("t2");
  s.run(lost{"silent"});
  s.run(lost{"silent"});
  CHECK(s.started() == std::vector<std::string>{"t1"});
  s.run(lost{"silent"});
  CHECK(s.ending_of("t1") == "run_failed");
  CHECK(s.has_wish());
  s.settle();
  CHECK(s.letters().begin()->second.why == reason::max_attempts);
  CHECK(s.letters().begin()->second.attempts == 3);
}

TEST_CASE("a yield is no failure: no attempt is counted, and the run goes before newer turns", "[session]") {
  session_driver s;
  s.task("t1");
  s.task("t2");
  for (int i = 1; i <= 5; ++i) {
    s.grant();
    CHECK(s.running()->state.slice == slice_number{static_cast<std::uint64_t>(i)});
    CHECK(s.running()->state.attempt == 0);
    s.end(yielded{"asked"}, {}, value{i});
  }
  CHECK(s.started() == std::vector<std::string>{"t1"});
  s.settle();
  CHECK(s.letters().empty());
}

TEST_CASE("a draining session gives back its wish for a slot and starts nothing", "[session]") {
  session_driver s;
  s.task("t1");
  const auto wished = s.now().hand.execution->id;
  s.drain();
  CHECK(names_of(s.last_effects()) == "free_slot");
  CHECK(session::runs_nothing(s.now()));
  s.take(session::slot_granted{wished});
  CHECK(names_of(s.last_effects()) == "free_slot");
  CHECK(s.running() == nullptr);
  s.settle();
}

TEST_CASE("a draining session asks its slice to yield, and then rests", "[session]") {
  session_driver s;
  s.task("t1");
  s.task("t2");
  s.grant();
  s.drain();
  CHECK(s.asked() == std::vector{boundary_order::yield});
  s.boundary({said("half")}, value{1});
  CHECK(s.asked().back() == boundary_order::yield);
  s.end(yielded{"drain"}, {}, value{2});
  CHECK_FALSE(s.has_wish());
  CHECK(session::runs_nothing(s.now()));
  s.crash_and_reload(after_a_release);
  s.deliver();
  s.grant();
  CHECK(s.running()->state.last_checkpoint->state == value{2});
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t2"});
}

TEST_CASE("a cancel goes further than a drain, whichever comes first", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  SECTION("cancel first") {
    s.cancel_run("c1", "t1");
    s.drain();
  }
  SECTION("drain first") {
    s.drain();
    s.cancel_run("c1", "t1");
  }
  CHECK(s.asked().back() == boundary_order::cancel);
  s.boundary({said("half")});
  CHECK(s.asked().back() == boundary_order::cancel);
  s.end(yielded{"drain"});
  CHECK(s.ending_of("t1") == "run_cancelled");
  s.settle();
}

TEST_CASE("a slot that is granted twice launches once", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.take(session::slot_granted{s.running()->routing.execution});
  CHECK(s.last_events().empty());
  CHECK(s.last_effects().empty());
  CHECK(s.running() != nullptr);
  s.settle();
}
