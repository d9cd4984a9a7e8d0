#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "bridge/process/deadline.hpp"
#include "tests/ports/process_guard_fixture.hpp"
#include "tests/ports/process_runner_fixture.hpp"

using namespace baton;
using namespace baton::support;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

constexpr const char* checkpoint_line = R"({"type":"checkpoint","state":{"n":1}})";
constexpr const char* result_line = R"({"type":"result","result":"ok"})";
constexpr const char* delta_line = R"({"type":"delta","text":"more"})";

} // namespace

TEST_CASE("jsonl: a program goes from start through a checkpoint to its result", "[runner][jsonl]") {
  program_world world;
  auto slice =
      world.start(world.steps(), steps({delta_line, checkpoint_line, step("wait", "stored"), delta_line, result_line}));
  const auto b = slice.ear->wait_for_boundary();
  REQUIRE(b.entries.size() == 1);
  CHECK(b.entries[0].kind == entry_kind::assistant);
  CHECK(*b.checkpoint == value{value::object{{"n", 1}}});
  CHECK_FALSE(b.heard);
  slice.running->answer({boundary_order::go_on, {}});
  const auto end = slice.end();
  CHECK(brief(end.proposed) == R"(completed "ok")");
  REQUIRE(end.entries.size() == 1);
  CHECK(end.entries[0].content == value{"more"});
}

TEST_CASE("jsonl: what joins the run at a boundary is heard before the boundary is safe", "[runner][jsonl]") {
  program_world world;
  constexpr const char* hearing = R"({"type":"checkpoint","state":1,"heard":["t0"]})";
  auto slice = world.start(world.steps(), steps({hearing, step("wait", "steer"), step("wait", "stored"), result_line}));
  const auto b = slice.ear->wait_for_boundary();
  CHECK(b.heard == std::vector{task_id::parse("t0").value()});
  slice.running->answer({boundary_order::go_on, {{task_id::parse("t2").value(), "left"}}});
  CHECK(brief(slice.end().proposed) == R"(completed "ok")");
}

TEST_CASE("jsonl: a slice begins with what has joined its run since the checkpoint", "[runner][jsonl]") {
  program_world world;
  auto request = world.request(steps({step("started", true)}));
  request.input.steers = {{task_id::parse("t2").value(), "left"}, {task_id::parse("c1").value(), value::array{"right"}}};
  const auto end = world.start(world.steps(), request).end();
  const value said{value::array{value::object{{"id", "t2"}, {"input", "left"}}, value::object{{"id", "c1"}, {"input", value::array{"right"}}}}};
  CHECK(*std::get<completed>(end.proposed).result.find("steers") == said);
}

TEST_CASE("jsonl: a later slice begins with the checkpoint of the last one", "[runner][jsonl]") {
  program_world world;
  auto request = world.request(steps({step("started", true)}));
  request.state.slice = {2};
  request.state.last_checkpoint = checkpoint{value::object{{"n", 1}}, std::nullopt, {1}, {}};
  const auto end = world.start(world.steps(), request).end();
  const auto& start = std::get<completed>(end.proposed).result;
  CHECK(*start.find("checkpoint") == value{value::object{{"n", 1}}});
  CHECK(*start.find("slice") == value{2});
  CHECK(*start.find("session") == value{"s1"});
}

TEST_CASE("jsonl: at a boundary nothing is heard until it is answered", "[runner][jsonl]") {
  program_world world;
  const auto written = world.path("written");
  auto slice = world.start(world.steps(),
      steps({checkpoint_line, delta_line, checkpoint_line, step("touch", written.string()), step("wait", "stored"),
          result_line}));
  (void)slice.ear->wait_for_boundary();
  // The program has written on; that waits in the pipe.
  REQUIRE(appears(written));
  slice.ear->mark("answered");
  slice.running->answer({boundary_order::go_on, {}});
  (void)slice.ear->wait_for_boundary();
  slice.ear->mark("answered");
  slice.running->answer({boundary_order::go_on, {}});
  CHECK(brief(slice.end().proposed) == R"(completed "ok")");
  auto heard = slice.ear->heard();
  std::erase_if(heard, [](const std::string& each) { return each.starts_with("stderr"); });
  CHECK(heard == std::vector<std::string>{"boundary", "answered", "delta more", "boundary", "answered", "ended"});
}

TEST_CASE("jsonl: a boundary is answered before the end is told, also if the program has ended", "[runner][jsonl]") {
  program_world world;
  auto slice = world.start(world.steps(), steps({checkpoint_line, step("exit", 0)}));
  (void)slice.ear->wait_for_boundary();
  REQUIRE(wait_until(patience, [&] { return std::filesystem::is_empty(world.path("groups")); }));
  slice.ear->mark("answered");
  slice.running->answer({boundary_order::go_on, {}});
  CHECK(brief(slice.end().proposed)
      == "program_exit: the program exited with code 0 without a result\n"
         "heard "
          + slice.ear->text_of("stderr").substr(6));
  const auto heard = slice.ear->heard();
  CHECK(heard.back() == "ended");
  CHECK(heard[heard.size() - 2] == "answered");
}

TEST_CASE("jsonl: a program that is asked to yield does so at its next checkpoint", "[runner][jsonl][yield]") {
  program_world world;
  const auto ready = world.path("ready");
  const auto script = steps({delta_line, step("touch", ready.string()), step("wait", "yield"), checkpoint_line,
      step("wait", "stored"), R"({"type":"yielded"})"});
  auto slice = world.start(world.steps(), script);
  REQUIRE(appears(ready));
  slice.running->ask(boundary_order::yield);
  slice.running->ask(boundary_order::yield);
  CHECK(slice.ear->wait_for_boundary().entries.size() == 1);
  slice.running->answer({boundary_order::yield, {}});
  const auto end = slice.end();
  CHECK(brief(end.proposed) == "yielded");
  CHECK(end.entries.empty());
  // Ordered three times, said once.
  const auto heard = slice.ear->text_of("stderr");
  CHECK(heard.find(R"({"type":"yield"})") == heard.rfind(R"({"type":"yield"})"));
}

TEST_CASE("jsonl: a boundary may be answered with yield or cancel", "[runner][jsonl]") {
  program_world world;
  SECTION("yield") {
    auto slice = world.start(world.steps(),
        steps({checkpoint_line, step("wait", "yield"), step("wait", "stored"), R"({"type":"yielded"})"}));
    (void)slice.ear->wait_for_boundary();
    slice.running->answer({boundary_order::yield, {}});
    CHECK(brief(slice.end().proposed) == "yielded");
  }
  SECTION("cancel") {
    auto slice = world.start(world.steps(),
        steps({checkpoint_line, step("wait", "cancel"), step("wait", "stored"), R"({"type":"cancelled"})"}));
    (void)slice.ear->wait_for_boundary();
    slice.running->answer({boundary_order::cancel, {}});
    CHECK(brief(slice.end().proposed) == "cancelled");
  }
}

TEST_CASE("jsonl: a program that is cancelled", "[runner][jsonl][cancel]") {
  program_world world{{.settle = 200ms}};
  const auto ready = world.path("ready");
  SECTION("says so") {
    auto slice = world.start(
        world.steps(), steps({step("touch", ready.string()), step("wait", "cancel"), R"({"type":"cancelled"})"}));
    REQUIRE(appears(ready));
    slice.running->ask(boundary_order::cancel);
    CHECK(brief(slice.end().proposed) == "cancelled");
  }
  SECTION("was done already") {
    auto slice =
        world.start(world.steps(), steps({step("touch", ready.string()), step("wait", "cancel"), result_line}));
    REQUIRE(appears(ready));
    slice.running->ask(boundary_order::cancel);
    CHECK(brief(slice.end().proposed) == R"(completed "ok")");
  }
  SECTION("does not listen") {
    auto slice = world.start(world.steps(), steps({step("touch", ready.string()), step("stay", true)}));
    REQUIRE(appears(ready));
    slice.running->ask(boundary_order::cancel);
    CHECK(brief(slice.end().proposed) == "cancelled");
  }
}

TEST_CASE("jsonl: a program that breaks the rules is killed", "[runner][jsonl]") {
  program_world world;
  auto slice = world.start(world.steps(), steps({delta_line, "this is no JSON", step("stay", true)}));
  CHECK_THAT(brief(slice.end().proposed), StartsWith("program_protocol: line 2 is not a JSON object\nheard "));
}

TEST_CASE("jsonl: a program that has said its last word has time to clean up, not to stay", "[runner][jsonl]") {
  program_world world{{.settle = 200ms}};
  auto slice = world.start(world.steps(), steps({result_line, step("stay", true)}));
  CHECK(brief(slice.end().proposed) == R"(completed "ok")");
}

TEST_CASE("jsonl: whatever comes after the last word spoils it", "[runner][jsonl]") {
  program_world world;
  auto slice = world.start(world.steps(), steps({result_line, delta_line}));
  CHECK_THAT(brief(slice.end().proposed), StartsWith("program_protocol: line 2 comes after the last one"));
}

TEST_CASE("jsonl: a stranger's signal is worth another try, an exit is not", "[runner][jsonl]") {
  program_world world;
  CHECK_THAT(brief(world.start(world.steps(), steps({step("signal", 9)})).end().proposed),
      StartsWith("program_exit (retryable): the program was killed by signal 9"));
  CHECK_THAT(brief(world.start(world.steps(), steps({step("exit", 3)})).end().proposed),
      StartsWith("program_exit: the program exited with code 3 without a result"));
}

TEST_CASE("jsonl: with a checkpoint, running out of time is worth another try", "[runner][jsonl][limits]") {
  program_world world{{.settle = 200ms}};
  auto how = world.shell(R"(read start; echo '{"type":"checkpoint","state":1}'; read stored; exec sleep 1000)");
  how.mode = runner_mode::jsonl;
  how.time_limit = 1500ms;
  auto slice = world.start(how);
  (void)slice.ear->wait_for_boundary();
  SECTION("while it works") { slice.running->answer({boundary_order::go_on, {}}); }
  SECTION("at a boundary") {}
  CHECK(brief(slice.end().proposed) == "time_limit (retryable): the slice took longer than its limit");
}

TEST_CASE("jsonl: an aborted slice does not wait for the answer to its boundary", "[runner][jsonl][abort]") {
  program_world world;
  auto slice = world.start(world.steps(), steps({checkpoint_line, step("stay", true)}));
  (void)slice.ear->wait_for_boundary();
  slice.running->abort({"because"});
  CHECK(brief(slice.end().proposed) == "lost: because");
}
