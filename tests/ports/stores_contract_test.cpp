// What every log, owner store and dead-letter store promises, held against the ones in memory, which all tests of actors stand
// on, and the ones on a real broker.
#include <algorithm>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <stdexcept>
#include <thread>

#include "bridge/nats/dead_letters.hpp"
#include "bridge/nats/owner_store.hpp"
#include "bridge/nats/session_log.hpp"
#include "bridge/nats/streams.hpp"
#include "tests/support/fake_owner_store.hpp"
#include "tests/support/fake_ports.hpp"
#include "tests/support/nats_link.hpp"
#include "tests/support/waited.hpp"

using namespace baton;

namespace {

constexpr std::uint64_t partitions = 8;
constexpr partition_id partition{3};

struct in_memory {
  session_log& log() { return log_; }
  owner_store& owners() { return owners_; }
  dead_letters& letters() { return letters_; }
  void answer() {
    while (log_.run() + owners_.run() + letters_.run() > 0) {}
  }

private:
  support::fake_session_log log_;
  support::kept_records records_;
  support::fake_owner_store owners_{records_};
  support::fake_dead_letters letters_;
};

struct on_a_broker {
  on_a_broker() { REQUIRE(nats::prepare_streams(*link_.asks, {.partitions = partitions}, {})); }
  session_log& log() { return log_; }
  owner_store& owners() { return owners_; }
  dead_letters& letters() { return letters_; }
  void answer() {}

private:
  support::nats_server server_;
  support::nats_link link_{server_.url()};
  nats::nats_session_log log_{*link_.asks, milliseconds{2'000}};
  nats::nats_owner_store owners_{*link_.asks, partitions};
  nats::nats_dead_letters letters_{*link_.asks};
};

template <class Stores>
struct world {
  Stores stores;

  /// What `ask` is told in the end.
  template <class Result, class Ask>
  Result told(Ask ask) {
    support::waited<Result> result;
    bool inside = true;
    ask([to = result.to(), &inside, caller = std::this_thread::get_id()](Result r) mutable {
      if (std::this_thread::get_id() == caller && inside) throw std::logic_error("answered from inside the call");
      to(std::move(r));
    });
    inside = false;
    stores.answer();
    return result.get();
  }
  append_result append(std::uint64_t expected, commit c) {
    return told<append_result>([&](auto done) { stores.log().append(partition, {expected}, std::move(c), std::move(done)); });
  }
  session_log::last_result last(const session_id& session) {
    return told<session_log::last_result>([&](auto done) { stores.log().read_last(partition, session, std::move(done)); });
  }
  session_log::entries_result entries(const session_id& session, std::uint64_t seq) {
    return told<session_log::entries_result>(
        [&](auto done) { stores.log().read_entries(partition, session, {seq}, std::move(done)); });
  }
  write_result write(owner_record r) {
    return told<write_result>([&](auto done) { stores.owners().write_owner(std::move(r), std::move(done)); });
  }
  write_result write(node_record r) {
    return told<write_result>([&](auto done) { stores.owners().write_node(std::move(r), std::move(done)); });
  }
  std::vector<owner_record> owners() {
    const auto all = told<expected<std::vector<owner_record>, store_failure>>(
        [&](auto done) { stores.owners().read_owners(std::move(done)); });
    REQUIRE(all);
    return *all;
  }
  std::vector<node_record> nodes() {
    const auto all = told<expected<std::vector<node_record>, store_failure>>(
        [&](auto done) { stores.owners().read_nodes(std::move(done)); });
    REQUIRE(all);
    return *all;
  }
};

session_id id(std::string_view text) { return *session_id::parse(text); }

commit commit_of(std::string_view session, std::uint64_t number) {
  commit c;
  c.session = id(session);
  c.node = *node_id::parse("n1");
  c.epoch = {7};
  c.number = {number};
  c.head.title = "number " + std::to_string(number);
  event e;
  e.kind = event_kind::session_edited;
  e.epoch = {7};
  c.events.push_back(e);
  return c;
}

owner_record owner(std::uint64_t p, std::string_view node, std::uint64_t epoch, std::uint64_t revision) {
  owner_record r;
  r.partition = {p};
  r.node = *node_id::parse(node);
  r.epoch = {epoch};
  r.revision = {revision};
  return r;
}

node_record node(std::string_view name, std::uint64_t beat) {
  node_record r;
  r.node = *node_id::parse(name);
  r.beat = beat;
  r.host = "here";
  return r;
}

std::uint64_t seq_of(const append_result& result) {
  const auto* stored = std::get_if<appended>(&result);
  return stored == nullptr ? 0 : stored->seq.value;
}
bool is_superseded(const append_result& result) { return std::holds_alternative<superseded>(result); }
std::uint64_t revision_of(const write_result& result) {
  const auto* done = std::get_if<written>(&result);
  return done == nullptr ? 0 : done->revision.value;
}
bool is_refused(const write_result& result) { return std::holds_alternative<write_refused>(result); }

} // namespace

#define EACH_WORLD (world<in_memory>), (world<on_a_broker>)

TEMPLATE_TEST_CASE("log: what one commit added is read by its sequence, large values whole, and only as its own session's", "[contract]", EACH_WORLD) {
  TestType w;
  auto first = commit_of("s1", 1);
  first.entries.push_back({entry_kind::note, *task_id::parse("t1"), instant{milliseconds{5}}, true, std::string(inline_max + 1, 'x'), {}});
  first.entries.push_back({entry_kind::user, *task_id::parse("t2"), instant{milliseconds{6}}, false, "small", {}});
  const auto expected_entries = first.entries;
  const auto seq = seq_of(w.append(0, first));
  REQUIRE(seq > 0);
  const auto later = seq_of(w.append(seq, commit_of("s1", 2)));
  const auto read = w.entries(id("s1"), seq);
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK(read->front().content == expected_entries.front().content);
  CHECK(read->front().hidden);
  CHECK(read->back() == expected_entries.back());
  CHECK(w.entries(id("s1"), later)->empty());
  CHECK(w.entries(id("s2"), seq).error() == log_failure::unreadable);
  CHECK(w.entries(id("s1"), later + 1).error() == log_failure::unreadable);
}

TEMPLATE_TEST_CASE("log: only what is expected to be last is appended to, each session by itself", "[contract]", EACH_WORLD) {
  TestType w;
  CHECK_FALSE(w.last(id("s1"))->has_value());
  const auto first = seq_of(w.append(0, commit_of("s1", 1)));
  REQUIRE(first > 0);
  CHECK(is_superseded(w.append(0, commit_of("s1", 9))));
  const auto other = seq_of(w.append(0, commit_of("s2", 1)));
  REQUIRE(other > first);
  // A log that knows less than it confirmed is not gone on with.
  CHECK(std::get<log_failure>(w.append(other, commit_of("s1", 9))) == log_failure::unreachable);
  const auto second = seq_of(w.append(first, commit_of("s1", 2)));
  REQUIRE(second > other);
  CHECK(is_superseded(w.append(first, commit_of("s1", 9))));
  const auto last = w.last(id("s1"));
  REQUIRE(last);
  CHECK((*last)->seq.value == second);
}

TEMPLATE_TEST_CASE("log: the last commit is read as it was appended, without its events", "[contract]", EACH_WORLD) {
  TestType w;
  auto c = commit_of("s1", 1);
  REQUIRE(seq_of(w.append(0, c)) > 0);
  c.events.clear();
  const auto last = w.last(id("s1"));
  REQUIRE(last);
  CHECK((*last)->commit == c);
}

TEMPLATE_TEST_CASE("log: a tombstone is appended like any commit, and stands alone", "[contract]", EACH_WORLD) {
  TestType w;
  const auto first = seq_of(w.append(0, commit_of("s1", 1)));
  auto tombstone = commit_of("s1", 2);
  tombstone.rolls_up = true;
  CHECK(is_superseded(w.append(0, tombstone)));
  const auto second = seq_of(w.append(first, tombstone));
  REQUIRE(second > first);
  CHECK(is_superseded(w.append(first, commit_of("s1", 3))));
  CHECK(is_superseded(w.append(0, commit_of("s1", 3))));
  CHECK(seq_of(w.append(second, commit_of("s1", 3))) > second);
}

TEMPLATE_TEST_CASE("owners: a record is written only over the revision that was read", "[contract]", EACH_WORLD) {
  TestType w;
  CHECK(w.owners().empty());
  const auto first = revision_of(w.write(owner(3, "n1", 1, 0)));
  REQUIRE(first > 0);
  CHECK(is_refused(w.write(owner(3, "n2", 1, 0))));
  auto second = owner(3, "n2", 2, first);
  second.released = true;
  second.unclean = true;
  const auto revision = revision_of(w.write(second));
  REQUIRE(revision > first);
  CHECK(is_refused(w.write(owner(3, "n1", 3, first))));
  second.revision = {revision};
  auto other = owner(5, "n1", 9, 0);
  other.revision = {revision_of(w.write(other))};
  auto all = w.owners();
  std::ranges::sort(all, {}, &owner_record::partition);
  CHECK(all == std::vector{second, other});
}

TEMPLATE_TEST_CASE("nodes: a heartbeat replaces the one before, and its revision moves", "[contract]", EACH_WORLD) {
  TestType w;
  CHECK(w.nodes().empty());
  const auto first = revision_of(w.write(node("n1", 1)));
  const auto second = revision_of(w.write(node("n1", 2)));
  CHECK(second > first);
  REQUIRE(revision_of(w.write(node("n2", 1))) > second);
  auto all = w.nodes();
  REQUIRE(all.size() == 2);
  std::ranges::sort(all, {}, [](const node_record& n) { return n.node.text(); });
  CHECK(all[0].beat == 2);
  CHECK(all[0].revision.value == second);
}

TEMPLATE_TEST_CASE("nodes: a record is removed as it was read, and not if it was written since", "[contract]", EACH_WORLD) {
  TestType w;
  auto moved = node("n1", 1);
  moved.revision = {revision_of(w.write(moved))};
  auto still = node("n2", 1);
  still.revision = {revision_of(w.write(still))};
  const auto newest = revision_of(w.write(node("n1", 2)));
  w.stores.owners().remove_node(moved);
  w.stores.owners().remove_node(still);
  // Nobody hears of a removal; it is done by the time that some later read shows it.
  auto left = w.nodes();
  for (int looks = 0; left.size() > 1 && looks < 10'000; ++looks) left = w.nodes();
  REQUIRE(left.size() == 1);
  CHECK(left[0].revision.value == newest);
}

TEMPLATE_TEST_CASE("dead letters: a second letter with the same dedupe id counts as stored", "[contract]", EACH_WORLD) {
  TestType w;
  dead_letter letter;
  letter.session = id("s1");
  letter.id = "t1";
  letter.why = reason::unknown_runner;
  letter.seq = {1};
  letter.dedupe = "task.1";
  const auto bury = [&] {
    return w.template told<bool>(
        [&](auto done) { w.stores.letters().bury(letter, message_kind::task, std::move(done)); });
  };
  CHECK(bury());
  CHECK(bury());
}
