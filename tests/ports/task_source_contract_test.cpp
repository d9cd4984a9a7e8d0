// What every task source promises, held against the one in memory and the one on a real broker.
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include "tests/ports/task_source_world.hpp"
#include "tests/support/fake_task_source.hpp"

using namespace baton;
using namespace std::chrono_literals;

namespace {

using nats::session;

/// Wakes whoever waits for something to have happened.
struct pulse {
  void beat(const std::function<void()>& change) {
    const std::lock_guard lock{mutex};
    change();
    changed.notify_all();
  }
  std::mutex mutex;
  std::condition_variable changed;
};

struct heard final : task_listener {
  explicit heard(pulse& p) : pulse_{p} {}
  void delivered(std::vector<delivery> batch) override {
    if (const auto call = std::exchange(while_delivering, nullptr)) call();
    pulse_.beat([&] { all.insert(all.end(), batch.begin(), batch.end()); });
  }
  void stopped(partition_id, epoch of, source_failure why) override {
    pulse_.beat([&] { stops.emplace_back(of, why); });
  }
  std::vector<delivery> all;
  std::vector<std::pair<epoch, source_failure>> stops;
  /// Once, before the first batch counts as delivered.
  std::function<void()> while_delivering;

private:
  pulse& pulse_;
};

task task_named(const std::string& id) {
  task t;
  t.id = task_id::parse(id).value();
  t.what = turn{"hello", "echo", {}};
  return t;
}

/// Two nodes in memory.
struct in_memory {
  explicit in_memory(std::size_t credit = 4096)
      : nodes{support::fake_task_source{queue, credit}, support::fake_task_source{queue, credit}} {}
  task_source& node(std::size_t i) { return nodes[i]; }
  stream_seq publish(const std::string& to, const std::string& id) {
    return queue.publish(session(to), task_named(id));
  }
  stream_seq publish_broken(const std::string& to) {
    return queue.publish_refused(queue.partition_of(session(to)), message_kind::task, to, {reason::not_decodable, {}});
  }
  bool stored(stream_seq seq) { return queue.holds(message_kind::task, seq); }
  bool until(const std::function<bool()>& done) {
    nodes[0].run();
    nodes[1].run();
    nodes[0].run();
    return done();
  }
  support::fake_queue queue{nats::test_partitions};
  std::array<support::fake_task_source, 2> nodes;
  pulse pulse_;
};

/// Two nodes on a broker.
struct on_a_broker {
  explicit on_a_broker(std::size_t credit = 4096)
      : nodes{std::make_unique<nats::source_node>(world.url(), with(credit)),
            std::make_unique<nats::source_node>(world.url(), with(credit))} {}
  static nats::task_source_options with(std::size_t credit) {
    nats::task_source_options options;
    options.pull.credit = credit;
    return options;
  }
  task_source& node(std::size_t i) { return nodes[i]->source(); }
  stream_seq publish(const std::string& to, const std::string& id) { return world.publish_task(to, id); }
  stream_seq publish_broken(const std::string& to) { return world.publish(subjects::task(session(to)), "broken"); }
  bool stored(stream_seq seq) {
    const auto answer =
        nodes[0]->ask("$JS.API.STREAM.MSG.GET.BATON_TASKS", "{\"seq\":" + std::to_string(seq.value) + "}");
    return answer.find("\"error\"") == std::string::npos;
  }
  bool until(const std::function<bool()>& done) {
    std::unique_lock lock{pulse_.mutex};
    return pulse_.changed.wait_for(lock, 30s, done);
  }
  pulse pulse_;
  nats::queue_world world;
  std::array<std::unique_ptr<nats::source_node>, 2> nodes;
};

template <class World>
struct suite {
  explicit suite(std::size_t credit = 4096) : world{credit} {}

  /// The answer, as text.
  std::string open(std::size_t node, std::uint64_t of, const std::shared_ptr<heard>& to) {
    auto answer = std::make_shared<std::string>();
    world.node(node).open(home, {of}, to, [this, answer](const auto& result) {
      world.pulse_.beat([&] {
        *answer = result ? "opened" : result.error() == source_failure::superseded ? "superseded" : "unreachable";
      });
    });
    return world.until([&] { return !answer->empty(); }) ? *answer : "never";
  }
  std::shared_ptr<heard> listener() { return std::make_shared<heard>(world.pulse_); }
  void acknowledge(std::size_t node, stream_seq seq) {
    world.node(node).acknowledge(
        home, message_kind::task, seq, [this, seq] { world.pulse_.beat([&] { confirmed.push_back(seq); }); });
  }
  /// The id that was read back, "gone", or the failure.
  std::string read_back(std::size_t node, stream_seq seq) {
    auto answer = std::make_shared<std::string>();
    world.node(node).read_back(home, message_kind::task, seq, [this, answer](const task_source::read_result& result) {
      world.pulse_.beat([&] {
        if (!result) *answer = result.error() == source_failure::superseded ? "superseded" : "unreachable";
        if (result && !*result) *answer = "gone";
        if (result && *result) *answer = std::get<task>((*result)->body).id.text();
      });
    });
    return world.until([&] { return !answer->empty(); }) ? *answer : "never";
  }
  static std::vector<std::string> ids(const std::vector<delivery>& of) {
    std::vector<std::string> all;
    for (const auto& d : of)
      all.push_back(std::get<task>(d.body).id.text());
    return all;
  }

  World world;
  partition_id home = nats::home_of("s1");
  std::vector<stream_seq> confirmed;
};

using names = std::vector<std::string>;

} // namespace

#define SOURCES in_memory, on_a_broker

TEMPLATE_TEST_CASE(
    "a source delivers in order, and each message once until it is acknowledged", "[contract]", SOURCES) {
  suite<TestType> s;
  const auto first = s.world.publish("s1", "a");
  const auto to = s.listener();
  REQUIRE(s.open(0, 1, to) == "opened");
  const auto second = s.world.publish("s1", "b");
  REQUIRE(s.world.until([&] { return to->all.size() == 2; }));
  CHECK(s.ids(to->all) == names{"a", "b"});
  CHECK(to->all[0].before_open);
  CHECK_FALSE(to->all[1].before_open);
  CHECK(to->all[0].seq == first);
  CHECK(to->all[0].session == session("s1"));
  CHECK(to->all[0].subject == "baton.task." + std::to_string(s.home.value) + ".s1");
  s.acknowledge(0, first);
  REQUIRE(s.world.until([&] { return s.confirmed.size() == 1; }));
  CHECK_FALSE(s.world.stored(first));
  CHECK(s.world.stored(second));
}

TEMPLATE_TEST_CASE("a higher epoch takes over what is unacknowledged, a lower one nothing", "[contract]", SOURCES) {
  suite<TestType> s;
  const auto seq = s.world.publish("s1", "a");
  const auto old_owner = s.listener();
  REQUIRE(s.open(0, 2, old_owner) == "opened");
  REQUIRE(s.world.until([&] { return old_owner->all.size() == 1; }));
  CHECK(s.open(1, 1, s.listener()) == "superseded");
  const auto new_owner = s.listener();
  REQUIRE(s.open(1, 3, new_owner) == "opened");
  REQUIRE(s.world.until([&] { return new_owner->all.size() == 1 && old_owner->stops.size() == 1; }));
  CHECK(old_owner->stops.front() == std::pair{epoch{2}, source_failure::superseded});
  s.acknowledge(0, seq);
  s.acknowledge(1, seq);
  REQUIRE(s.world.until([&] { return s.confirmed.size() == 1; }));
  CHECK_FALSE(s.world.stored(seq));
}

TEMPLATE_TEST_CASE(
    "a closed partition confirms nothing and is delivered to whoever opens it next", "[contract]", SOURCES) {
  suite<TestType> s;
  const auto seq = s.world.publish("s1", "a");
  const auto before = s.listener();
  REQUIRE(s.open(0, 1, before) == "opened");
  REQUIRE(s.world.until([&] { return before->all.size() == 1; }));
  s.world.node(0).close(s.home);
  s.acknowledge(0, seq);
  const auto after = s.listener();
  REQUIRE(s.open(0, 2, after) == "opened");
  REQUIRE(s.world.until([&] { return after->all.size() == 1; }));
  CHECK(s.confirmed.empty());
  CHECK(before->stops.empty());
  CHECK(s.world.stored(seq));
}

TEMPLATE_TEST_CASE("credit bounds what is delivered, and light messages do not count", "[contract]", SOURCES) {
  suite<TestType> s{2};
  for (const auto* id : {"a", "b", "c", "d"})
    s.world.publish("s1", id);
  const auto to = s.listener();
  REQUIRE(s.open(0, 1, to) == "opened");
  REQUIRE(s.world.until([&] { return to->all.size() == 2; }));
  s.world.node(0).lighten(s.home, message_kind::task, to->all[0].seq);
  REQUIRE(s.world.until([&] { return to->all.size() == 3; }));
  s.acknowledge(0, to->all[1].seq);
  REQUIRE(s.world.until([&] { return to->all.size() == 4; }));
  CHECK(s.ids(to->all) == names{"a", "b", "c", "d"});
}

TEMPLATE_TEST_CASE("what is forgotten of a session comes again, in order", "[contract]", SOURCES) {
  suite<TestType> s;
  for (const auto* id : {"a", "b"})
    s.world.publish("s1", id);
  const auto to = s.listener();
  REQUIRE(s.open(0, 1, to) == "opened");
  REQUIRE(s.world.until([&] { return to->all.size() == 2; }));
  s.world.node(0).forget(s.home, session("s1"));
  s.world.publish("s1", "c");
  REQUIRE(s.world.until([&] { return to->all.size() == 5; }));
  CHECK(s.ids(to->all) == names{"a", "b", "a", "b", "c"});
}

TEMPLATE_TEST_CASE(
    "what is on its way while its session is forgotten is of an older round, and comes again in order", "[contract]", SOURCES) {
  suite<TestType> s;
  for (const auto* id : {"a", "b"})
    s.world.publish("s1", id);
  const auto to = s.listener();
  std::optional<delivery_round> since;
  to->while_delivering = [&] { since = s.world.node(0).forget(s.home, session("s1")); };
  std::vector<delivery> overtaken;
  std::vector<delivery> again;
  REQUIRE(s.open(0, 1, to) == "opened");
  REQUIRE(s.world.until([&] {
    overtaken.clear();
    again.clear();
    for (const auto& d : to->all)
      (d.round < since.value() ? overtaken : again).push_back(d);
    return again.size() >= 2;
  }));
  CHECK_FALSE(overtaken.empty());
  CHECK(s.ids(again) == names{"a", "b"});
}

TEMPLATE_TEST_CASE("a message is read back while it is in the queue", "[contract]", SOURCES) {
  suite<TestType> s;
  const auto seq = s.world.publish("s1", "a");
  CHECK(s.read_back(0, seq) == "superseded");
  REQUIRE(s.open(0, 1, s.listener()) == "opened");
  CHECK(s.read_back(0, seq) == "a");
  s.acknowledge(0, seq);
  REQUIRE(s.world.until([&] { return s.confirmed.size() == 1; }));
  CHECK(s.read_back(0, seq) == "gone");
}

TEMPLATE_TEST_CASE("what cannot be decoded has a session, a reason and an acknowledgement", "[contract]", SOURCES) {
  suite<TestType> s;
  const auto seq = s.world.publish_broken("s1");
  const auto to = s.listener();
  REQUIRE(s.open(0, 1, to) == "opened");
  REQUIRE(s.world.until([&] { return to->all.size() == 1; }));
  CHECK(to->all[0].session == session("s1"));
  CHECK(std::get<refusal>(to->all[0].body).why == reason::not_decodable);
  s.acknowledge(0, seq);
  REQUIRE(s.world.until([&] { return s.confirmed.size() == 1; }));
  CHECK_FALSE(s.world.stored(seq));
}
