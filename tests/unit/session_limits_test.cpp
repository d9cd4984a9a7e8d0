// Every limit has an answer, and what lies beyond it is neither lost nor carried out of order.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "tests/support/session_driver.hpp"
#include "tests/support/session_names.hpp"

using namespace baton;
using namespace baton::support;

namespace {

/// One runs, two wait in memory, two as stubs.
session::limits small_limits() {
  auto l = session_driver::usual_limits();
  l.in_memory_max = 2;
  l.backlog_max = 2;
  return l;
}

void publish_five(session_driver& s) {
  for (const auto* id : {"t1", "t2", "t3", "t4", "t5"})
    s.task(id);
}

} // namespace

TEST_CASE("beyond memory only the place is kept, and what is read back runs in its order", "[session]") {
  session_driver s{small_limits()};
  publish_five(s);
  CHECK(s.now().hand.queue.size() == 2);
  CHECK(s.now().hand.backlog.size() == 2);
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t2", "t3", "t4", "t5"});
}

TEST_CASE("large tasks wait as stubs before there are many, but the first one waits in memory whatever its size", "[session]") {
  auto limits = session_driver::usual_limits();
  limits.in_memory_bytes_max = 1000;
  session_driver s{limits};
  s.task("t1", {.bytes = 700});
  s.task("t2", {.bytes = 1500});
  s.task("t3", {.bytes = 1});
  CHECK(s.now().hand.queue.size() == 1);
  CHECK(s.now().hand.backlog.size() == 1);
  s.settle();
  s.task("t4");
  for (const auto* id : {"t5", "t6"})
    s.task(id, {.bytes = 500});
  CHECK(s.now().hand.queue.size() == 2);
  s.task("t7", {.bytes = 1});
  CHECK(s.now().hand.queue.size() == 2);
  CHECK(s.now().hand.backlog.size() == 1);
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t2", "t3", "t4", "t5", "t6", "t7"});
}

TEST_CASE("in a crowded partition only the first few wait in memory, and an eighth of the payloads", "[session]") {
  auto limits = session_driver::usual_limits();
  limits.in_memory_bytes_max = 800;
  limits.crowded_max = 3;
  session_driver s{limits};
  std::vector<std::string> ids;
  const std::size_t bytes = GENERATE(1, 50);
  const std::size_t held = bytes == 1 ? 3 : 2;
  for (int i = 1; i <= 8; ++i) {
    ids.push_back("t" + std::to_string(i));
    s.task(ids.back(), {.bytes = bytes, .crowded = true});
  }
  CHECK(s.now().hand.queue.size() == held);
  CHECK(s.now().hand.backlog.size() == 7 - held);
  for (int i = 1; i < 8; ++i) {
    s.run(completed{});
    if (s.has_read_back()) s.answer_read_back();
    CHECK(s.now().hand.queue.size() <= held);
  }
  s.settle();
  CHECK(s.started() == ids);
}

TEST_CASE("a task beyond the backlog is refused, and stays refused after a crash that made room", "[session]") {
  session_driver s{small_limits()};
  publish_five(s);
  const auto sixth = s.task("t6", {.reply_to = "_INBOX.a"});
  s.store_letter(false);
  s.run(completed{});
  s.run(completed{});
  s.crash_and_reload();
  s.deliver();
  s.settle();
  CHECK(s.refusals_of(sixth) == std::vector{reason::backlog_full});
  CHECK(s.ending_of("t6").empty());
  CHECK(s.verdicts_on("t6") == std::vector{verdict::refused});
}

TEST_CASE("the same id may be sent again after it was refused for want of room", "[session]") {
  session_driver s{small_limits()};
  publish_five(s);
  s.task("t6");
  s.store_letters();
  s.confirm_acks();
  for (int i = 0; i < 3; ++i) {
    s.run(completed{});
    if (s.has_read_back()) s.answer_read_back();
  }
  s.task("t6");
  s.settle();
  CHECK(s.ending_of("t6") == "run_completed");
}

TEST_CASE("a task that was refused as a conflict stays refused, though the id has come free", "[session]") {
  session_driver s;
  s.task("t1");
  s.task("t2", {.deadline = s.time() + milliseconds{10}});
  const auto other = s.task("t2", {.body = "another"});
  s.store_letter(false);
  s.advance(milliseconds{20});
  s.crash_and_reload();
  s.deliver();
  s.settle();
  CHECK(s.refusals_of(other) == std::vector{reason::task_conflict});
  CHECK(s.ending_of("t2").empty());
}

TEST_CASE("copies of a stub are dropped, other bodies refused, and a cancel reaches it", "[session]") {
  session_driver s{small_limits()};
  publish_five(s);
  const auto copy = s.task("t5");
  const auto other = s.task("t5", {.body = "another"});
  CHECK(s.has_to_ack(message_kind::task, copy));
  s.cancel_run("c1", "t4");
  s.settle();
  CHECK(s.refusals_of(other) == std::vector{reason::task_conflict});
  CHECK(s.ending_of("t4") == "run_cancelled");
  CHECK(s.started() == std::vector<std::string>{"t1", "t2", "t3", "t5"});
}

TEST_CASE("a stub that is cancelled while it is read back does not run", "[session]") {
  session_driver s{small_limits()};
  publish_five(s);
  s.run(completed{});
  REQUIRE(s.has_read_back());
  s.cancel_run("c1", "t4");
  s.answer_read_back();
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t2", "t3", "t5"});
}

TEST_CASE("a stub whose message was taken from the queue is skipped", "[session]") {
  session_driver s{small_limits()};
  publish_five(s);
  s.take_away({4});
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t2", "t3", "t5"});
}

TEST_CASE("the backlog is read on though all that waited before it came too late", "[session]") {
  session_driver s{small_limits()};
  s.task("t1");
  s.task("t2", {.deadline = s.time() + milliseconds{10}});
  s.task("t3", {.deadline = s.time() + milliseconds{10}});
  s.task("t4");
  s.advance(milliseconds{20});
  s.run(completed{});
  CHECK(s.has_read_back());
  s.settle();
  CHECK(s.started() == std::vector<std::string>{"t1", "t4"});
}

TEST_CASE("the ledger is bounded, but what is not acknowledged for certain stays in it", "[session]") {
  session_driver s;
  const auto first = s.task("t0");
  s.run(completed{});
  for (int i = 1; i <= 200; ++i) {
    s.task("t" + std::to_string(i));
    s.run(completed{});
    if (i > 5) s.confirm_ack(message_kind::task, {first.value + static_cast<std::uint64_t>(i)});
  }
  CHECK(s.stored().ledger.size() == ledger_max);
  for (std::uint64_t seq = first.value; seq <= first.value + 5; ++seq)
    CHECK(s.has_to_ack(message_kind::task, {seq}));
  const auto again = s.task("t0");
  CHECK(s.has_to_ack(message_kind::task, again));
  CHECK_FALSE(s.has_wish());
  s.settle();
}

TEST_CASE("no turn starts while as many letters are owed as the outbox holds", "[session]") {
  session_driver s;
  for (std::size_t i = 0; i <= outbox_max; ++i)
    s.task("t" + std::to_string(i));
  for (std::size_t i = 0; i < outbox_max; ++i)
    s.run(failed{reason::runner_failed, "broken", false});
  CHECK(s.stored().outbox.size() == outbox_max);
  CHECK_FALSE(s.has_wish());
  s.store_letter();
  CHECK(s.has_wish());
  s.settle();
}

TEST_CASE("no turn starts while as many acknowledgements are open as the ledger can keep", "[session]") {
  auto limits = session_driver::usual_limits();
  limits.open_acks_max = 2;
  session_driver s{limits};
  for (const auto* id : {"t1", "t2", "t3"})
    s.task(id);
  s.run(completed{});
  s.run(completed{});
  CHECK_FALSE(s.has_wish());
  s.confirm_ack(message_kind::task, {1});
  CHECK(s.has_wish());
  s.settle();
}

TEST_CASE("control messages wait, in order, while as many acknowledgements are open as the ledger can keep", "[session]") {
  auto limits = session_driver::usual_limits();
  limits.open_acks_max = 2;
  session_driver s{limits};
  for (const auto* id : {"t1", "t2"}) {
    s.task(id);
    s.run(completed{});
  }
  edit change;
  for (const auto* title : {"One", "Two"}) {
    change.title = title;
    s.control(title, change);
  }
  CHECK(s.stored().title.empty());
  s.confirm_ack(message_kind::task, {1});
  CHECK(s.stored().title == "One");
  CHECK(s.verdicts_on("One") == std::vector{verdict::accepted});
  CHECK(s.verdicts_on("Two").empty());
  s.settle();
  CHECK(s.stored().title == "Two");
  CHECK(s.stored().title_version == 2);
}

TEST_CASE("a control message that waits is carried out once, though it comes again, and after a crash", "[session]") {
  auto limits = session_driver::usual_limits();
  limits.open_acks_max = 1;
  session_driver s{limits};
  s.task("t1");
  s.run(completed{});
  edit change;
  change.title = "One";
  const auto asked = s.control("e1", change);
  s.redeliver(message_kind::control, asked);
  SECTION("in the same life") {}
  SECTION("in the next one") {
    s.crash_and_reload();
    s.deliver();
  }
  s.settle();
  CHECK(s.stored().title_version == 1);
  CHECK(s.verdicts_on("e1") == std::vector{verdict::accepted});
}

TEST_CASE("the ledger stays within its size, whatever is settled while nothing is confirmed", "[session]") {
  session_driver s;
  const session::limits usual;
  for (int i = 0; i < 70; ++i) {
    s.task("t" + std::to_string(i));
    s.run(completed{});
  }
  s.task("long");
  s.grant();
  for (std::size_t i = 0; i < usual.cancels_max; ++i)
    s.cancel_run("c" + std::to_string(i), "long");
  for (std::size_t i = 0; i < usual.early_max; ++i)
    s.cancel_run("d" + std::to_string(i), "u" + std::to_string(i));
  edit change;
  for (int i = 0; i < 60; ++i) {
    change.title = "title " + std::to_string(i);
    s.control("e" + std::to_string(i), change);
  }
  CHECK(s.stored().ledger.size() == usual.open_acks_max);
  CHECK(s.now().hand.put_off.size() == 34);
  for (std::size_t i = 0; i < usual.open_refusals_max; ++i)
    s.task("t1", {.body = "another"});
  for (std::size_t i = 0; i < usual.early_max; ++i)
    s.task("u" + std::to_string(i));
  s.end(cancelled{});
  s.task("next");
  CHECK_FALSE(s.has_wish());
  CHECK(s.stored().ledger.size() == ledger_most - joined_max);
  s.settle();
  CHECK(s.stored().title == "title 59");
  CHECK(s.ending_of("next") == "run_completed");
}

TEST_CASE("early cancels beyond the limit are answered at once", "[session]") {
  auto limits = session_driver::usual_limits();
  limits.early_max = 1;
  session_driver s{limits};
  s.cancel_run("c1", "t1");
  s.cancel_run("c2", "t2");
  CHECK(s.verdicts_on("c1").empty());
  CHECK(s.verdicts_on("c2") == std::vector{verdict::unknown});
  s.settle();
}

TEST_CASE("refusals beyond what can be on record are refused all the same", "[session]") {
  auto limits = small_limits();
  limits.open_refusals_max = 1;
  session_driver s{limits};
  publish_five(s);
  const auto a = s.task("t6");
  const auto b = s.task("t7");
  CHECK(s.stored().ledger.size() == 1);
  s.settle();
  CHECK(s.refusals_of(a) == std::vector{reason::backlog_full});
  CHECK(s.refusals_of(b) == std::vector{reason::backlog_full});
}

TEST_CASE("what does not fit into one commit fails the run, with its input and a note in the transcript", "[session]") {
  auto limits = session_driver::usual_limits();
  limits.record_bytes_max = 2'000;
  session_driver s{limits};
  const auto t = s.task("t1");
  s.grant();
  const std::string large(4'000, 'x');
  SECTION("at the end") { s.end(completed{large}); }
  SECTION("at a boundary") {
    s.boundary({said(large)});
    CHECK(s.running() == nullptr);
  }
  SECTION("at a yield") { s.end(yielded{}, {said(large)}); }
  CHECK(s.ending_of("t1") == "run_failed");
  CHECK(s.log().back().entries.size() == 2);
  s.settle();
  CHECK(s.refusals_of(t) == std::vector{reason::record_too_large});
}

TEST_CASE("a cancel or a failure with too much to say is still that cancel or failure", "[session]") {
  auto limits = session_driver::usual_limits();
  limits.record_bytes_max = 2'000;
  session_driver s{limits};
  const std::string large(4'000, 'x');
  const auto a = s.task("a");
  s.grant();
  s.end(failed{reason::program_exit, "broken", false}, {said(large)});
  s.task("b");
  s.grant();
  s.cancel_run("c1", "b");
  s.end(cancelled{}, {said(large)});
  s.settle();
  CHECK(s.refusals_of(a) == std::vector{reason::program_exit});
  CHECK(s.ending_of("b") == "run_cancelled");
}

TEST_CASE("a task for a runner that is not there hears which are, at most 16 of them", "[session]") {
  auto limits = session_driver::usual_limits();
  SECTION("few") {
    limits.runners = {"agent", "echo"};
    session_driver s{limits};
    s.task("t1", {.runner = "agnet"});
    s.settle();
    REQUIRE(s.letters().size() == 1);
    CHECK(s.letters().begin()->second.why == reason::unknown_runner);
    CHECK(s.letters().begin()->second.detail == "agnet: node node-1 has agent, echo");
  }
  SECTION("many") {
    for (int i = 10; i < 40; ++i) limits.runners.insert("runner-" + std::to_string(i));
    session_driver s{limits};
    s.task("t1", {.runner = "agnet"});
    s.settle();
    REQUIRE(s.letters().size() == 1);
    const auto& detail = s.letters().begin()->second.detail;
    CHECK(detail.ends_with("runner-24 and 15 more"));
  }
}
