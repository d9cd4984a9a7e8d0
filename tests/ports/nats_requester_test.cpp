#include <catch2/catch_test_macros.hpp>

#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "bridge/nats/requester.hpp"
#include "tests/support/nats_link.hpp"

using namespace baton;
using namespace baton::nats;
using namespace std::chrono_literals;

namespace {

using support::patience;

/// "ok:<payload>" or the failure's text.
std::string text_of(const requester::result& r) {
  return r ? "ok:" + std::string{r->payload()} : std::string{to_text(r.error())};
}

struct pair_of_links : support::nats_link {
  using support::nats_link::nats_link;
  std::string ask_text(const std::string& subject, std::string_view payload, milliseconds timeout = 5s) {
    return text_of(ask(subject, payload, {}, timeout));
  }
};

} // namespace

TEST_CASE("a request is answered once, with payload and repeated headers as they were sent", "[requester]") {
  support::nats_server server;
  pair_of_links links{server.url()};
  auto echo = links.link->subscribe("echo", [&](message_handle m) {
    const reply asked{std::move(m)};
    const auto values = asked.header_values("Twice");
    std::string text{asked.payload()};
    for (const auto value : values)
      text.append("|").append(value);
    CHECK_FALSE(links.link->publish(std::string{*asked.header("Answer-To")}, {}, {}, text));
  });
  REQUIRE(echo);
  // The reply subject is the requester's own: the echo needs it in a header only because `reply` does not show it.
  auto inbox = connection::new_inbox();
  std::promise<std::string> got;
  auto back = links.link->subscribe(
      inbox, [&](message_handle m) { got.set_value(std::string{reply{std::move(m)}.payload()}); });
  const std::vector<header> with{{"Twice", "a"}, {"Answer-To", inbox}, {"Twice", "b"}};
  REQUIRE_FALSE(links.asks->publish("echo", with, "hello"));
  auto future = got.get_future();
  REQUIRE(future.wait_for(patience) == std::future_status::ready);
  CHECK(future.get() == "hello|a|b");
  CHECK(links.ask_text("$JS.API.INFO", "").starts_with("ok:{"));
  CHECK(links.asks->pending() == 0);
}

TEST_CASE("a subject on which nobody listens fails at once", "[requester]") {
  support::nats_server server;
  pair_of_links links{server.url()};
  CHECK(links.ask_text("nobody.here", "x", 1h) == to_text(failure::no_responders));
}

TEST_CASE("a request that is not answered ends by its timeout", "[requester]") {
  support::nats_server server;
  pair_of_links links{server.url()};
  auto mute = links.link->subscribe("mute", [](message_handle) {});
  CHECK(links.ask_text("mute", "x", 50ms) == to_text(failure::timed_out));
  CHECK(links.asks->pending() == 0);
}

TEST_CASE("requests over the limit fail as overloaded, and never from inside the call", "[requester]") {
  support::nats_server server;
  pair_of_links links{server.url(), requester_limits{.pending_max = 2}};
  auto mute = links.link->subscribe("mute", [](message_handle) {});
  links.asks->request("mute", {}, "1", 1h, [](requester::result) {});
  links.asks->request("mute", {}, "2", 1h, [](requester::result) {});
  std::promise<std::pair<std::string, bool>> third;
  const auto caller = std::this_thread::get_id();
  links.asks->request("mute", {}, "3", 1h,
      [&](requester::result r) { third.set_value({text_of(r), std::this_thread::get_id() == caller}); });
  auto future = third.get_future();
  REQUIRE(future.wait_for(patience) == std::future_status::ready);
  CHECK(future.get() == std::pair{std::string{to_text(failure::overloaded)}, false});
}

TEST_CASE("a payload over the server's limit is refused before it is sent", "[requester]") {
  support::nats_server server;
  pair_of_links links{server.url()};
  CHECK(links.ask_text("anything", std::string(links.link->max_payload() + 1, 'x')) == to_text(failure::too_large));
}

TEST_CASE("what is pending when the requester ends fails as closed, each exactly once", "[requester]") {
  support::nats_server server;
  pair_of_links links{server.url()};
  auto mute = links.link->subscribe("mute", [](message_handle) {});
  std::map<std::string, int> ends;
  for (int i = 0; i < 1'000; ++i)
    links.asks->request("mute", {}, "x", 1h, [&](requester::result r) { ++ends[text_of(r)]; });
  links.asks.reset();
  CHECK(ends == std::map<std::string, int>{{std::string{to_text(failure::closed)}, 1'000}});
}

TEST_CASE("ten thousand requests from four threads each get their own answer", "[requester]") {
  support::nats_server server;
  pair_of_links links{server.url()};
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, int> ends;
  int ended = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      for (int i = 0; i < 2'500; ++i) {
        links.asks->request("$JS.API.STREAM.INFO.NONE", {}, "", 20s, [&](requester::result r) {
          const std::lock_guard lock{mutex};
          ++ends[r ? "answer" : std::string{to_text(r.error())}];
          if (++ended == 10'000) changed.notify_all();
        });
      }
    });
  }
  for (auto& one : callers)
    one.join();
  std::unique_lock lock{mutex};
  CHECK(changed.wait_for(lock, patience, [&] { return ended == 10'000; }));
  CHECK(ends == std::map<std::string, int>{{"answer", 10'000}});
}

TEST_CASE("a killed broker ends pending requests by their timeout, and a restarted one answers again", "[requester]") {
  support::nats_server server;
  pair_of_links links{server.url()};
  auto mute = links.link->subscribe("mute", [](message_handle) {});
  auto cut_off = std::make_shared<std::promise<std::string>>();
  links.asks->request("mute", {}, "x", 300ms, [cut_off](requester::result r) { cut_off->set_value(text_of(r)); });
  server.kill();
  auto future = cut_off->get_future();
  REQUIRE(future.wait_for(patience) == std::future_status::ready);
  CHECK(future.get() == to_text(failure::timed_out));
  REQUIRE(links.log->wait([&] { return links.log->disconnects == 1; }));
  CHECK(links.ask_text("anything", "x") == to_text(failure::disconnected));
  server.start();
  REQUIRE(links.log->wait([&] { return links.log->reconnects == 1; }));
  CHECK(links.ask_text("$JS.API.INFO", "").starts_with("ok:{"));
}

TEST_CASE("a broker that stands still ends requests by their timeout without blocking the caller", "[requester]") {
  support::nats_server server;
  pair_of_links links{server.url()};
  server.pause();
  CHECK(links.ask_text("$JS.API.INFO", "", 100ms) == to_text(failure::timed_out));
  server.resume();
  CHECK(links.ask_text("$JS.API.INFO", "").starts_with("ok:{"));
}
