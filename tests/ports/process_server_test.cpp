#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <mutex>

#include "bridge/process/deadline.hpp"
#include "bridge/process/environment.hpp"
#include "bridge/process/group_records.hpp"
#include "bridge/process/private_server.hpp"
#include "bridge/process/server_files.hpp"
#include "bridge/process/server_probe.hpp"
#include "bridge/process/server_program.hpp"
#include "tests/ports/process_guard_fixture.hpp"
#include "tests/support/nats_server.hpp"

using namespace baton;
using namespace baton::support;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Remembers what was said. Any thread.
class remembering_log final : public operator_log {
public:
  void say(severity, std::string_view what) override {
    const std::lock_guard guard{lock_};
    said_ += std::string{what} + "\n";
  }
  [[nodiscard]] std::string said() {
    const std::lock_guard guard{lock_};
    return said_;
  }

private:
  std::mutex lock_;
  std::string said_;
};

struct server_world {
  temp_dir dir;
  remembering_log log;
  private_server_options options{
      .folder = dir.path() / "nats", .guard = BATON_GUARD_PROGRAM, .restart_first = 10ms, .restart_longest = 100ms};

  [[nodiscard]] std::unique_ptr<private_server> start() {
    auto started = private_server::start(options, log);
    if (!started) throw std::runtime_error(started.error());
    return std::move(*started);
  }
  [[nodiscard]] std::string failure_to_start() {
    auto started = private_server::start(options, log);
    return started ? "started" : started.error();
  }
  [[nodiscard]] group_record record() const {
    auto r = read_group_record(options.folder / "server.group");
    if (!r) throw std::runtime_error("no record of the server");
    return *r;
  }
  [[nodiscard]] server_state state(std::uint16_t port) const {
    return probe_server(port, *credential_in(options.folder), 2s);
  }
  [[nodiscard]] bool becomes_ready(std::uint16_t port) const {
    return wait_until(patience, [&] { return state(port) == server_state::ready; });
  }
  /// A program of that name that does what a nats-server never would.
  void pretend(const std::string& script) {
    options.program = (dir.path() / "nats-server").string();
    std::ofstream{options.program} << "#!/bin/sh\n" << script;
    std::filesystem::permissions(options.program, std::filesystem::perms::owner_all);
  }
  /// Starts a server for a node that is then killed.
  void leave_orphan(std::chrono::milliseconds outlive) {
    auto out = make_pipe();
    auto node = launch(
        {.command = {BATON_SERVER_TO_ORPHAN, BATON_GUARD_PROGRAM, options.folder, std::to_string(outlive.count())},
            .environment = whole_environment(),
            .folder = "/",
            .out = out->write.get()});
    if (!node) throw std::runtime_error("no node");
    out->write.reset();
    pollfd on{.fd = out->read.get(), .events = POLLIN, .revents = 0};
    char byte = 0;
    if (::poll(&on, 1, 20'000) != 1 || ::read(out->read.get(), &byte, 1) != 1) throw std::runtime_error("no server");
    signal_process(node->key, SIGKILL);
    (void)wait_until(patience, [&] { return collect(*node).has_value(); });
  }
};

mode_t mode_of(const std::filesystem::path& file) {
  struct stat found{};
  return ::stat(file.c_str(), &found) == 0 ? found.st_mode & 0777 : 0;
}

} // namespace

TEST_CASE("a private server answers on loopback, to its credential only", "[server]") {
  server_world world;
  const auto server = world.start();
  CHECK(world.state(server->port()) == server_state::ready);
  CHECK(probe_server(server->port(), {"baton", "guess"}, 2s) == server_state::stranger);
  const auto credential = *credential_in(world.options.folder);
  CHECK(credential.password.size() >= 32);
  CHECK(server->url() == "nats://baton:" + credential.password + "@127.0.0.1:" + std::to_string(server->port()));
  CHECK(mode_of(world.options.folder) == 0700);
  CHECK(mode_of(world.options.folder / "credential") == 0600);
  CHECK(mode_of(world.options.folder / "server.conf") == 0600);
}

TEST_CASE("a stopped server leaves nothing running, and comes back on its port", "[server]") {
  server_world world;
  auto server = world.start();
  const auto port = server->port();
  const auto record = world.record();
  server->stop();
  CHECK_FALSE(runs(record.program));
  CHECK_FALSE(runs(record.guard));
  CHECK(world.state(port) == server_state::absent);
  CHECK_FALSE(std::filesystem::exists(world.options.folder / "server.group"));
  server = world.start();
  CHECK(server->port() == port);
}

TEST_CASE("a private server that is killed is started again on its port", "[server]") {
  server_world world;
  const auto server = world.start();
  const auto first = world.record();
  SECTION("the server itself") { signal_process(first.program, SIGKILL); }
  SECTION("its guard") { signal_process(first.guard, SIGKILL); }
  REQUIRE(has_ended(first.program));
  REQUIRE(world.becomes_ready(server->port()));
  CHECK(world.record().program != first.program);
  CHECK_THAT(world.log.said(), ContainsSubstring("ended and is started again"));
  signal_process(world.record().program, SIGKILL);
  REQUIRE(wait_until(patience, [&] { return world.state(server->port()) != server_state::ready; }));
  REQUIRE(world.becomes_ready(server->port()));
}

TEST_CASE("a private server that hangs is killed and started again", "[server]") {
  server_world world;
  world.options.silence_max = 500ms;
  world.options.ask_every = 50ms;
  const auto server = world.start();
  const auto first = world.record();
  signal_process(first.program, SIGSTOP);
  REQUIRE(has_ended(first.program));
  REQUIRE(world.becomes_ready(server->port()));
  CHECK(world.record().program != first.program);
  CHECK_THAT(world.log.said(), ContainsSubstring("does not answer any more; it is killed and started again"));
}

TEST_CASE("the next node takes over the server of one that was killed", "[server][orphan]") {
  server_world world;
  world.leave_orphan(1h);
  const auto orphan = world.record();
  REQUIRE(runs(orphan.program));
  SECTION("as it is") {
    const auto server = world.start();
    CHECK(world.record() == orphan);
    CHECK_THAT(world.log.said(), ContainsSubstring("took over"));
    // Watched like its own, and stopped like it.
    signal_process(orphan.program, SIGKILL);
    REQUIRE(has_ended(orphan.guard));
    REQUIRE(world.becomes_ready(server->port()));
  }
  SECTION("and stops it in the end") {
    world.start()->stop();
    CHECK_FALSE(runs(orphan.program));
    CHECK_FALSE(runs(orphan.guard));
  }
  SECTION("but replaces one that it would have started otherwise") {
    world.options.max_payload = 2UL * 1024 * 1024;
    const auto server = world.start();
    CHECK_FALSE(runs(orphan.program));
    CHECK(world.state(server->port()) == server_state::ready);
  }
  SECTION("but replaces one that hangs") {
    signal_process(orphan.program, SIGSTOP);
    world.options.silence_max = 3s;
    world.options.stop_patience = 100ms;
    const auto server = world.start();
    CHECK_FALSE(runs(orphan.program));
    CHECK(world.state(server->port()) == server_state::ready);
  }
}

TEST_CASE("a server that no node takes over ends by itself", "[server][orphan]") {
  server_world world;
  world.leave_orphan(50ms);
  CHECK(wait_until(patience, [&] { return !std::filesystem::exists(world.options.folder / "server.group"); }));
  CHECK(world.state(stored_port(world.options.folder)) == server_state::absent);
}

TEST_CASE("a server whose next node came in time lives on", "[guard][orphan]") {
  const temp_dir dir;
  const auto fifo = (dir.path() / "lease").string();
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const auto open_fifo = [&] { return unique_fd{::open(fifo.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)}; };
  auto first_node = open_fifo();
  auto status = make_pipe();
  auto guard = launch({.command = {BATON_GUARD_PROGRAM, "--lease-fifo", fifo, "--lease-ms", "2500", "--status-fd",
                           std::to_string(status->write.get()), "--", "/bin/sh", "-c", "sleep 4; exit 7"},
      .environment = whole_environment(),
      .folder = "/",
      .keep = {status->write.get()}});
  REQUIRE(guard);
  status->write.reset();
  std::string said;
  const auto hears = [&](const std::string& what) {
    return wait_until(patience, [&] {
      pollfd on{.fd = status->read.get(), .events = POLLIN, .revents = 0};
      char byte = 0;
      while (::poll(&on, 1, 0) == 1 && ::read(status->read.get(), &byte, 1) == 1)
        said += byte;
      return said.find(what) != std::string::npos;
    });
  };
  REQUIRE(hears("started"));
  first_node.reset();
  const auto next_node = open_fifo();
  REQUIRE(::write(next_node.get(), &guard_wire::attached, 1) == 1);
  CHECK(hears("gone"));
  CHECK(said.find("exited 7") != std::string::npos);
  CHECK(wait_until(patience, [&] { return collect(*guard).has_value(); }));
}

TEST_CASE("a server that is not there, or too old, is refused with advice", "[server]") {
  server_world world;
  SECTION("not there") {
    world.options.program = "no-such-nats-server";
    CHECK(world.failure_to_start()
        == "there is no program no-such-nats-server on PATH; ops/setup installs one, or name a broker that runs "
           "already with "
           "--nats URL");
  }
  SECTION("too old") {
    world.pretend("echo 'nats-server: v2.9.10'\n");
    CHECK_THAT(world.failure_to_start(), ContainsSubstring("is nats-server 2.9, too old: Baton needs 2.10 or newer"));
  }
  SECTION("something else") {
    world.pretend("echo hello\n");
    CHECK_THAT(world.failure_to_start(), ContainsSubstring("does not answer like a nats-server"));
  }
}

TEST_CASE("a server that does not come up is given up, with what it said", "[server]") {
  server_world world;
  SECTION("it ends") {
    world.pretend("[ \"$1\" = --version ] && echo 'nats-server: v2.10.0' && exit 0\necho 'no room left' >&2; exit 1\n");
    CHECK(world.failure_to_start() == "the private nats-server ended: no room left");
  }
  SECTION("it stays, and never answers") {
    world.pretend("[ \"$1\" = --version ] && echo 'nats-server: v2.11.3' && exit 0\nexec sleep 1000\n");
    world.options.start_patience = 200ms;
    CHECK(world.failure_to_start() == "the private nats-server did not start in time");
  }
  CHECK_FALSE(std::filesystem::exists(world.options.folder / "server.group"));
}

TEST_CASE("whoever waits for a server's start may give up", "[server]") {
  server_world world;
  int asked = 0;
  const auto gives_up = [&asked] { return ++asked == 3; };
  SECTION("of a new one") {
    world.pretend("[ \"$1\" = --version ] && echo 'nats-server: v2.11.3' && exit 0\nexec sleep 1000\n");
    const auto started = private_server::start(world.options, world.log, gives_up);
    REQUIRE_FALSE(started);
    CHECK(started.error() == "asked to stop while the private nats-server started");
    CHECK_FALSE(std::filesystem::exists(world.options.folder / "server.group"));
  }
  SECTION("of one that an earlier node left") {
    world.leave_orphan(1h);
    const auto orphan = world.record();
    signal_process(orphan.program, SIGSTOP);
    const auto started = private_server::start(world.options, world.log, gives_up);
    signal_process(orphan.program, SIGCONT);
    REQUIRE_FALSE(started);
    CHECK(started.error() == "asked to stop while the private nats-server started");
    CHECK(runs(orphan.program));
    world.start()->stop();
  }
  CHECK(asked == 3);
}

TEST_CASE("a configured port that is taken is an error, a remembered one is not", "[server]") {
  server_world world;
  const unique_fd other{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  REQUIRE(::bind(other.get(), reinterpret_cast<sockaddr*>(&at), size) == 0);
  REQUIRE(::listen(other.get(), 1) == 0);
  REQUIRE(::getsockname(other.get(), reinterpret_cast<sockaddr*>(&at), &size) == 0);
  const auto taken = ntohs(at.sin_port);
  SECTION("configured") {
    world.options.port = taken;
    CHECK(world.failure_to_start() == "port " + std::to_string(taken) + " of 127.0.0.1 is taken by another process");
  }
  SECTION("remembered") {
    std::filesystem::create_directories(world.options.folder);
    REQUIRE_FALSE(store_private(world.options.folder / "port", std::to_string(taken)));
    const auto server = world.start();
    CHECK(server->port() != taken);
    CHECK(world.state(server->port()) == server_state::ready);
  }
}

TEST_CASE("a server's configuration says what was asked for", "[server]") {
  server_settings s{"/a \"b\"\\c", 4333, {"u", "p"}, 2'000'000, 0ms, 8333};
  CHECK(server_config(s)
      == "# Written by batond at each start of its private server; changes are lost.\n"
         "listen: \"127.0.0.1:4333\"\n"
         "server_name: \"baton-private\"\n"
         "max_payload: 2000000\n"
         "log_file: \"/a \\\"b\\\"\\\\c/server.log\"\n"
         "logfile_size_limit: 16MB\n"
         "logfile_max_num: 4\n"
         "authorization { user: \"u\", password: \"p\" }\n"
         "jetstream {\n"
         "  store_dir: \"/a \\\"b\\\"\\\\c/store\"\n"
         "  sync_interval: always\n"
         "}\n"
         "http: \"127.0.0.1:8333\"\n");
  s.sync_interval = 1500ms;
  CHECK_THAT(server_config(s), ContainsSubstring("sync_interval: \"1500ms\"\n"));
  s.sync_interval.reset();
  CHECK(server_config(s).find("sync_interval") == std::string::npos);
}

TEST_CASE("each way to say how often to write through is understood by the server", "[server]") {
  server_world world;
  SECTION("always") { world.options.sync_interval = 0ms; }
  SECTION("now and then") { world.options.sync_interval = 500ms; }
  const auto server = world.start();
  CHECK(world.state(server->port()) == server_state::ready);
}
