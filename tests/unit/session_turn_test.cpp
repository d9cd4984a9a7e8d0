// How one turn goes, step by step, and what a session remembers of it.
#include <catch2/catch_test_macros.hpp>

#include "tests/support/session_driver.hpp"
#include "tests/support/session_names.hpp"

using namespace baton;
using namespace baton::support;

TEST_CASE("a short turn is one commit and one acknowledgement", "[session]") {
  session_driver s;
  const auto t = s.task("t1", {.reply_to = "_INBOX.a"});
  CHECK(s.log().empty());
  s.run(completed{"done"});
  REQUIRE(s.log().size() == 1);
  CHECK(s.log().front().number == commit_number{1});
  CHECK(names_of(s.last_effects()) == "free_slot send_answer acknowledge");
  s.confirm_ack(message_kind::task, t);
  CHECK(s.log().size() == 1);
  CHECK(session::is_quiet(s.now()));
  CHECK(s.ending_of("t1") == "run_completed");
}

TEST_CASE("a turn's entries are its input, what the runner said, and its result", "[session]") {
  session_driver s;
  s.task("t1", {.body = "what is it?"});
  s.grant();
  s.end(completed{"this"}, {said("let me see")});
  const auto& entries = s.log().front().entries;
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].kind == entry_kind::user);
  CHECK(entries[0].content == value{"what is it?"});
  CHECK(entries[1].content == value{"let me see"});
  CHECK(entries[2].content == value{"this"});
  CHECK(s.stored().entries == 3);
}

TEST_CASE("turns run one at a time, in stream order", "[session]") {
  session_driver s;
  for (const auto* id : {"a", "b", "c"})
    s.task(id);
  CHECK_FALSE(s.running());
  for (int i = 0; i < 3; ++i)
    s.run(completed{});
  CHECK(s.started() == std::vector<std::string>{"a", "b", "c"});
  s.settle();
}

TEST_CASE("a settled task that is published again is answered with how it ended", "[session]") {
  session_driver s;
  const task_options how{.reply_to = "_INBOX.a"};
  s.task("t1", how);
  s.run(completed{});
  s.confirm_acks();
  const auto again = s.task("t1", how);
  CHECK(s.verdicts_on("t1") == std::vector{verdict::accepted, verdict::duplicate});
  CHECK(*s.answers().back().answer.body.find("status") == value{"completed"});
  CHECK(s.has_to_ack(message_kind::task, again));
  CHECK(s.log().size() == 1);
  s.settle();
}

TEST_CASE("a settled id with another body is refused, and its letter precedes its acknowledgement", "[session]") {
  session_driver s;
  s.task("t1");
  s.run(completed{});
  const auto other = s.task("t1", {.body = "something else", .reply_to = "_INBOX.b"});
  CHECK_FALSE(s.has_to_ack(message_kind::task, other));
  CHECK(s.verdicts_on("t1").empty());
  s.store_letters();
  CHECK(s.has_to_ack(message_kind::task, other));
  CHECK(s.refusals_of(other) == std::vector{reason::task_conflict});
  CHECK(s.verdicts_on("t1") == std::vector{verdict::refused});
  s.settle();
}

TEST_CASE("a failed run is acknowledged after its letter, not before", "[session]") {
  session_driver s;
  const auto t = s.task("t1");
  s.run(failed{reason::runner_failed, "no such file", false});
  CHECK(s.stored().outbox.size() == 1);
  CHECK_FALSE(s.has_to_ack(message_kind::task, t));
  s.store_letters();
  CHECK(s.stored().outbox.empty());
  CHECK(s.has_to_ack(message_kind::task, t));
  CHECK(s.refusals_of(t) == std::vector{reason::runner_failed});
  s.settle();
}

TEST_CASE("a failure worth a retry waits, then runs again before newer turns", "[session]") {
  session_driver s;
  s.task("t1");
  s.task("t2");
  s.run(failed{reason::runner_failed, "busy", true});
  CHECK(std::holds_alternative<phases::retry_wait>(s.stored().phase));
  CHECK_FALSE(s.has_wish());
  s.advance(milliseconds{1'999});
  CHECK_FALSE(s.has_wish());
  s.advance(milliseconds{1});
  s.run(completed{});
  s.run(completed{});
  CHECK(s.ending_of("t1") == "run_completed");
  CHECK(s.started() == std::vector<std::string>{"t1", "t2"});
  s.settle();
}
