#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "bridge/nats/js_api.hpp"
#include "bridge/nats/server_report.hpp"
#include "messages/subjects.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/nats_link.hpp"

using namespace baton;
using namespace baton::nats;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Greets as a server of another version would, and answers pings: enough for a client to connect.
class old_server {
public:
  old_server() : listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread{[this] { run(); }};
  }
  ~old_server() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    // Whoever is connected: a stranger may have found the port, and would stay.
    for (const int client : clients_)
      ::shutdown(client, SHUT_RDWR);
    for (auto& one : talks_)
      one.join();
    for (const int client : clients_)
      ::close(client);
    ::close(listener_);
  }
  old_server(const old_server&) = delete;
  old_server& operator=(const old_server&) = delete;
  [[nodiscard]] std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

private:
  void run() {
    for (int client = ::accept(listener_, nullptr, nullptr); client >= 0;
        client = ::accept(listener_, nullptr, nullptr)) {
      clients_.push_back(client);
      talks_.emplace_back([client] { talk(client); });
    }
  }
  static void talk(int client) {
    constexpr std::string_view hello = "INFO {\"server_id\":\"X\",\"version\":\"2.9.10\",\"proto\":1,\"headers\":true,"
                                       "\"max_payload\":1048576,\"jetstream\":true}\r\n";
    constexpr std::string_view pong = "PONG\r\n";
    ::send(client, hello.data(), hello.size(), MSG_NOSIGNAL);
    std::array<char, 4'096> chunk{};
    for (auto got = ::recv(client, chunk.data(), chunk.size(), 0); got > 0;
        got = ::recv(client, chunk.data(), chunk.size(), 0)) {
      const std::string_view said{chunk.data(), static_cast<std::size_t>(got)};
      if (said.find("PING\r\n") != std::string_view::npos) ::send(client, pong.data(), pong.size(), MSG_NOSIGNAL);
    }
  }

  int listener_;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
  /// The acceptor's until it has ended.
  std::vector<int> clients_;
  std::vector<std::thread> talks_;
};

} // namespace

TEST_CASE("a server that is too old is refused, naming both versions", "[server_report]") {
  old_server server;
  support::nats_link link{server.url()};
  const auto refused = prepare_streams(*link.asks, {}, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == streams_refused::kind::unfit);
  CHECK_THAT(refused.error().text, ContainsSubstring("2.9.10") && ContainsSubstring("2.10.0"));
}

TEST_CASE("versions compare by number", "[server_report]") {
  for (const auto* fits : {"2.10.0", "2.10.27", "2.12.0-RC.1", "3.0.0", "10.0.1"})
    CHECK(is_new_enough(fits));
  for (const auto* old : {"2.9.25", "1.99.99", "0.0.0", "2.10", "", "dev", "2..1"})
    CHECK_FALSE(is_new_enough(old));
}

TEST_CASE("a server's greeting is read, also where TLS and credentials are asked for later", "[server_report]") {
  support::certificates files;
  support::nats_server server{{.more_config = files.server_config() + "\nauthorization { user: u, password: p }"}};
  const auto greeting = read_greeting("tls://u:p@localhost:" + std::to_string(server.port()), milliseconds{2'000});
  INFO((greeting ? std::string{} : greeting.error()));
  REQUIRE(greeting);
  CHECK(is_new_enough(greeting->version));
  CHECK(greeting->tls_required);
  CHECK(greeting->auth_required);
  CHECK(greeting->jetstream);
  CHECK(greeting->max_payload == 1'048'576);
}

TEST_CASE("what is no NATS server, or is not there, or says nothing, is told", "[server_report]") {
  CHECK_FALSE(parse_greeting("HTTP/1.1 400 Bad Request"));
  CHECK_FALSE(parse_greeting("INFO nothing"));
  support::nats_server server;
  server.pause();
  CHECK_THAT(read_greeting(server.url(), milliseconds{50}).error(), ContainsSubstring("says nothing"));
  server.resume();
  server.kill();
  CHECK_THAT(read_greeting(server.url(), milliseconds{50}).error(), ContainsSubstring("cannot connect"));
}

TEST_CASE("the report says what a person wants to know", "[server_report]") {
  support::nats_server server{{.more_config = "max_payload: 2000000"}};
  support::nats_link link{server.url()};
  REQUIRE(prepare_streams(*link.asks, {.partitions = 8, .log_max = 50'000'000}, {}));
  REQUIRE(link.ask(subjects::task(*session_id::parse("s1")), "x"));
  const auto report = read_server_report(*link.asks);
  REQUIRE(report);
  CHECK(report->url == server.url());
  REQUIRE(report->greeting);
  CHECK(report->greeting->max_payload == 2'000'000);
  CHECK(report->version_fits);
  CHECK(report->replicas == 1);
  CHECK(report->account.streams == 8);
  CHECK(report->account.storage_used > 0);
  REQUIRE(report->streams.size() == 8);
  CHECK(report->streams[0].name == subjects::tasks_stream);
  CHECK(report->streams[0].messages == 1);
  CHECK(report->streams[2].bytes_max == 50'000'000);
}

TEST_CASE("the memory of the streams is brought up to date, and tells a loss since then", "[server_report]") {
  support::nats_server server;
  support::nats_link link{server.url()};
  const stream_memory memory{.file = server.dir() / "streams.json"};
  REQUIRE(prepare_streams(*link.asks, {.partitions = 8}, memory));
  for (int i = 0; i < 3; ++i)
    REQUIRE(link.ask(subjects::task(*session_id::parse("s1")), "x"));
  CHECK_FALSE(remember_streams(*link.asks, memory));
  REQUIRE(call_api(*link.asks, api_subject("STREAM.DELETE", subjects::tasks_stream)));
  const auto told = remember_streams(*link.asks, memory);
  REQUIRE(told);
  CHECK(told->what == streams_refused::kind::lost);
  CHECK_THAT(told->text, ContainsSubstring("BATON_TASKS") && ContainsSubstring("message 3"));
}
