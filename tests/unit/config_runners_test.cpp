// The [runners.NAME] tables: read, checked, and looked for on the machine.
#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

#include "tests/support/config_from.hpp"

using namespace baton;
using namespace baton::config;
using namespace baton::support;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("runners are named in the file", "[config]") {
  const auto o = options_from({.file = R"(
[runners.agent]
type = "command"
program = "python3"
args = ["-u", "/srv/agent.py", ""]
mode = "jsonl"
env = { MODEL = "small", "KEY" = "a=b" }
workspace_root = "/srv/work"
time_limit = "1m"
output_max = "2MiB"
memory_max = "512MiB"
stderr_keep = "0"

[runners.line]
type = "command"
shell = true
program = "bin/sort | uniq"

[runners.echo-2]
type = "echo"
)"});
  REQUIRE(o.runners.size() == 4);
  const runner_options agent{.type = runner_type::command,
      .program = "python3",
      .args = {"-u", "/srv/agent.py", ""},
      .mode = runner_mode::jsonl,
      .shell = false,
      .env = {{"MODEL", "small"}, {"KEY", "a=b"}},
      .workspace_root = "/srv/work",
      .time_limit = seconds{60},
      .output_max = mib(2),
      .memory_max = mib(512),
      .stderr_keep = {0}};
  REQUIRE(o.runners.at("agent") == agent);
  REQUIRE(o.runners.at("line").shell);
  REQUIRE(o.runners.at("line").output_max == mib(1));
  REQUIRE(o.runners.at("line").stderr_keep.bytes == 16'000);
  REQUIRE(o.runners.at("echo-2").type == runner_type::echo);
  REQUIRE(o.runners.at("echo").type == runner_type::echo);
}

TEST_CASE("what is wrong with a runner is named like any other fault", "[config]") {
  REQUIRE(said_of("runners = 3")
      == "runners = 3 (baton.toml:1): of the wrong type: wanted is a table for each runner, [runners.NAME]\n");
  REQUIRE(said_of("[runners]\na = 3").starts_with("runners.a = 3 (baton.toml:2): of the wrong type"));
  REQUIRE(said_of("[runners.a]\n") == "runners.a.type (baton.toml:1): missing: echo or command\n");
  REQUIRE(
      said_of("[runners.a]\ntype = 'command'") == "runners.a.program (baton.toml:1): missing: what a command runs\n");
  REQUIRE(said_of("[runners.a]\ntype = 'model'")
      == "runners.a.type = \"model\" (baton.toml:2): out of bounds: wanted is echo or command\n");
  REQUIRE(said_of("[runners.a]\ntype = 'command'\nprogramm = '/a'")
          .starts_with(
              "runners.a.programm = \"/a\" (baton.toml:3): no such option; did you mean runners.a.program?\n"));
  REQUIRE(said_of("[runners.a]\ntype = 'echo'\nargs = []")
          .starts_with("runners.a.args = [] (baton.toml:3): only a runner of type command"));
  REQUIRE(said_of("[runners.echo]\ntype = 'command'\nprogram = 'cat'")
          .starts_with("runners.echo.type = \"command\" (baton.toml:2): "));
  REQUIRE(said_of("[runners.'a b']\ntype = 'echo'")
          .starts_with("runners.a b (baton.toml:1): cannot be read: wanted is a name"));
  REQUIRE(said_of("[runners.a]\ntype = 'command'\nprogram = 'cat'\ntime_limit = '301s'")
          .starts_with("runners.a.time_limit = \"301s\" (baton.toml:4): a runner's time_limit must not be above "
                       "session.slice_time_limit"));
  REQUIRE(said_of("[runners.a]\ntype = 'command'\nprogram = 'cat'\nenv = { X = 1 }")
          .starts_with("runners.a.env = a table of something else than texts (baton.toml:4): of the wrong type: wanted "
                       "is a table of texts"));
}

TEST_CASE("programs that cannot be run are faults of a check, and doubts of a start", "[config]") {
  outside given{.file = "[runners.a]\ntype = 'command'\nprogram = '/gone'\n[runners.b]\ntype = 'command'\nprogram = 'lost'\n"
                        "[runners.c]\ntype = 'command'\nprogram = 'cat'\n[runners.d]\ntype = 'command'\nshell = true\n"
                        "program = 'lost'\n",
      .unrunnable = {"/gone", "lost"}};
  const auto both = "runners.a.program = \"/gone\" (baton.toml:3): cannot be run: it is not there\n"
                    "runners.b.program = \"lost\" (baton.toml:6): cannot be run: it is not there\n";
  SECTION("a start goes on, and can tell") {
    const auto result = load_from(given);
    REQUIRE(std::holds_alternative<loaded>(result));
    CHECK(to_text(std::get<loaded>(result).doubts) == both);
    CHECK(std::get<loaded>(result).options.runners.contains("a"));
  }
  SECTION("a check does not") {
    given.args = {"--check-config"};
    CHECK(to_text(faults_from(given)) == both);
  }
  SECTION("with all that is wrong otherwise") {
    given.file += "[runners.e]\ntype = 'command'\nprogram = '/gone'\nmode = 'loud'\n";
    const auto said = to_text(faults_from(given));
    CHECK(said.find(both) != std::string::npos);
    CHECK(said.find("runners.e.mode = \"loud\"") != std::string::npos);
    CHECK(said.find("runners.e.program = \"/gone\"") != std::string::npos);
  }
}

TEST_CASE("a program is looked for on the disk, as it would be when it is started", "[config]") {
  const auto folder = std::filesystem::temp_directory_path() / ("baton_programs_test." + std::to_string(getpid()));
  std::filesystem::create_directories(folder / "inner");
  const auto make = [&](const char* name, std::filesystem::perms mode) {
    std::ofstream{folder / name} << "#!/bin/sh\n";
    std::filesystem::permissions(folder / name, mode);
  };
  make("good", std::filesystem::perms::owner_all);
  make("plain", std::filesystem::perms::owner_read);
  const auto path = "/nowhere:" + folder.string();
  CHECK_FALSE(why_not_runnable((folder / "good").string(), ""));
  CHECK_FALSE(why_not_runnable("good", path));
  CHECK_FALSE(why_not_runnable("sh", ""));
  CHECK(why_not_runnable((folder / "plain").string(), "") == "it is not executable");
  CHECK(why_not_runnable("plain", path) == (folder / "plain").string() + ": it is not executable");
  CHECK(why_not_runnable((folder / "inner").string(), "") == "it is no file");
  CHECK(why_not_runnable((folder / "gone").string(), "") == "No such file or directory");
  CHECK(why_not_runnable("gone", path) == "no program of that name is on PATH");
  std::filesystem::remove_all(folder);
}

TEST_CASE("a runner's secrets are not shown", "[config]") {
  const auto text = said_of("[runners.a]\ntype = 'command'\nprogram = 'cat'\nenv = { '1X' = 'secret' }");
  REQUIRE(text.find("1X = ...") != std::string::npos);
  REQUIRE(text.find("secret") == std::string::npos);
}

TEST_CASE("runners survive a dump, whatever is in their texts", "[config]") {
  auto given = options_from({});
  given.runners["odd"] = {.type = runner_type::command,
      .program = "say \"hi\" \\ 'x'\n\t\x7f | cat",
      .args = {"", "ä€𝄞", "#"},
      .mode = runner_mode::jsonl,
      .shell = true,
      .env = {{"A", "\x01=\"\\"}, {"_b", ""}},
      .workspace_root = "/w",
      .time_limit = milliseconds{1},
      .output_max = byte_size{1025},
      .memory_max = mib(1),
      .stderr_keep = {0}};
  given.runners["-"] = {
      .type = runner_type::echo, .program = {}, .args = {}, .env = {}, .workspace_root = {}, .memory_max = {}};
  REQUIRE(options_from({.file = dump(given)}) == given);
}
