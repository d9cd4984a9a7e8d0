// The status server on a free port of loopback, asked by a real client; and what Prometheus is told.
#include <catch2/catch_test_macros.hpp>

#include <httplib.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <sstream>
#include <thread>
#include <vector>

#include "bridge/http/prometheus_metrics.hpp"
#include "bridge/http/status_server.hpp"

using namespace baton;

namespace {

const listen_address any_port = {"127.0.0.1", 0};

std::unique_ptr<status_server> serve(status_server::sources ask, const listen_address& at = any_port) {
  auto made = status_server::start(at, std::move(ask));
  if (!made) FAIL(made.error());
  return *std::move(made);
}

status_server::sources ready_and_empty() {
  return {.why_not_ready = [] { return std::nullopt; }, .metrics = [] { return std::string{}; }};
}

httplib::Client client_of(const status_server& server) {
  httplib::Client client{server.address().host, server.address().port};
  client.set_connection_timeout(5);
  client.set_read_timeout(5);
  return client;
}

httplib::Response get(const status_server& server, const std::string& path) {
  auto client = client_of(server);
  const auto result = client.Get(path.c_str());
  if (!result) FAIL("no answer from " << path << ": " << httplib::to_string(result.error()));
  return *result;
}

/// The bytes of an answer to what no HTTP library would send. With `hangs_up` the client says that nothing more will come, which
/// the server takes for the client's end.
std::string answer_to_bytes(const status_server& server, const std::string& bytes, bool hangs_up) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(server.address().port);
  inet_pton(AF_INET, server.address().host.c_str(), &to.sin_addr);
  REQUIRE(connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0);
  // The server may have answered and closed before it has read all.
  send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (hangs_up) shutdown(socket, SHUT_WR);
  std::string answer;
  std::array<char, 4096> part{};
  for (ssize_t got = 0; (got = recv(socket, part.data(), part.size(), 0)) > 0;)
    answer.append(part.data(), static_cast<std::size_t>(got));
  close(socket);
  return answer;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

bool has_line(const std::string& text, const std::string& line) {
  const auto lines = lines_of(text);
  return std::ranges::find(lines, line) != lines.end();
}

} // namespace

TEST_CASE("a server answers as soon as it has started", "[http]") {
  const auto server = serve(ready_and_empty());
  REQUIRE(server->address().host == "127.0.0.1");
  REQUIRE(server->address().port != 0);
  const auto answer = get(*server, "/healthz");
  REQUIRE(answer.status == 200);
  REQUIRE(answer.body == "ok\n");
  REQUIRE(answer.get_header_value("Content-Type") == "text/plain; charset=utf-8");
}

TEST_CASE("a node is ready when its own word says so", "[http]") {
  std::atomic<bool> is_draining = false;
  const auto server = serve({.why_not_ready = [&]() -> std::optional<std::string> {
                               return is_draining ? std::optional<std::string>{"draining"} : std::nullopt;
                             },
      .metrics = [] { return std::string{}; }});
  REQUIRE(get(*server, "/readyz").status == 200);
  is_draining = true;
  const auto answer = get(*server, "/readyz");
  REQUIRE(answer.status == 503);
  REQUIRE(answer.body == "draining\n");
  REQUIRE(get(*server, "/healthz").status == 200);
  is_draining = false;
  REQUIRE(get(*server, "/readyz").body == "ready\n");
}

TEST_CASE("metrics are asked for anew each time", "[http]") {
  prometheus_metrics counted;
  const auto server = serve({.why_not_ready = [] { return std::nullopt; }, .metrics = [&] { return counted.text(); }});
  REQUIRE(has_line(get(*server, "/metrics").body, "baton_runs_completed_total 0"));
  counted.count(counter::runs_completed);
  const auto answer = get(*server, "/metrics");
  REQUIRE(answer.status == 200);
  REQUIRE(answer.get_header_value("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  REQUIRE(has_line(answer.body, "baton_runs_completed_total 1"));
}

TEST_CASE("what is not there or not to be done is said so", "[http]") {
  const auto server = serve(ready_and_empty());
  REQUIRE(get(*server, "/").status == 404);
  REQUIRE(get(*server, "/healthz/").status == 404);
  REQUIRE(get(*server, "/%2e%2e/etc/passwd").status == 404);
  REQUIRE(get(*server, "/healthz?verbose").status == 200);

  auto client = client_of(*server);
  const auto head = client.Head("/healthz");
  REQUIRE(head);
  REQUIRE(head->status == 200);
  REQUIRE(head->body.empty());
  const auto post = answer_to_bytes(*server, "POST /healthz HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", false);
  REQUIRE(post.starts_with("HTTP/1.1 405"));
  REQUIRE(post.find("Allow: GET, HEAD") != std::string::npos);
}

TEST_CASE("whatever a client sends, the next one is answered", "[http]") {
  const auto server = serve(ready_and_empty());
  for (const auto* cut : {"", "GET", "GET /healthz HTTP/1.1\r\nHost: x", "\xff\x01",
           "POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nab"}) {
    CAPTURE(cut);
    REQUIRE(answer_to_bytes(*server, cut, true).find("200 OK") == std::string::npos);
  }
  REQUIRE(get(*server, "/healthz").status == 200);
}

TEST_CASE("a request that is none, or too long, is refused", "[http]") {
  const auto server = serve(ready_and_empty());
  for (const auto& bytes : std::vector<std::string>{"nonsense\r\n\r\n", "GET /healthz\r\n\r\n",
           "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n\r\n",
           "GET /healthz HTTP/1.1\r\nX: " + std::string(9000, 'b') + "\r\n\r\n",
           "POST /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"}) {
    CAPTURE(bytes.substr(0, 40));
    REQUIRE(answer_to_bytes(*server, bytes, false).starts_with("HTTP/1.1 4"));
  }
  REQUIRE(get(*server, "/healthz").status == 200);
}

TEST_CASE("a connection serves one request, so that a stop need not wait for the next", "[http]") {
  const auto server = serve(ready_and_empty());
  const auto answer = answer_to_bytes(*server, "GET /healthz HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n", false);
  REQUIRE(answer.find("200 OK") != std::string::npos);
  REQUIRE(answer.find("200 OK") == answer.rfind("200 OK"));
  REQUIRE(answer.find("Connection: close") != std::string::npos);
}

TEST_CASE("a client that says nothing keeps nobody waiting, and is sent away", "[http]") {
  const auto server = serve(ready_and_empty());
  std::thread silent{[&] { static_cast<void>(answer_to_bytes(*server, "", false)); }};
  REQUIRE(get(*server, "/healthz").status == 200);
  // Ends once the server has closed the connection.
  silent.join();
}

TEST_CASE("a port that is taken is refused with the reason, and free again after the stop", "[http]") {
  auto first = serve(ready_and_empty());
  const auto at = first->address();
  const auto second = status_server::start(at, ready_and_empty());
  REQUIRE_FALSE(second);
  REQUIRE(second.error() == "cannot listen on 127.0.0.1:" + std::to_string(at.port) + ": Address already in use");
  REQUIRE(get(*first, "/healthz").status == 200);
  first.reset();
  const auto third = serve(ready_and_empty(), at);
  REQUIRE(get(*third, "/healthz").status == 200);
}

TEST_CASE("an address that is not this machine's is refused", "[http]") {
  REQUIRE_FALSE(status_server::start({"192.0.2.1", 0}, ready_and_empty()));
}

TEST_CASE("a stop lets the request under way have its answer", "[http]") {
  std::promise<void> is_asked;
  std::promise<void> may_answer;
  auto server = serve({.why_not_ready = [] { return std::nullopt; },
      .metrics =
          [&] {
            is_asked.set_value();
            may_answer.get_future().wait();
            return std::string{"late 1\n"};
          }});
  auto client = client_of(*server);
  std::string body;
  std::thread asking{[&] {
    const auto result = client.Get("/metrics");
    if (result) body = result->body;
  }};
  is_asked.get_future().wait();
  std::thread stopping{[&] { server.reset(); }};
  may_answer.set_value();
  stopping.join();
  asking.join();
  REQUIRE(body == "late 1\n");
}

TEST_CASE("many servers start and stop at once", "[http]") {
  std::vector<std::thread> threads;
  std::atomic<int> answered = 0;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        const auto made = status_server::start(any_port, ready_and_empty());
        if (made && round % 2 == 0 && client_of(**made).Get("/healthz")) ++answered;
      }
    });
  }
  for (auto& t : threads)
    t.join();
  REQUIRE(answered == 24);
}

TEST_CASE("every counter and every reason is there from the start, with its help", "[metrics]") {
  const auto text = prometheus_metrics{}.text();
  for (const auto& row : counters) {
    const std::string name{row.name};
    CAPTURE(name);
    REQUIRE(has_line(text, "# HELP " + name + " " + std::string{row.help}));
    REQUIRE(has_line(text, "# TYPE " + name + " counter"));
    REQUIRE(has_line(text, name + " 0"));
  }
  for (const auto& row : reasons) {
    CAPTURE(row.text);
    REQUIRE(has_line(text, "baton_refusals_total{reason=\"" + std::string{row.text} + "\"} 0"));
  }
}

TEST_CASE("each thing is counted on its own", "[metrics]") {
  prometheus_metrics m;
  for (std::size_t i = 0; i < counters.size(); ++i)
    m.count(counters[i].is, i + 1);
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    for (std::size_t n = 0; n < i; ++n)
      m.count_refusal(reasons[i].is);
  }
  const auto text = m.text();
  for (std::size_t i = 0; i < counters.size(); ++i) {
    REQUIRE(has_line(text, std::string{counters[i].name} + " " + std::to_string(i + 1)));
  }
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    REQUIRE(
        has_line(text, "baton_refusals_total{reason=\"" + std::string{reasons[i].text} + "\"} " + std::to_string(i)));
  }
}

TEST_CASE("what tenants have and wait for is as it was told last, whatever they are called", "[metrics]") {
  prometheus_metrics m;
  m.tenants_have({{"acme", 3, 2}, {"", 1, 0}, {"a\"b\\\n", 0, 5}});
  m.tenants_have({{"acme", 0, 1}});
  const auto text = m.text();
  CHECK(has_line(text, "baton_slices_waiting{tenant=\"acme\"} 0"));
  CHECK(has_line(text, "baton_slots_used{tenant=\"acme\"} 1"));
  CHECK(has_line(text, "baton_slices_waiting{tenant=\"\"} 1"));
  CHECK(has_line(text, "baton_slots_used{tenant=\"a\\\"b\\\\\\n\"} 5"));
}

TEST_CASE("nothing is lost when many threads count at once", "[metrics]") {
  prometheus_metrics m;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&m] {
      for (int i = 0; i < 10'000; ++i) {
        m.count(counter::commits_stored);
        m.count_refusal(reason::too_large);
        if (i % 1000 == 0) static_cast<void>(m.text());
      }
    });
  }
  for (auto& t : threads)
    t.join();
  REQUIRE(has_line(m.text(), "baton_commits_stored_total 40000"));
  REQUIRE(has_line(m.text(), "baton_refusals_total{reason=\"too_large\"} 40000"));
}
