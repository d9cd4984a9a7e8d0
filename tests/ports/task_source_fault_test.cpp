// A broker that dies, falls silent, loses things or is not there.
#include <catch2/catch_test_macros.hpp>

#include "tests/ports/task_source_world.hpp"

using namespace baton;
using namespace baton::nats;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<recording_listener> listener() { return std::make_shared<recording_listener>(); }

bool opened(const std::optional<expected<task_source::opened, source_failure>>& answer) { return answer && *answer; }

std::vector<std::string> numbered(int from, int count) {
  std::vector<std::string> ids;
  for (int i = from; i < from + count; ++i)
    ids.push_back("t" + std::to_string(i));
  return ids;
}

/// Collects what the source tells about its troubles.
struct troubles {
  std::function<void(const std::string&)> hear() {
    return [held = held_](const std::string& text) {
      const std::lock_guard lock{held->mutex};
      held->text += text + "\n";
      held->changed.notify_all();
    };
  }
  bool wait_for(const std::string& what) {
    std::unique_lock lock{held_->mutex};
    return held_->changed.wait_for(lock, 30s, [&] { return held_->text.find(what) != std::string::npos; });
  }

private:
  struct held {
    std::mutex mutex;
    std::condition_variable changed;
    std::string text;
  };
  std::shared_ptr<held> held_ = std::make_shared<held>();
};

} // namespace

TEST_CASE(
    "over a restart of the broker what is held stays held, and unconfirmed acknowledgements are repeated", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  source_node node{world.url()};
  const auto heard = listener();
  REQUIRE(opened(node.open(home, 1, heard)));
  const auto first = world.publish_task("s1", "t0");
  const auto second = world.publish_task("s1", "t1");
  const auto third = world.publish_control("s1", "c0");
  REQUIRE(heard->wait_for(3));
  world.server.kill();
  tally confirmed;
  node.source().acknowledge(home, message_kind::task, first, confirmed.one());
  node.source().acknowledge(home, message_kind::control, third, confirmed.one());
  world.server.start();
  REQUIRE(confirmed.wait_for(2));
  world.publish_task("s1", "t2");
  REQUIRE(heard->wait_for(4));
  CHECK(heard->all().size() == 4);
  CHECK(heard->all().back().seq.value == second.value + 1);
  node.source().acknowledge(home, message_kind::task, second, confirmed.one());
  REQUIRE(confirmed.wait_for(3));
  CHECK(world.stored(message_kind::task) == 1);
  CHECK(world.stored(message_kind::control) == 0);
}

TEST_CASE("a broker that is killed again and again under load loses nothing and mixes up nothing", "[source]") {
  queue_world world;
  constexpr int per_session = 400;
  const std::vector<std::string> sessions{"s1", "s2", "s3", "s4", "s5"};
  source_node node{world.url()};
  const auto heard = std::make_shared<settling_listener>(node.source());
  for (const auto& one : sessions)
    world.publish_tasks(one, 0, per_session);
  for (std::uint64_t p = 0; p < test_partitions; ++p)
    REQUIRE(opened(node.open({p}, 1, heard)));
  for (const std::size_t so_far : {100U, 500U, 900U}) {
    REQUIRE(heard->wait_confirmed(so_far));
    world.server.kill();
    world.server.start();
  }
  REQUIRE(heard->wait_confirmed(sessions.size() * per_session));
  const auto came = heard->first_comings();
  for (const auto& one : sessions)
    CHECK(came.at(one) == numbered(0, per_session));
  CHECK(heard->stops() == 0);
}

TEST_CASE("a delivery that is missing is noticed, and the rest comes anew in order", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  troubles told;
  task_source_options options;
  options.trouble = told.hear();
  source_node node{world.url(), options};
  source_node intruder{world.url()};
  const auto heard = listener();
  REQUIRE(opened(node.open(home, 1, heard)));
  world.publish_task("s1", "t0");
  REQUIRE(heard->wait_for(1));
  // Somebody else asks our consumer, and gets one of our deliveries.
  const auto consumer = world.consumers(message_kind::task).front();
  tally stolen;
  const auto inbox = connection::new_inbox();
  const auto thief = intruder.link().subscribe(inbox, [one = stolen.one()](const message_handle&) { one(); });
  REQUIRE(thief);
  REQUIRE_FALSE(intruder.link().publish(pull_subject(message_kind::task, consumer), inbox, {}, R"({"batch":1})"));
  REQUIRE(intruder.link().flush(10s));
  world.publish_tasks("s1", 1, 20);
  REQUIRE(stolen.wait_for(1));
  REQUIRE(told.wait_for("a delivery was lost"));
  REQUIRE(heard->wait_for(21));
  CHECK(heard->ids_of("s1") == numbered(0, 21));
  CHECK(heard->stops().empty());
  CHECK(world.consumers(message_kind::task).front() != consumer);
}

TEST_CASE("silence is noticed while the connection stands, and ends when the broker goes on", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  troubles told;
  task_source_options options;
  options.trouble = told.hear();
  options.pull.heartbeat = 100ms;
  options.pull.expires = 1000ms;
  source_node node{world.url(), options};
  const auto heard = listener();
  REQUIRE(opened(node.open(home, 1, heard)));
  world.publish_task("s1", "t0");
  REQUIRE(heard->wait_for(1));
  world.server.pause();
  const bool noticed = told.wait_for("fell silent");
  world.server.resume();
  REQUIRE(noticed);
  world.publish_task("s1", "t1");
  REQUIRE(heard->wait_for(2));
  CHECK(heard->ids_of("s1") == numbered(0, 2));
}

TEST_CASE("streams that are not there yet are waited for, and told about", "[source]") {
  queue_world world{test_partitions, false};
  troubles told;
  task_source_options options;
  options.trouble = told.hear();
  options.setup_retry_first = 10ms;
  options.setup_retry_longest = 50ms;
  source_node node{world.url(), options};
  const auto home = home_of("s1");
  const auto heard = listener();
  tally done;
  node.source().open(home, {1}, heard, [one = done.one()](const auto& result) {
    if (result) one();
  });
  REQUIRE(told.wait_for("BATON_TASKS"));
  CHECK(done.count() == 0);
  world.make_streams();
  REQUIRE(done.wait_for(1));
  world.publish_task("s1", "t0");
  CHECK(heard->wait_for(1));
}

TEST_CASE("an opening that leads nowhere is given up", "[source]") {
  queue_world world{test_partitions, false};
  task_source_options options;
  options.patience = 200ms;
  options.setup_retry_longest = 50ms;
  source_node node{world.url(), options};
  SECTION("without streams") {}
  SECTION("without a broker") { world.server.kill(); }
  const auto answer = node.open(home_of("s1"), 1, listener());
  REQUIRE((answer && !*answer));
  CHECK(answer->error() == source_failure::unreachable);
}

TEST_CASE("a broker that comes back with other streams ends the partition", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  source_node node{world.url()};
  const auto heard = listener();
  REQUIRE(opened(node.open(home, 1, heard)));
  world.publish_task("s1", "t0");
  REQUIRE(heard->wait_for(1));
  world.server.start_empty();
  world.make_streams();
  REQUIRE(heard->wait_for_stop());
  CHECK(heard->stops().front().why == source_failure::superseded);
}
