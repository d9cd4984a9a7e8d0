// What a run leaves in the transcript, and when: its input once and first, every call with one result, nothing stored for nothing.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/support/session_driver.hpp"

using namespace baton;
using namespace baton::support;

namespace {

std::vector<entry_kind> kinds(const session_driver& s) {
  std::vector<entry_kind> all;
  for (const auto& e : s.rules().transcript())
    all.push_back(e.kind);
  return all;
}

} // namespace

TEST_CASE("the input is stored with the first entries, and never again", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.boundary({said("one")});
  s.boundary({said("two")}, value{1});
  s.end(lost{"silent"});
  s.run(failed{reason::runner_failed, "busy", true});
  s.advance(milliseconds{5'000});
  s.run(completed{"three"});
  CHECK(kinds(s) == std::vector{entry_kind::user, entry_kind::assistant, entry_kind::assistant, entry_kind::assistant});
  s.settle();
}

TEST_CASE("an attempt that stored nothing leaves nothing", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.end(failed{reason::runner_failed, "busy", true}, {said("half a thought")});
  CHECK(kinds(s).empty());
  s.advance(milliseconds{2'000});
  s.run(completed{"done"});
  CHECK(kinds(s) == std::vector{entry_kind::user, entry_kind::assistant});
  s.settle();
}

TEST_CASE("every call that is open at the end gets one result, before the last word", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  const std::vector<entry> talk{called("k1"), result_of("k1"), called("k2"), called("k3")};
  entry_kind last{};
  SECTION("completed") {
    s.end(completed{"done"}, talk);
    last = entry_kind::assistant;
  }
  SECTION("failed") {
    s.end(failed{reason::program_exit, "broken", false}, talk);
    last = entry_kind::note;
  }
  SECTION("cancelled") {
    s.cancel_run("c1", "t1");
    s.end(cancelled{}, talk);
    last = entry_kind::note;
  }
  const auto all = kinds(s);
  CHECK(std::ranges::count(all, entry_kind::tool_call) == 3);
  CHECK(std::ranges::count(all, entry_kind::tool_result) == 3);
  CHECK(all.back() == last);
  s.settle();
}

TEST_CASE("a boundary or a yield with an open call is none: the run fails", "[session]") {
  session_driver s;
  const auto t = s.task("t1");
  s.grant();
  SECTION("boundary") {
    s.boundary({called("k1")});
    CHECK(s.running() == nullptr);
  }
  SECTION("yield") { s.end(yielded{}, {called("k1")}); }
  CHECK(s.ending_of("t1") == "run_failed");
  s.settle();
  CHECK(s.refusals_of(t) == std::vector{reason::program_protocol});
}

TEST_CASE("a boundary with nothing new is stored only as the first sign of its slice", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.boundary();
  CHECK(s.log().size() == 1);
  s.boundary();
  s.boundary();
  CHECK(s.log().size() == 1);
  CHECK(s.asked() == std::vector{boundary_order::go_on, boundary_order::go_on, boundary_order::go_on});
  s.boundary({}, value{1});
  CHECK(s.log().size() == 2);
  s.settle();
}

TEST_CASE("a slice that grew old is stored once", "[session]") {
  session_driver s;
  s.task("t1");
  s.grant();
  s.grew_old();
  s.grew_old();
  CHECK(s.log().size() == 1);
  CHECK(s.log().back().events.front().kind == event_kind::slice_started);
  s.settle();
}

TEST_CASE("a failure's text is cut in the head, at a whole character", "[session]") {
  session_driver s;
  s.task("t1");
  std::string text(error_text_max - 1, 'x');
  text += "é and more";
  s.run(failed{reason::runner_failed, text, false});
  CHECK(s.stored().outbox.front().text == std::string(error_text_max - 1, 'x'));
  s.settle();
}
