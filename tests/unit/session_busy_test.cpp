// What becomes of messages that come while a run is under way: the limits of it, and what the scenarios do not show.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/support/session_driver.hpp"

using namespace baton;
using namespace baton::support;

namespace {

stream_seq turn_with(session_driver& s, busy_policy policy, std::string_view id, std::string body = "more") {
  return s.task(id, {.body = std::move(body), .reply_to = "_INBOX.a", .when_busy = policy});
}

/// As the events in the log say; the newest if there are several.
disposition disposition_of(const session_driver& s, std::string_view id) {
  auto found = disposition::none;
  for (const auto& c : s.log()) {
    for (const auto& e : c.events) {
      if (e.run.text() == id && e.disposition != disposition::none) found = e.disposition;
    }
  }
  return found;
}

std::vector<std::string> inputs_of(const session_driver& s, std::string_view run) {
  std::vector<std::string> said;
  for (const auto& e : s.rules().transcript()) {
    if (e.kind == entry_kind::user && e.run.text() == run) said.push_back(*e.content.as<std::string>());
  }
  return said;
}

void start(session_driver& s, std::string_view id = "t1") {
  s.task(id);
  s.grant();
}

} // namespace

TEST_CASE("no policy matters to a turn that finds the session idle", "[session][busy]") {
  for (const auto& policy : busy_policies) {
    session_driver s;
    turn_with(s, policy.is, "t1");
    s.run(completed{"done"});
    CHECK(s.ending_of("t1") == "run_completed");
    CHECK(disposition_of(s, "t1") == disposition::none);
    s.settle();
  }
}

TEST_CASE("a turn that waited says so", "[session][busy]") {
  session_driver s;
  start(s);
  s.task("t2");
  s.end(completed{});
  s.run(completed{});
  CHECK(disposition_of(s, "t1") == disposition::none);
  CHECK(disposition_of(s, "t2") == disposition::queued);
  s.settle();
}

TEST_CASE("a session holds so many steers, and a further turn waits instead", "[session][busy]") {
  auto limits = session_driver::usual_limits();
  limits.joined_max = 2;
  session_driver s{limits};
  start(s);
  turn_with(s, busy_policy::steer, "t2");
  turn_with(s, busy_policy::steer, "t3");
  turn_with(s, busy_policy::steer, "t4");
  const auto refused = s.control("c1", steer_of("left"));
  CHECK(s.refusals_of(refused) == std::vector<reason>{});
  s.store_letters();
  CHECK(s.refusals_of(refused) == std::vector{reason::too_many_waiting});
  s.boundary();
  CHECK(s.steered().size() == 2);
  CHECK(disposition_of(s, "t3") == disposition::injected);
  // Without a checkpoint they may be needed again.
  turn_with(s, busy_policy::steer, "t5");
  s.boundary({}, value{1});
  turn_with(s, busy_policy::steer, "t6");
  s.boundary();
  CHECK(disposition_of(s, "t6") == disposition::injected);
  s.settle();
  CHECK(disposition_of(s, "t4") == disposition::queued);
  CHECK(disposition_of(s, "t5") == disposition::queued);
}

TEST_CASE("what does not fit into one commit joins at the next boundary", "[session][busy]") {
  auto limits = session_driver::usual_limits();
  limits.record_bytes_max = 1'200;
  session_driver s{limits};
  start(s);
  for (const auto* id : {"t2", "t3", "t4"}) turn_with(s, busy_policy::steer, id, std::string(600, 'x'));
  s.boundary();
  CHECK(s.steered().size() == 1);
  s.boundary();
  s.boundary();
  CHECK(s.steered().size() == 3);
  s.settle();
}

TEST_CASE("a steer finds its run while it waits for its next attempt, and joins that", "[session][busy]") {
  session_driver s;
  start(s);
  s.boundary();
  s.end(failed{reason::program_exit, "busy", true});
  turn_with(s, busy_policy::steer, "t2", "left");
  s.advance(milliseconds{5'000});
  s.grant();
  REQUIRE(s.running() != nullptr);
  CHECK(s.running()->input.steers == std::vector{steer_input{id_of("t2"), "left"}});
  CHECK(inputs_of(s, "t1") == std::vector<std::string>{"hello", "left"});
  s.settle();
}

TEST_CASE("a run that is told to stop is steered no more", "[session][busy]") {
  session_driver s;
  start(s);
  s.cancel_run("c1", "t1");
  turn_with(s, busy_policy::steer, "t2");
  s.end(cancelled{});
  s.run(completed{});
  CHECK(s.ending_of("t2") == "run_completed");
  s.settle();
}

TEST_CASE("a steer for a turn that waits joins it when it starts; if that is cancelled, it is told", "[session][busy]") {
  session_driver s;
  start(s);
  s.task("t2");
  s.control("c1", steer_of("left", "t2"));
  s.end(completed{});
  s.grant();
  CHECK(s.running()->input.steers.empty());
  s.boundary();
  CHECK(s.steered().size() == 1);
  s.task("t3");
  s.control("c2", steer_of("right", "t3"));
  s.cancel_run("c3", "t3");
  CHECK(s.verdicts_on("c2") == std::vector{verdict::conflict});
  CHECK(s.verdicts_on("c3") == std::vector{verdict::accepted});
  s.settle();
}

TEST_CASE("a steer of nothing is unknown, and one whose turn never comes is told after a minute", "[session][busy]") {
  session_driver s;
  s.control("c1", steer_of("left"));
  CHECK(s.verdicts_on("c1") == std::vector{verdict::unknown});
  s.control("c2", steer_of("left", "t9"));
  s.advance(milliseconds{59'999});
  CHECK(s.verdicts_on("c2").empty());
  s.advance(milliseconds{1});
  CHECK(s.verdicts_on("c2") == std::vector{verdict::unknown});
  s.settle();
}

TEST_CASE("a turn that waits to join a run can be cancelled", "[session][busy]") {
  session_driver s;
  start(s);
  turn_with(s, busy_policy::steer, "t2", "left");
  s.cancel_run("c1", "t2");
  CHECK(s.ending_of("t2") == "run_cancelled");
  CHECK(inputs_of(s, "t2") == std::vector<std::string>{"left"});
  s.boundary();
  CHECK(s.steered().empty());
  s.settle();
}

TEST_CASE("only turns of the same runner and without a deadline are merged, and so many", "[session][busy]") {
  auto limits = session_driver::usual_limits();
  limits.runners.insert("other");
  limits.joined_max = 1;
  session_driver s{limits};
  start(s);
  s.task("t2");
  s.task("t3", {.runner = "other", .when_busy = busy_policy::merge});
  s.task("t4", {.runner = "other", .deadline = s.time() + milliseconds{60'000}, .when_busy = busy_policy::merge});
  s.task("t5", {.when_busy = busy_policy::merge});
  s.task("t6", {.body = "six", .when_busy = busy_policy::merge});
  s.task("t7", {.body = "seven", .when_busy = busy_policy::merge});
  CHECK(disposition_of(s, "t6") == disposition::merged);
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t2", "t3", "t4", "t5", "t7"});
  CHECK(inputs_of(s, "t5") == std::vector<std::string>{"hello", "six"});
}

TEST_CASE("a turn and what was merged into it are cancelled together", "[session][busy]") {
  session_driver s;
  start(s);
  const auto first = turn_with(s, busy_policy::merge, "t2", "one");
  const auto second = turn_with(s, busy_policy::merge, "t3", "two");
  s.cancel_run("c1", "t2");
  CHECK(s.has_to_ack(message_kind::task, first));
  CHECK(s.has_to_ack(message_kind::task, second));
  CHECK(inputs_of(s, "t2") == std::vector<std::string>{"one", "two"});
  s.cancel_run("c2", "t3");
  CHECK(s.verdicts_on("c2") == std::vector{verdict::conflict});
  s.settle();
}

TEST_CASE("many that wait give way in commits that each fit, and their producers hear of it", "[session][busy]") {
  session_driver s;
  start(s);
  for (int i = 0; i < 10; ++i) s.task("old" + std::to_string(i), {.reply_to = "_INBOX.a"});
  const auto before = s.log().size();
  turn_with(s, busy_policy::replace, "new");
  s.confirm_acks();
  CHECK(s.log().size() == before + 3);
  for (int i = 0; i < 10; ++i) {
    const auto id = "old" + std::to_string(i);
    CHECK(s.ending_of(id) == "run_cancelled");
    CHECK(s.verdicts_on(id) == std::vector{verdict::accepted});
  }
  CHECK(s.stored().busy.replaced_until == stream_seq{});
  s.end(completed{});
  s.run(completed{});
  CHECK(s.started() == std::vector<std::string>{"t1", "new"});
  s.settle();
  CHECK(s.stored().busy == busy_record{});
}

TEST_CASE("what waits as a stub gives way too, with its input", "[session][busy]") {
  auto limits = session_driver::usual_limits();
  limits.in_memory_max = 1;
  session_driver s{limits};
  start(s);
  s.task("t2");
  s.task("t3", {.body = "three"});
  turn_with(s, busy_policy::replace, "t4");
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t4"});
  CHECK(inputs_of(s, "t3") == std::vector<std::string>{"three"});
}

TEST_CASE("a turn that waits as a stub is read back before it is cancelled", "[session][busy]") {
  auto limits = session_driver::usual_limits();
  limits.in_memory_max = 1;
  session_driver s{limits};
  start(s);
  s.task("t2");
  s.task("t3");
  s.task("t4", {.body = "four", .reply_to = "_INBOX.a"});
  const auto c = s.cancel_run("c1", "t4");
  CHECK_FALSE(s.has_to_ack(message_kind::control, c));
  REQUIRE(s.has_read_back());
  s.answer_read_back();
  CHECK(s.ending_of("t4") == "run_cancelled");
  CHECK(s.verdicts_on("t4") == std::vector{verdict::accepted});
  CHECK(s.verdicts_on("c1") == std::vector{verdict::accepted});
  CHECK(inputs_of(s, "t4") == std::vector<std::string>{"four"});
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t2", "t3"});
}

TEST_CASE("so many cancels wait for their stubs, and one whose stub is gone is told", "[session][busy]") {
  auto limits = session_driver::usual_limits();
  limits.in_memory_max = 1;
  limits.early_max = 1;
  session_driver s{limits};
  start(s);
  s.task("t2");
  const auto gone = s.task("t3");
  s.task("t4");
  s.cancel_run("c1", "t3");
  const auto refused = s.cancel_run("c2", "t4");
  s.store_letters();
  CHECK(s.refusals_of(refused) == std::vector{reason::too_many_waiting});
  s.take_away(gone);
  s.answer_read_back();
  CHECK(s.verdicts_on("c1") == std::vector{verdict::unknown});
  s.settle();
}

TEST_CASE("a debounced turn waits for quiet, but not for ever", "[session][busy]") {
  session_driver s;
  start(s);
  turn_with(s, busy_policy::debounce, "t2");
  s.end(completed{});
  const session::limits usual;
  int merged = 0;
  while (!s.has_wish()) {
    s.advance(milliseconds{1'900});
    if (s.has_wish()) break;
    REQUIRE(merged < static_cast<int>(usual.joined_max));
    turn_with(s, busy_policy::debounce, "m" + std::to_string(++merged));
  }
  CHECK(merged == 10);
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t2"});
}

TEST_CASE("an interrupt names who stopped the run, and a second one finds it stopped", "[session][busy]") {
  session_driver s;
  start(s);
  turn_with(s, busy_policy::interrupt, "t2");
  turn_with(s, busy_policy::interrupt, "t3");
  CHECK(s.asked() == std::vector{boundary_order::cancel});
  s.end(cancelled{});
  CHECK(s.ending_of("t1") == "run_cancelled");
  CHECK(disposition_of(s, "t2") == disposition::interrupted);
  const auto& note = s.rules().transcript().back().content;
  REQUIRE(note.find("text") != nullptr);
  CHECK(*note.find("text") == value{"t2: interrupt"});
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t2", "t3"});
}

TEST_CASE("a rolled back run says so in the transcript", "[session][busy]") {
  session_driver s;
  start(s);
  turn_with(s, busy_policy::rollback, "t2");
  s.end(completed{"done"});
  const auto& transcript = s.rules().transcript();
  REQUIRE(transcript.back().run.text() == "t1");
  REQUIRE(transcript.back().content.find("rolled_back") != nullptr);
  CHECK(*transcript.back().content.find("rolled_back") == value{true});
  s.settle();
}

TEST_CASE("a deleted session's steers are refused, and what had joined is settled", "[session][busy]") {
  session_driver s;
  start(s);
  turn_with(s, busy_policy::steer, "t2");
  s.boundary();
  const auto waiting = turn_with(s, busy_policy::steer, "t3");
  s.control("d1", baton::remove{});
  s.store_letters();
  CHECK(s.refusals_of(waiting) == std::vector{reason::deleted});
  s.settle();
}

TEST_CASE("what is said twice under one id is heard once", "[session][busy]") {
  session_driver s;
  start(s);
  s.control("c1", steer_of("left"));
  s.control("c1", steer_of("left"));
  CHECK(s.verdicts_on("c1") == std::vector{verdict::duplicate});
  s.boundary();
  CHECK(s.steered().size() == 1);
  s.settle();
}

TEST_CASE("a runner that hears nothing is told nothing, and the message is the next turn", "[session][busy]") {
  session_driver s;
  s.hears = false;
  start(s);
  turn_with(s, busy_policy::steer, "t2");
  s.boundary({}, value{1});
  CHECK(s.steered().empty());
  s.end(completed{});
  CHECK(disposition_of(s, "t2") == disposition::next_turn);
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t2"});
}

TEST_CASE("a checkpoint that was made before the words were heard does not settle them", "[session][busy]") {
  session_driver s;
  start(s);
  const auto message = turn_with(s, busy_policy::steer, "t2");
  s.boundary();
  s.take(session::boundary_reached{s.running()->routing.execution, {{}, value{1}, std::vector<task_id>{}}});
  CHECK_FALSE(s.has_to_ack(message_kind::task, message));
  s.crash_and_reload();
  s.deliver();
  while (s.has_read_back()) s.answer_read_back();
  s.grant();
  CHECK(s.running()->input.steers.size() == 1);
  s.boundary({}, value{2});
  CHECK(s.has_to_ack(message_kind::task, message));
  s.settle();
}

TEST_CASE("what was merged into a turn that is gone is a turn itself", "[session][busy]") {
  session_driver s;
  start(s);
  const auto gone = s.task("t2");
  turn_with(s, busy_policy::merge, "t3");
  s.take_away(gone);
  s.crash_and_reload();
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t3"});
  CHECK(s.ending_of("t3") == "run_completed");
}

TEST_CASE("what had joined and is gone with its turn leaves nothing behind", "[session][busy]") {
  session_driver s;
  start(s);
  const auto first = s.task("t2");
  const auto second = turn_with(s, busy_policy::merge, "t3");
  s.take_away(first);
  s.take_away(second);
  s.crash_and_reload();
  s.task("t4");
  s.settle();
  CHECK(s.stored().busy.joined.empty());
}

TEST_CASE("only turns of one tenant and with the same options belong together", "[session][busy]") {
  session_driver s;
  start(s);
  s.task("t2");
  s.task("t3", {.when_busy = busy_policy::merge, .tenant = "other"});
  s.task("t4", {.when_busy = busy_policy::steer, .tenant = "other"});
  s.boundary();
  CHECK(s.steered().empty());
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t2", "t3", "t4"});
}

TEST_CASE("a steer whose deadline has passed is refused rather than heard", "[session][busy]") {
  session_driver s;
  start(s);
  const auto late = s.task("t2", {.deadline = s.time() + milliseconds{100}, .when_busy = busy_policy::steer});
  s.advance(milliseconds{200});
  s.boundary();
  s.store_letters();
  CHECK(s.steered().empty());
  CHECK(s.refusals_of(late) == std::vector{reason::deadline_passed});
  s.settle();
}

TEST_CASE("a rollback goes further than an interrupt before it, and who came too late to stop a run has only waited", "[session][busy]") {
  session_driver s;
  start(s);
  turn_with(s, busy_policy::interrupt, "t2");
  turn_with(s, busy_policy::rollback, "t3");
  CHECK(s.now().hand.run->is_rolled_back);
  s.end(completed{"done"});
  CHECK(s.ending_of("t1") == "run_cancelled");
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t2", "t3"});

  session_driver other;
  start(other);
  turn_with(other, busy_policy::interrupt, "t2");
  other.end(completed{"done"});
  CHECK(other.ending_of("t1") == "run_completed");
  CHECK(disposition_of(other, "t2") == disposition::queued);
  other.settle();
}

TEST_CASE("a queue that was made anew has nothing to do with what was decided over the old one", "[session][busy]") {
  session_driver s;
  start(s);
  s.task("t2");
  turn_with(s, busy_policy::replace, "t3");
  auto head = s.stored();
  head.busy.replaced_until = {1'000};
  head.busy.replaced_at = s.time();
  s.advance(milliseconds{10});
  session::state fresh = s.now();
  head.phase = phases::idle{};
  fresh.head = head;
  fresh.hand = {};
  const session::limits l = session_driver::usual_limits();
  const auto x = execution_id::parse("x99").value();
  baton::task t;
  t.id = id_of("u1");
  t.what = turn{"hello", "echo", {}};
  const auto made = session::step(fresh, session::task_arrived{{t, {5}, s.time()}}, {s.time(), 0, x, l});
  CHECK(made.next.hand.queue.size() + (made.next.hand.current ? 1 : 0) == 1);
  CHECK(session::commit_of(made.next, made.events) == std::nullopt);
}
