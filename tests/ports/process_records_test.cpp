#include <catch2/catch_test_macros.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <stdexcept>

#include "bridge/process/deadline.hpp"
#include "bridge/process/group_records.hpp"
#include "tests/ports/process_guard_fixture.hpp"
#include "tests/support/nats_server.hpp"

using namespace baton;
using namespace baton::support;
using namespace std::chrono_literals;
using guard_wire::word;

namespace {

/// Somebody else's process, in a session of its own.
class bystander {
public:
  explicit bystander(const std::vector<std::string>& environment = {})
      : child_(std::move(*launch({.command = {"/bin/sleep", "1000"}, .environment = environment, .folder = "/"}))) {
    // A launch returns when the program is there; the kernel shows its environment a moment later.
    if (environment.empty()) return;
    if (!wait_until(20s, [&] { return environment_holds(child_.key.pid, environment.front()); })) {
      throw std::runtime_error("its environment does not show");
    }
  }
  ~bystander() {
    signal_process(child_.key, SIGKILL);
    (void)::waitpid(child_.key.pid, nullptr, 0);
  }
  bystander(const bystander&) = delete;
  bystander& operator=(const bystander&) = delete;
  [[nodiscard]] const process_key& key() const { return child_.key; }

private:
  launched child_;
};

/// Nobody's key: that pid's process started at another time.
process_key earlier(process_key key) {
  --key.started;
  return key;
}

const process_key nobody{3'999'999, 17};

} // namespace

TEST_CASE("a record is read as it was written", "[records]") {
  const temp_dir dir;
  const group_record record{boot_id(), {101, 5}, {102, 6}};
  REQUIRE(write_group_record(dir.path() / "a.group", record));
  REQUIRE(read_group_record(dir.path() / "a.group") == record);
}

TEST_CASE("a record that cannot be read is dropped, and told by its name", "[records]") {
  const temp_dir dir;
  const auto file = dir.path() / "bad.group";
  SECTION("empty, as a power cut leaves it") { std::ofstream{file} << ""; }
  SECTION("no record") { std::ofstream{file} << "group-1 x -1 0 -1 0\n"; }
  const auto ended = kill_recorded_groups(dir.path());
  REQUIRE(ended);
  CHECK(ended->count == 0);
  CHECK(ended->unreadable == std::vector{file});
  CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE("what a record that cannot be read had named is killed all the same", "[records][guard]") {
  const temp_dir dir;
  const auto pid_file = dir.path() / "daemon";
  std::filesystem::create_directory(dir.path() / "groups");
  const auto file = dir.path() / "groups" / "one.group";
  const bystander other{{group_record_mark(dir.path() / "groups" / "two.group")}};
  guarded g{{.command = {"/bin/sh", "-c",
                 "setsid sh -c 'echo $$ > $0.new; mv $0.new $0; exec sleep 1000' \"$0\" & wait", pid_file},
      .more = {"--record", file}}};
  const auto program = g.program();
  const auto daemon = process_in(pid_file);
  SECTION("the guard still runs") {}
  SECTION("the guard was killed") {
    signal_process(g.guard(), SIGKILL);
    REQUIRE(has_ended(program));
  }
  std::ofstream{file, std::ios::trunc} << "";
  const auto ended = kill_recorded_groups(dir.path() / "groups");
  REQUIRE(ended);
  CHECK(ended->unreadable == std::vector{file});
  CHECK_FALSE(runs(g.guard()));
  CHECK_FALSE(runs(program));
  CHECK_FALSE(runs(daemon));
  CHECK(runs(other.key()));
  CHECK(std::filesystem::is_empty(dir.path() / "groups"));
}

TEST_CASE("a folder without records, or no folder, has nothing to kill", "[records]") {
  const temp_dir dir;
  std::ofstream{dir.path() / "note.txt"} << "not a record";
  CHECK(kill_recorded_groups(dir.path())->count == 0);
  CHECK(kill_recorded_groups(dir.path() / "none")->count == 0);
  CHECK(std::filesystem::exists(dir.path() / "note.txt"));
}

TEST_CASE("a pid that was used again is never killed", "[records]") {
  const temp_dir dir;
  const bystander other;
  group_record record{boot_id(), nobody, nobody};
  SECTION("as the guard's") { record.guard = earlier(other.key()); }
  SECTION("as the program's") { record.program = earlier(other.key()); }
  SECTION("after a reboot, with all numbers alike") { record = {"another-boot", other.key(), other.key()}; }
  REQUIRE(write_group_record(dir.path() / "a.group", record));
  REQUIRE(kill_recorded_groups(dir.path())->count == 0);
  CHECK(runs(other.key()));
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("what carries a recorded group's mark is killed, and nothing else", "[records]") {
  const temp_dir dir;
  const bystander marked{{group_mark(nobody)}};
  const bystander other{{group_mark(earlier(nobody))}};
  REQUIRE(write_group_record(dir.path() / "a.group", {boot_id(), nobody, nobody}));
  REQUIRE(kill_recorded_groups(dir.path())->count == 1);
  CHECK(has_ended(marked.key()));
  CHECK(runs(other.key()));
}

TEST_CASE("what an earlier node left is killed: guard, program and what ran away", "[records][guard]") {
  const temp_dir dir;
  const auto pid_file = dir.path() / "daemon";
  std::filesystem::create_directory(dir.path() / "groups");
  guarded g{{.command = {test_program("leave_a_daemon.py"), pid_file, "stay"},
      .more = {"--record", dir.path() / "groups" / "one.group"}}};
  const auto program = g.program();
  const auto daemon = process_in(pid_file);
  SECTION("the guard still runs") {
    REQUIRE(kill_recorded_groups(dir.path() / "groups")->count == 1);
    CHECK_FALSE(runs(g.guard()));
    CHECK_FALSE(runs(daemon));
  }
  SECTION("the guard does not react any more") {
    signal_process(g.guard(), SIGSTOP);
    REQUIRE(kill_recorded_groups(dir.path() / "groups")->count == 1);
    CHECK_FALSE(runs(g.guard()));
    CHECK_FALSE(runs(daemon));
  }
  SECTION("the guard was killed, and the program with it") {
    signal_process(g.guard(), SIGKILL);
    REQUIRE(has_ended(program));
    REQUIRE(kill_recorded_groups(dir.path() / "groups"));
    signal_process(daemon, SIGKILL);
  }
  CHECK_FALSE(runs(program));
  CHECK(std::filesystem::is_empty(dir.path() / "groups"));
}

TEST_CASE("a daemon of a killed guard is found by its mark", "[records][guard]") {
  const temp_dir dir;
  const auto pid_file = dir.path() / "daemon";
  guarded g{{.command = {"/bin/sh", "-c",
                 "setsid sh -c 'echo $$ > $0.new; mv $0.new $0; exec sleep 1000' \"$0\" & wait", pid_file},
      .more = {"--record", dir.path() / "one.group"}}};
  const auto daemon = process_in(pid_file);
  signal_process(g.guard(), SIGKILL);
  REQUIRE(has_ended(g.program()));
  REQUIRE(runs(daemon));
  REQUIRE(kill_recorded_groups(dir.path())->count == 1);
  REQUIRE_FALSE(runs(daemon));
}
