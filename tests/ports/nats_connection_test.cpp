#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>
#include <future>

#include "bridge/nats/nkey.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/nats_link.hpp"

using namespace baton;
using namespace baton::nats;
using Catch::Matchers::ContainsSubstring;

namespace {

using kind = connect_failure::kind;

// The pair that NATS's own documentation shows; it opens nothing.
constexpr std::string_view seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
constexpr std::string_view public_key = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

connect_failure failure_with(const connect_options& options) {
  auto opened = connection::open(options);
  REQUIRE_FALSE(opened);
  return opened.error();
}

std::string with_user(const support::nats_server& server, const std::string& user) {
  return "nats://" + user + "@127.0.0.1:" + std::to_string(server.port());
}

} // namespace

TEST_CASE("nobody there: cannot connect, naming the address", "[connection]") {
  support::nats_server server;
  const auto url = server.url();
  server.kill();
  const auto why = failure_with({.url = url});
  CHECK(why.what == kind::cannot_connect);
  CHECK_THAT(why.text, ContainsSubstring(url) && ContainsSubstring("is it running"));
}

TEST_CASE("a refused user: authorization, without the password in the text", "[connection]") {
  support::nats_server server{{.more_config = "authorization { user: baton, password: right }"}};
  const auto why = failure_with({.url = with_user(server, "baton:wrong-secret")});
  CHECK(why.what == kind::authorization);
  CHECK_THAT(why.text, ContainsSubstring("refuses our credentials"));
  CHECK_THAT(why.text, !ContainsSubstring("wrong-secret"));
  CHECK(connection::open({.url = with_user(server, "baton:right")}));
}

TEST_CASE("a URL that is none: bad options", "[connection]") {
  for (const auto* url :
      {"", "nats://", "nats://a:1,,nats://b:2", "nats://user:pass@", "nats://host:port", "http://host:1"}) {
    const auto why = failure_with({.url = url});
    CHECK(why.what == kind::bad_options);
    CHECK_THAT(why.text, ContainsSubstring("not a usable NATS URL"));
  }
}

TEST_CASE("a seed file opens a server that knows its public key", "[connection]") {
  const auto key = public_nkey(seed);
  REQUIRE(key == public_key);
  support::nats_server server{{.more_config = "authorization { users: [ { nkey: " + *key + " } ] }"}};
  const auto file = server.dir() / "user.nk";
  std::ofstream{file} << "# a comment\n" << seed << "\n";
  CHECK(connection::open({.url = server.url(), .nkey_seed_file = file}));
  CHECK(failure_with({.url = server.url()}).what == kind::authorization);
}

TEST_CASE("a seed file that holds no seed is refused before anything is sent, without showing what it holds",
    "[connection]") {
  support::temp_dir dir;
  const auto file = dir.path() / "user.nk";
  auto broken = std::string{seed};
  broken[20] = broken[20] == 'A' ? 'B' : 'A';
  std::ofstream{file} << broken << "\n";
  const auto why = failure_with({.nkey_seed_file = file});
  CHECK(why.what == kind::bad_options);
  CHECK_THAT(why.text, ContainsSubstring("user.nk") && !ContainsSubstring(broken));
  CHECK(failure_with({.nkey_seed_file = dir.path() / "none"}).what == kind::bad_options);
  CHECK_FALSE(public_nkey("SAAMLK2Z"));
  CHECK_FALSE(public_nkey(""));
}

TEST_CASE("TLS: accepted with the right CA, each other way refused as TLS", "[connection]") {
  support::certificates files;
  support::nats_server server{{.more_config = files.server_config()}};
  const auto tls_url = "tls://localhost:" + std::to_string(server.port());
  auto opened = connection::open({.url = tls_url,
      .tls_ca_file = files.ca(),
      .tls_certificate_file = files.client_certificate(),
      .tls_key_file = files.client_key()});
  INFO((opened ? std::string{} : opened.error().text));
  CHECK(opened);
  // Each as it is likely to be set up wrongly.
  CHECK(failure_with({.url = server.url()}).what == kind::tls);
  CHECK(failure_with({.url = tls_url}).what == kind::tls);
  CHECK(failure_with({.url = tls_url, .tls_ca_file = files.other_ca()}).what == kind::tls);
  CHECK(failure_with({.url = tls_url, .tls_ca_file = "/no/such/file"}).what == kind::tls);
  support::nats_server plain;
  CHECK(failure_with({.url = plain.url(), .tls_ca_file = files.ca()}).what == kind::tls);
}

TEST_CASE("a broker that is away at the start is waited for, if asked", "[connection]") {
  support::nats_server server;
  server.kill();
  support::nats_link link{connect_options{.url = server.url(),
      .retry_first_connect = true,
      .backoff_min = milliseconds{10},
      .backoff_max = milliseconds{50}}};
  CHECK_FALSE(link.link->connected());
  CHECK(link.link->publish("x", {}, {}, "y") == failure::disconnected);
  server.start();
  CHECK(link.log->wait([&] { return link.log->reconnects == 1; }));
  CHECK(link.wait_connected());
}

TEST_CASE("subscriptions survive the broker's death, and what is published without it is not kept", "[connection]") {
  support::nats_server server;
  support::nats_link link{server.url()};
  support::arrivals seen;
  auto subscribed = link.link->subscribe("news", seen.taker());
  server.kill();
  REQUIRE(link.log->wait([&] { return link.log->disconnects == 1; }));
  for (int i = 0; i < 1'000; ++i)
    REQUIRE(link.link->publish("news", {}, {}, "lost") == failure::disconnected);
  server.start();
  REQUIRE(link.log->wait([&] { return link.log->reconnects == 1; }));
  REQUIRE_FALSE(link.link->publish("news", {}, {}, "found"));
  REQUIRE(seen.wait_for(1));
  CHECK(seen.at(0).payload() == "found");
}

TEST_CASE("a server that takes nothing in never blocks a publisher, and memory stays bounded", "[connection]") {
  support::nats_server server;
  support::nats_link link{connect_options{.url = server.url(), .unsent_bytes_max = 1'000'000}};
  server.pause();
  const std::string payload(50'000, 'x');
  std::optional<failure> refused;
  int taken = 0;
  // What the kernel's buffers hold is the machine's; a few megabytes at most.
  for (; taken < 2'000 && !refused; ++taken)
    refused = link.link->publish("flood", {}, {}, payload);
  CHECK(refused == failure::overloaded);
  CHECK(link.link->unsent_bytes() < 1'200'000);
  CHECK(link.link->connected());
  server.resume();
  CHECK(link.link->flush(support::patience));
  CHECK(link.link->unsent_bytes() == 0);
  CHECK_FALSE(link.link->publish("flood", {}, {}, payload));
}

TEST_CASE("a server that stands still is given up after two pings", "[connection]") {
  support::nats_server server;
  support::nats_link link{connect_options{.url = server.url(), .ping_interval = milliseconds{50}}};
  server.pause();
  CHECK(link.log->wait([&] { return link.log->disconnects == 1; }));
  CHECK_FALSE(link.link->connected());
  server.resume();
  CHECK(link.log->wait([&] { return link.log->reconnects == 1; }));
}

TEST_CASE("a subscription that does not keep up is told as trouble", "[connection]") {
  support::nats_server server;
  support::nats_link link{server.url()};
  std::promise<void> go_on;
  auto held = go_on.get_future().share();
  auto slow = link.link->subscribe("flood", [held](message_handle) { held.wait(); }, 10);
  for (int i = 0; i < 1'000; ++i)
    REQUIRE_FALSE(link.link->publish("flood", {}, {}, "x"));
  const bool told = link.log->wait([&] { return !link.log->troubles.empty(); });
  go_on.set_value();
  REQUIRE(told);
  CHECK_THAT(link.log->troubles.front(), ContainsSubstring("flood"));
}

TEST_CASE("a missing permission is told as trouble", "[connection]") {
  support::nats_server server{
      {.more_config =
              "authorization { users: [ { user: baton, password: p, permissions: { publish: \"allowed\" } } ] }"}};
  support::nats_link link{connect_options{.url = with_user(server, "baton:p")}};
  REQUIRE_FALSE(link.link->publish("forbidden", {}, {}, "x"));
  REQUIRE(link.log->wait([&] { return !link.log->troubles.empty(); }));
  CHECK_THAT(link.log->troubles.front(), ContainsSubstring("forbidden"));
}

TEST_CASE("no part of a URL that may be secret is shown", "[connection]") {
  CHECK(without_secrets("nats://u:p@a:1,nats://t@b:2,c:3") == "nats://a:1,nats://b:2,c:3");
  CHECK(without_secrets("u:p@w@a:1") == "a:1");
}
