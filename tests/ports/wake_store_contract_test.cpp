// What every store of wakes promises, held against the one in memory, which all tests of actors stand on, and the one on a real
// broker.
#include <algorithm>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "bridge/nats/streams.hpp"
#include "bridge/nats/wakes.hpp"
#include "messages/codec.hpp"
#include "messages/subjects.hpp"
#include "tests/support/fake_wake_store.hpp"
#include "tests/support/nats_link.hpp"
#include "tests/support/waited.hpp"

using namespace baton;

namespace {

constexpr partition_id mine{3};

/// Two owners' stores over the same wakes: the newer one, and one that lost its partition and does not know it.
struct in_memory {
  wake_store& owner() { return owner_; }
  wake_store& zombie() { return zombie_; }
  void answer() {
    while (owner_.run() + zombie_.run() > 0) {}
  }

private:
  support::kept_wakes kept_;
  support::fake_wake_store owner_{kept_};
  support::fake_wake_store zombie_{kept_};
};

struct on_a_broker {
  on_a_broker() { REQUIRE(nats::prepare_streams(*link_.asks, {.partitions = 8}, {})); }
  wake_store& owner() { return owner_; }
  wake_store& zombie() { return zombie_; }
  void answer() {}

private:
  support::nats_server server_;
  support::nats_link link_{server_.url()};
  support::nats_link other_{server_.url()};
  nats::nats_wake_store owner_{*link_.asks};
  nats::nats_wake_store zombie_{*other_.asks};
};

session_id id(std::string_view text) { return *session_id::parse(text); }
wake_key key(std::string_view text) { return *wake_key::parse(text); }
wake at(std::int64_t ms) { return {instant{milliseconds{ms}}, "test"}; }

template <class Stores>
struct world {
  Stores stores;

  template <class Result, class Ask>
  Result told(Ask ask) {
    support::waited<Result> result;
    ask(result.to());
    stores.answer();
    return result.get();
  }
  /// Its sequence; 0: it was not where it was expected.
  std::uint64_t put(wake_store& by, std::string_view session, std::string_view k, wake w, std::uint64_t expected) {
    const auto result = told<wake_put_result>([&](auto done) { by.put(mine, id(session), key(k), w, {expected}, done); });
    REQUIRE_FALSE(std::holds_alternative<wake_failure>(result));
    const auto* done = std::get_if<wake_written>(&result);
    return done == nullptr ? 0 : done->seq.value;
  }
  bool remove(wake_store& by, std::uint64_t seq) {
    const auto result = told<wake_remove_result>([&](auto done) { by.remove(mine, {seq}, done); });
    REQUIRE_FALSE(std::holds_alternative<wake_failure>(result));
    return std::holds_alternative<wake_gone>(result);
  }
  std::optional<found_wake> find(std::string_view session, std::string_view k) {
    const auto result = told<wake_store::find_result>([&](auto done) { stores.owner().find(mine, id(session), key(k), done); });
    REQUIRE(result);
    return *result;
  }
  std::vector<stored_wake> all(partition_id of = mine) {
    std::vector<stored_wake> found;
    std::optional<stream_seq> from{stream_seq{1}};
    while (from) {
      auto page = told<wake_store::load_result>([&](auto done) { stores.owner().load(of, *from, done); });
      REQUIRE(page);
      CHECK(page->wakes.size() + page->unreadable.size() <= wake_page_max);
      std::ranges::move(page->wakes, std::back_inserter(found));
      from = page->next;
    }
    return found;
  }
};

} // namespace

#define EACH_WORLD (world<in_memory>), (world<on_a_broker>)

TEMPLATE_TEST_CASE("a wake is stored only over the sequence at which it is known", "[contract][wakes]", EACH_WORLD) {
  TestType w;
  auto& owner = w.stores.owner();
  CHECK_FALSE(w.find("s1", "k"));
  const auto first = w.put(owner, "s1", "k", at(1'000), 0);
  REQUIRE(first > 0);
  CHECK(w.put(owner, "s1", "k", at(5), 0) == 0);
  const auto second = w.put(owner, "s1", "k", at(2'000), first);
  REQUIRE(second > first);
  CHECK(w.put(owner, "s1", "k", at(5), first) == 0);
  REQUIRE(w.put(owner, "s1", "other", at(3'000), 0) > second);
  const auto found = w.find("s1", "k");
  REQUIRE(found);
  CHECK(found->seq.value == second);
  CHECK(found->wake == at(2'000));
  CHECK(w.all().size() == 2);
}

TEMPLATE_TEST_CASE("an owner that lost its partition can undo nothing that its successor wrote", "[contract][wakes]", EACH_WORLD) {
  TestType w;
  auto& zombie = w.stores.zombie();
  const auto old = w.put(zombie, "s1", "k", at(1'000), 0);
  const auto kept = w.put(w.stores.owner(), "s1", "k", at(2'000), old);
  REQUIRE(kept > old);
  CHECK_FALSE(w.remove(zombie, old));
  CHECK(w.put(zombie, "s1", "k", at(9'000), old) == 0);
  CHECK(w.put(zombie, "s1", "k", at(9'000), 0) == 0);
  const auto found = w.find("s1", "k");
  REQUIRE(found);
  CHECK(found->seq.value == kept);
  CHECK(found->wake == at(2'000));
}

TEMPLATE_TEST_CASE("a wake that was removed may be stored anew", "[contract][wakes]", EACH_WORLD) {
  TestType w;
  auto& owner = w.stores.owner();
  const auto first = w.put(owner, "s1", "k", at(1'000), 0);
  CHECK(w.remove(owner, first));
  CHECK_FALSE(w.remove(owner, first));
  CHECK_FALSE(w.remove(owner, first + 100));
  CHECK_FALSE(w.find("s1", "k"));
  CHECK(w.put(owner, "s1", "k", at(2'000), first) == 0);
  CHECK(w.put(owner, "s1", "k", at(2'000), 0) > first);
}

TEMPLATE_TEST_CASE("all wakes of a partition are loaded, page by page, and no other's", "[contract][wakes]", EACH_WORLD) {
  TestType w;
  CHECK(w.all().empty());
  auto& owner = w.stores.owner();
  std::vector<std::uint64_t> stored;
  // With gaps, so that pages begin and end in them.
  for (int i = 0; i < 600; ++i) {
    stored.push_back(w.put(owner, "s" + std::to_string(i % 7), "k" + std::to_string(i), at(i), 0));
    if (i % 3 == 1) {
      REQUIRE(w.remove(owner, stored.back()));
      stored.pop_back();
    }
  }
  const auto foreign = w.template told<wake_put_result>([&](auto done) { owner.put({4}, id("x"), key("k"), at(1), {0}, done); });
  REQUIRE(std::holds_alternative<wake_written>(foreign));
  std::vector<std::uint64_t> found;
  for (const auto& one : w.all()) found.push_back(one.seq.value);
  CHECK(found == stored);
  CHECK(w.all({4}).size() == 1);
}

TEST_CASE("wakes far apart in the stream, and ones that cannot be read, do not stop the load", "[wakes]") {
  support::nats_server server;
  support::nats_link link{server.url()};
  REQUIRE(nats::prepare_streams(*link.asks, {.partitions = 8}, {}));
  nats::nats_wake_store store{*link.asks};
  const auto put = [&](std::string_view k, std::uint64_t expected) {
    support::waited<wake_put_result> result;
    store.put(mine, id("s1"), key(k), at(1), {expected}, result.to());
    return std::get<wake_written>(result.get()).seq.value;
  };
  put("first", 0);
  std::uint64_t again = 0;
  // More than one page of sequences goes by.
  for (std::size_t i = 0; i < wake_page_max + 100; ++i) again = put("again", again);
  REQUIRE(link.ask(subjects::wake(mine, id("s1"), key("broken")), "no wake"));
  REQUIRE(link.ask(subjects::wake(mine, id("s1"), key("newer")), "\x82\xa6schema\x63\xa3" "due\x01"));
  REQUIRE(link.ask("baton.wake.3.s1.Not~AKey", codec::encode_wake(at(1))));
  std::size_t wakes = 0;
  std::size_t unreadable = 0;
  std::optional<stream_seq> from{stream_seq{1}};
  while (from) {
    support::waited<wake_store::load_result> result;
    store.load(mine, *from, result.to());
    const auto page = result.get();
    REQUIRE(page);
    wakes += page->wakes.size();
    unreadable += page->unreadable.size();
    from = page->next;
  }
  CHECK(wakes == 2);
  CHECK(unreadable == 3);
}
