#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <csignal>

#include "bridge/process/group_records.hpp"
#include "tests/ports/process_guard_fixture.hpp"
#include "tests/support/nats_server.hpp"

using namespace baton;
using namespace baton::support;
using namespace std::chrono_literals;
using guard_wire::word;

namespace {

using lines = std::vector<std::string>;

/// What the guard says after `started <pid>`.
lines tail_of(guarded& g) {
  while (g.wait_for(word::gone)) {
  }
  return {g.said().begin() + 1, g.said().end()};
}

struct ending {
  const char* script;
  const char* line;
};

/// A program that leaves a daemon behind and stays itself.
struct stayer {
  temp_dir dir;
  std::filesystem::path pid_file = dir.path() / "daemon";
  std::filesystem::path record = dir.path() / "one.group";
  guarded::order order{.command = {test_program("leave_a_daemon.py"), pid_file, "stay"}, .more = {"--record", record}};
};

} // namespace

TEST_CASE("a guard reports how its program ended", "[guard]") {
  const auto e = GENERATE(ending{"exit 0", "exited 0"}, ending{"exit 75", "exited 75"},
      ending{"kill -KILL $$", "signalled 9"}, ending{"kill -SEGV $$", "signalled 11"});
  guarded g{{.command = {"/bin/sh", "-c", e.script}}};
  REQUIRE(tail_of(g) == lines{e.line, "gone"});
}

TEST_CASE("a guard reports why its program did not start", "[guard]") {
  guarded g{{.command = {"/nowhere/at/all"}}};
  while (g.wait_for(word::gone)) {
  }
  REQUIRE(g.said() == lines{"not_started 2", "gone"});
}

TEST_CASE("a guarded program leads its own session and hears signals as any other", "[guard]") {
  const temp_dir dir;
  const auto ready = dir.path() / "ready";
  guarded g{{.command = {"/bin/sh", "-c", "trap 'exit 5' TERM; touch \"$0\"; while :; do sleep 0.01; done", ready}}};
  const auto program = read_process(g.program().pid);
  REQUIRE(program);
  CHECK(program->session == program->key.pid);
  CHECK(program->group == program->key.pid);
  CHECK(program->parent == g.guard().pid);
  REQUIRE(appears(ready));
  g.send(guard_wire::terminate);
  REQUIRE(tail_of(g) == lines{"exited 5", "gone"});
}

TEST_CASE("all that a program started dies with its lease, also what ran away from it", "[guard]") {
  stayer s;
  guarded g{s.order};
  const auto program = g.program();
  const auto daemon = process_in(s.pid_file);
  REQUIRE(read_process(daemon.pid)->session != program.pid);
  SECTION("the node is gone") {
    g.close_lease();
    CHECK(g.wait_for(word::killed) == "lease_closed");
  }
  SECTION("the node says so") {
    g.send(guard_wire::kill);
    CHECK(g.wait_for(word::killed) == "told");
  }
  SECTION("the guard is asked to end") {
    signal_process(g.guard(), SIGTERM);
    CHECK(g.wait_for(word::killed) == "signal");
  }
  REQUIRE(g.wait_for(word::gone));
  CHECK_FALSE(runs(program));
  CHECK_FALSE(runs(daemon));
  CHECK_FALSE(std::filesystem::exists(s.record));
}

TEST_CASE("a program whose node falls silent is killed", "[guard]") {
  guarded g{{.command = {"/bin/sleep", "1000"}, .lease = 100ms}};
  CHECK(g.wait_for(word::killed) == "lease_silent");
  REQUIRE(g.wait_for(word::gone));
}

TEST_CASE("a guard may be told when the lease ends before anything runs", "[guard]") {
  const auto end = std::to_string((guarded::now() + 50ms).time_since_epoch().count());
  guarded g{{.command = {"/bin/sleep", "1000"}, .lease = 1h, .more = {"--lease-ends-ms", end}}};
  CHECK(g.wait_for(word::killed) == "lease_silent");
  REQUIRE(g.wait_for(word::gone));
}

TEST_CASE("a renewal that comes late gives no more time than was left when it was due", "[guard]") {
  guarded g{{.command = {"/bin/sleep", "1000"}, .lease = 1h}};
  REQUIRE(g.program().pid > 0);
  SECTION("some is left, and it comes in two pieces") {
    const auto renewal = guard_wire::renewal(guarded::now() + 50ms);
    g.send(renewal.substr(0, 4));
    g.send(renewal.substr(4));
  }
  SECTION("none is left") { g.send(guard_wire::renewal(guarded::now() - 1ms)); }
  SECTION("an older one comes before it") {
    g.send(guard_wire::renewal(guarded::now() + 1h) + guard_wire::renewal(guarded::now()));
  }
  CHECK(g.wait_for(word::killed) == "lease_silent");
  REQUIRE(g.wait_for(word::gone));
}

TEST_CASE("a program whose node renews lives longer than one lease", "[guard]") {
  guarded g{{.command = {"/bin/sh", "-c", "sleep 1.5; exit 7"}, .lease = 500ms}};
  REQUIRE(g.renew_until(word::exited) == "7");
}

TEST_CASE("what a program leaves running dies when the program ends", "[guard]") {
  temp_dir dir;
  guarded g{{.command = {test_program("leave_a_daemon.py"), dir.path() / "daemon"}}};
  REQUIRE(tail_of(g) == lines{"exited 0", "gone"});
  REQUIRE_FALSE(runs(process_in(dir.path() / "daemon")));
}

TEST_CASE("a process that never stands still is caught", "[guard]") {
  temp_dir dir;
  guarded g{{.command = {test_program("comet.py"), dir.path() / "flies"}}};
  REQUIRE(appears(dir.path() / "flies"));
  g.send(guard_wire::kill);
  REQUIRE(tail_of(g) == lines{"killed told", "signalled 9", "gone"});
}

TEST_CASE("a group that holds too much memory together is killed", "[guard]") {
  SECTION("over the limit") {
    guarded g{{.command = {test_program("hold_memory.py"), "48"}, .more = {"--memory", std::to_string(80 << 20)}}};
    REQUIRE(tail_of(g) == lines{"killed memory", "signalled 9", "gone"});
  }
  SECTION("under it: what is only reserved does not count") {
    const auto* script = "import mmap, sys; held = mmap.mmap(-1, 1 << 33); sys.exit(3)";
    guarded g{{.command = {"python3", "-c", script}, .more = {"--memory", std::to_string(80 << 20)}}};
    REQUIRE(tail_of(g) == lines{"exited 3", "gone"});
  }
}

TEST_CASE("a program dies with a guard that is killed, and its record stays", "[guard][records]") {
  stayer s;
  guarded g{s.order};
  const auto program = g.program();
  const auto daemon = process_in(s.pid_file);
  signal_process(g.guard(), SIGKILL);
  REQUIRE(has_ended(program));
  // What threw its environment away and left everything behind is out of reach once its guard is gone.
  REQUIRE(runs(daemon));
  REQUIRE(std::filesystem::exists(s.record));
  signal_process(daemon, SIGKILL);
}

TEST_CASE("nothing starts under a guard whose node is gone already", "[guard]") {
  auto lease = make_pipe();
  auto status = make_pipe();
  REQUIRE((lease && status));
  lease->write.reset();
  temp_dir dir;
  const auto child = launch({.command = {BATON_GUARD_PROGRAM, "--lease-fd", std::to_string(lease->read.get()),
                                 "--lease-ms", "60000", "--", "/usr/bin/touch", dir.path() / "ran"},
      .folder = "/",
      .keep = {lease->read.get()}});
  REQUIRE(child);
  REQUIRE(has_ended(child->key));
  (void)collect(*child);
  REQUIRE_FALSE(std::filesystem::exists(dir.path() / "ran"));
}
