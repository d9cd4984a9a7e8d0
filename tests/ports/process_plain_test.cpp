#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>

#include "bridge/process/deadline.hpp"
#include "bridge/process/environment.hpp"
#include "bridge/process/group_records.hpp"
#include "tests/ports/process_guard_fixture.hpp"
#include "tests/ports/process_runner_fixture.hpp"

using namespace baton;
using namespace baton::support;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

const failed& failure_of(const slice_end& end) { return std::get<failed>(end.proposed); }

} // namespace

TEST_CASE("a program gets its input on stdin and its stdout is the result", "[runner]") {
  program_world world;
  auto slice = world.start(world.shell("cat; echo done"), "line one\nline two\n");
  CHECK(brief(slice.end().proposed) == R"(completed "line one\nline two\ndone\n")");
  CHECK(slice.ear->text_of("delta") == "line one\nline two\ndone\n");
  CHECK(std::filesystem::is_empty(world.path("groups")));
}

TEST_CASE("what was said to a run before the slice is part of what its program reads", "[runner]") {
  program_world world;
  auto request = world.request("first");
  request.input.steers = {{task_id::parse("t2").value(), "second"}};
  CHECK(brief(world.start(world.shell("cat"), request).end().proposed) == R"(completed "first\n\nsecond")");
  request.input.steers = {{task_id::parse("t2").value(), value::array{"second"}}};
  CHECK(brief(world.start(world.shell("cat"), request).end().proposed) == R"(completed "[\"first\",\"second\"]")");
}

TEST_CASE("a program that never reads its input ends all the same", "[runner]") {
  program_world world;
  auto slice = world.start(world.shell("echo fine"), std::string(250'000, 'x'));
  CHECK(brief(slice.end().proposed) == R"(completed "fine\n")");
}

TEST_CASE("a program runs in its session's folder, which is nobody else's", "[runner]") {
  program_world world;
  auto slice = world.start(world.shell("pwd; echo kept > note"));
  CHECK(brief(slice.end().proposed) == "completed \"" + world.path("workspaces").string() + "/s1\\n\"");
  struct stat folder{};
  REQUIRE(::stat((world.path("workspaces") / "s1").c_str(), &folder) == 0);
  CHECK((folder.st_mode & 0777) == 0700);
  auto next = world.start(world.shell("cat note"));
  CHECK(brief(next.end().proposed) == R"(completed "kept\n")");
}

TEST_CASE("a link in place of the session's folder is not followed", "[runner]") {
  program_world world;
  std::filesystem::create_directories(world.path("workspaces"));
  std::filesystem::create_directory_symlink("/tmp", world.path("workspaces") / "s1");
  auto slice = world.start(world.shell("pwd"));
  CHECK_THAT(brief(slice.end().proposed), StartsWith("program_not_started: its folder"));
}

TEST_CASE("a program's environment is small and says what it works on", "[runner]") {
  program_world world;
  auto how = world.shell("env -u PWD -u SHLVL -u _ -u OLDPWD | sort");
  how.env = {{"ZEBRA", "1 2"}, {"TZ", "UTC"}};
  auto slice = world.start(how);
  const auto end = slice.end();
  const auto& text = *std::get<completed>(end.proposed).result.as<std::string>();
  CHECK_THAT(text, ContainsSubstring("BATON_ATTEMPT=0\nBATON_EPOCH=7\nBATON_EXECUTION=e"));
  CHECK_THAT(text, ContainsSubstring("BATON_RUN=t1\nBATON_SESSION=s1\nBATON_SLICE=1\n"));
  CHECK_THAT(text, ContainsSubstring("ZEBRA=1 2\n"));
  CHECK_THAT(text, ContainsSubstring("TZ=UTC\n"));
  for (const auto& setting : whole_environment()) {
    const auto name = setting.substr(0, setting.find('=') + 1);
    const bool passed_on = name == "PATH=" || name == "HOME=" || name == "LANG=" || name == "TZ=";
    if (!passed_on) CHECK(("\n" + text).find("\n" + name) == std::string::npos);
  }
}

TEST_CASE("a shell is involved only when it was asked for", "[runner]") {
  program_world world;
  auto how = world.shell("/bin/echo");
  how.shell = false;
  how.args = {"$HOME", "$(touch made)", "a  b"};
  CHECK(brief(world.start(how).end().proposed) == R"(completed "$HOME $(touch made) a  b\n")");
  how.program = "/bin/echo hello";
  CHECK_THAT(brief(world.start(how).end().proposed),
      StartsWith("program_not_started: the program /bin/echo hello cannot be started: No such file"));
  how.program = "echo \"<$1>\"";
  how.shell = true;
  how.args = {"a  b"};
  CHECK(brief(world.start(how).end().proposed) == R"(completed "<a  b>\n")");
}

TEST_CASE("a failed program leaves its exit code and the end of its stderr", "[runner]") {
  program_world world;
  auto slice = world.start(world.shell("echo why >&2; exit 3"));
  const auto end = slice.end();
  CHECK(brief(end.proposed) == "program_exit: the program exited with code 3\nwhy\n");
  CHECK(end.entries.empty());
  CHECK(slice.ear->text_of("stderr") == "why\n");
}

TEST_CASE("exit code 75 asks for another try", "[runner]") {
  program_world world;
  CHECK(brief(world.start(world.shell("exit 75")).end().proposed)
      == "program_exit (retryable): the program exited with code 75");
}

TEST_CASE("of much stderr the end is kept: what the text cannot hold, as a hidden note", "[runner]") {
  program_world world;
  auto how = world.shell("i=0; while [ $i -lt 3000 ]; do echo \"line $i\" >&2; i=$((i+1)); done; exit 1");
  how.stderr_keep = {16'000};
  const auto end = world.start(how).end();
  CHECK(failure_of(end).text.size() <= 4000);
  CHECK(failure_of(end).text.ends_with("line 2999\n"));
  REQUIRE(end.entries.size() == 1);
  CHECK(end.entries[0].hidden);
  const auto* kept = end.entries[0].content.find("stderr")->as<std::string>();
  CHECK(kept->size() == 16'000);
  CHECK(kept->ends_with("line 2999\n"));
}

TEST_CASE("a program that writes too much is stopped", "[runner][limits]") {
  program_world world;
  auto how = world.shell("yes");
  how.output_max = {100'000};
  const auto end = world.start(how).end();
  CHECK(brief(end.proposed) == "output_limit: the program wrote more than 100000 bytes");
}

TEST_CASE("a program that takes too long is asked to end, and then killed", "[runner][limits]") {
  program_world world{{.settle = 200ms}};
  auto how = world.shell("");
  // Long enough for a shell to have set its trap, also on a busy machine.
  how.time_limit = 1500ms;
  SECTION("it obeys") {
    how.program = "trap 'echo bye >&2; exit 0' TERM; while :; do sleep 0.01; done";
    const auto end = brief(world.start(how).end().proposed);
    CHECK_THAT(end, StartsWith("time_limit: the slice took longer than its limit\n"));
    CHECK_THAT(end, EndsWith("bye\n"));
  }
  SECTION("it does not") {
    how.program = "trap '' TERM; while :; do sleep 0.01; done";
    CHECK(brief(world.start(how).end().proposed) == "time_limit: the slice took longer than its limit");
  }
  SECTION("the session's limit is shorter than the runner's") {
    how.program = "exec sleep 1000";
    how.time_limit = 1h;
    auto request = world.request({});
    request.policy.time_limit = 100ms;
    CHECK(brief(world.start(how, request).end().proposed) == "time_limit: the slice took longer than its limit");
  }
}

TEST_CASE("a program that needs too much memory is killed", "[runner][limits]") {
  program_world world;
  auto how = world.shell("");
  how.program = test_program("hold_memory.py");
  how.args = {"48"};
  how.shell = false;
  how.memory_max = mib(80);
  const auto end = world.start(how).end();
  CHECK(brief(end.proposed) == "memory_limit: the program held more than 83886080 bytes of memory");
}

TEST_CASE("an aborted slice ends when nothing of its program is left", "[runner][abort]") {
  program_world world;
  auto how = world.shell("");
  how.program = test_program("leave_a_daemon.py");
  how.args = {world.path("daemon"), "stay"};
  how.shell = false;
  auto slice = world.start(how);
  const auto daemon = process_in(world.path("daemon"));
  bool ran_at_the_end = true;
  slice.ear->when_it_ends([&] { ran_at_the_end = runs(daemon); });
  slice.running->abort({"because"});
  CHECK(brief(slice.end().proposed) == "lost: because");
  CHECK_FALSE(ran_at_the_end);
}

TEST_CASE("a slice that nobody holds any more is killed", "[runner][abort]") {
  program_world world;
  auto slice = world.start(world.shell("echo $$ > pid.new; mv pid.new ../../pid; exec sleep 1000"));
  const auto program = process_in(world.path("pid"));
  slice.running.reset();
  CHECK(has_ended(program));
}

TEST_CASE("a plain program is cancelled by a signal", "[runner][cancel]") {
  program_world world{{.settle = 200ms}};
  auto slice = world.start(world.shell("trap '' TERM; touch ../../ready; while :; do sleep 0.01; done"));
  REQUIRE(appears(world.path("ready")));
  slice.running->ask(boundary_order::yield);
  slice.running->ask(boundary_order::cancel);
  CHECK(brief(slice.end().proposed) == "cancelled");
}

TEST_CASE("programs die when the lease is not renewed", "[runner][lease]") {
  program_world world{{.lease = 200ms}};
  CHECK(brief(world.start(world.shell("exec sleep 1000")).end().proposed) == "lost: the node's lease ran out");
}

TEST_CASE("a lease counts from its last renewal, which may be older than the program", "[runner][lease]") {
  program_world world{{.lease = 1h}};
  world.renew(1h - 200ms);
  CHECK(brief(world.start(world.shell("exec sleep 1000")).end().proposed) == "lost: the node's lease ran out");
}

TEST_CASE("a renewal counts from the sending of its heartbeat, however late it was confirmed", "[runner][lease]") {
  program_world world{{.lease = 1h}};
  auto slice = world.start(world.shell("touch ../../ready; exec sleep 1000"));
  REQUIRE(appears(world.path("ready")));
  world.renew(1h - 200ms);
  CHECK(brief(slice.end().proposed) == "lost: the node's lease ran out");
}

TEST_CASE("nothing starts under a lease that has run out", "[runner][lease]") {
  program_world world{{.lease = 1h}};
  world.renew(1h);
  CHECK(brief(world.start(world.shell("touch ../../ran")).end().proposed) == "lost: the node's lease ran out");
  CHECK_FALSE(std::filesystem::exists(world.path("ran")));
}

TEST_CASE("programs live while the lease is renewed", "[runner][lease]") {
  program_world world{{.lease = 500ms}};
  world.renew();
  auto slice = world.start(world.shell("sleep 1.5; echo done"));
  const auto renewed_while = [&] {
    world.renew();
    return !slice.ear->heard().empty();
  };
  REQUIRE(wait_until(patience, renewed_while, 50ms));
  CHECK(brief(slice.end().proposed) == R"(completed "done\n")");
}

TEST_CASE("a lost lease kills all programs, and those that come after it run", "[runner][lease]") {
  program_world world;
  auto one = world.start(world.shell("exec sleep 1000"));
  auto two = world.start(world.shell("exec sleep 1000"));
  world.host().lost();
  // No wait: `lost` has waited.
  REQUIRE(one.ear->heard() == std::vector<std::string>{"ended"});
  REQUIRE(two.ear->heard() == std::vector<std::string>{"ended"});
  CHECK(brief(one.end().proposed) == "lost: the node lost its lease");
  CHECK(brief(world.start(world.shell("echo on")).end().proposed) == R"(completed "on\n")");
}

TEST_CASE("a slice whose guard is killed is lost, and nothing of its program runs on", "[runner][guard]") {
  program_world world;
  auto slice = world.start(
      world.shell("(setsid sh -c 'echo $$ > pid.new; mv pid.new ../../pid; exec sleep 1000' &) ; exec sleep 1000"));
  const auto daemon = process_in(world.path("pid"));
  const auto request_file = std::filesystem::directory_iterator(world.path("groups"))->path();
  const auto record = read_group_record(request_file);
  REQUIRE(record);
  bool ran_at_the_end = true;
  slice.ear->when_it_ends([&] { ran_at_the_end = runs(daemon) || runs(record->program); });
  signal_process(record->guard, SIGKILL);
  CHECK(brief(slice.end().proposed) == "lost: the program's guard was killed");
  CHECK_FALSE(ran_at_the_end);
  CHECK(std::filesystem::is_empty(world.path("groups")));
}

TEST_CASE("a guard that does nothing is replaced when its slice is aborted", "[runner][guard]") {
  program_world world{{.settle = 200ms}};
  auto slice = world.start(world.shell("echo $$ > pid.new; mv pid.new ../../pid; exec sleep 1000"));
  const auto program = process_in(world.path("pid"));
  const auto record = read_group_record(std::filesystem::directory_iterator(world.path("groups"))->path());
  REQUIRE(record);
  signal_process(record->guard, SIGSTOP);
  slice.running->abort({"because"});
  CHECK(brief(slice.end().proposed) == "lost: because");
  CHECK_FALSE(runs(program));
}

TEST_CASE("a host that goes takes its programs along", "[runner]") {
  program_world world;
  auto slice = world.start(world.shell("echo $$ > pid.new; mv pid.new ../../pid; exec sleep 1000"));
  const auto program = process_in(world.path("pid"));
  world.stop();
  CHECK_FALSE(runs(program));
  CHECK(brief(slice.end().proposed) == "lost: the node stops");
  slice.running->abort({"too late to matter"});
}

TEST_CASE("many programs at once each get their own", "[runner]") {
  program_world world;
  std::vector<started_slice> slices;
  for (int i = 0; i < 20; ++i)
    slices.push_back(world.start(world.shell("cat"), std::to_string(i)));
  for (int i = 0; i < 20; ++i)
    CHECK(brief(slices[i].end().proposed) == "completed \"" + std::to_string(i) + "\"");
}

TEST_CASE("programs do not outlive a node that is killed", "[runner][guard]") {
  temp_dir dir;
  const auto pid_file = dir.path() / "pid";
  auto node =
      launch({.command = {BATON_NODE_TO_KILL, BATON_GUARD_PROGRAM, dir.path() / "groups", dir.path() / "workspaces",
                  "echo $$ > pid.new; mv pid.new '" + pid_file.string() + "'; exec sleep 1000"},
          .environment = whole_environment(),
          .folder = "/"});
  REQUIRE(node);
  const auto program = process_in(pid_file);
  REQUIRE(runs(program));
  signal_process(node->key, SIGKILL);
  CHECK(has_ended(program));
  CHECK(kill_recorded_groups(dir.path() / "groups")->count <= 1);
  CHECK(wait_until(patience, [&] { return collect(*node).has_value(); }));
}
