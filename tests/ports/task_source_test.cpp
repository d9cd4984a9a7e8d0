#include <catch2/catch_test_macros.hpp>

#include "bridge/nats/task_source_decode.hpp"
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

} // namespace

TEST_CASE("what was published before and after the opening is delivered once, in order, until it is acknowledged",
    "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  const auto first = world.publish_task("s1", "early");
  source_node node{world.url()};
  const auto heard = listener();
  REQUIRE(opened(node.open(home, 1, heard)));
  const auto second = world.publish_task("s1", "late");
  const auto third = world.publish_control("s1", "stop");
  REQUIRE(heard->wait_for(3));
  const auto all = heard->all();
  CHECK(heard->ids_of("s1").size() == 3);
  for (const auto& d : all) {
    CHECK(d.partition == home);
    CHECK(d.session == session("s1"));
    if (d.kind == message_kind::control) {
      CHECK(d.seq == third);
      CHECK(d.subject == "baton.control." + std::to_string(home.value) + ".s1");
      CHECK(std::holds_alternative<control>(d.body));
    } else {
      CHECK(d.before_open == (d.seq == first));
      CHECK(std::holds_alternative<task>(d.body));
    }
  }
  tally confirmed;
  node.source().acknowledge(home, message_kind::task, first, confirmed.one());
  node.source().acknowledge(home, message_kind::task, second, confirmed.one());
  node.source().acknowledge(home, message_kind::control, third, confirmed.one());
  REQUIRE(confirmed.wait_for(3));
  CHECK(world.stored(message_kind::task) == 0);
  CHECK(world.stored(message_kind::control) == 0);
}

TEST_CASE("sessions of a partition come in stream order, and bursts are handed over together", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  world.publish_tasks("s1", 0, 500);
  source_node node{world.url()};
  const auto heard = listener();
  REQUIRE(opened(node.open(home, 1, heard)));
  REQUIRE(heard->wait_for(500));
  CHECK(heard->ids_of("s1") == numbered(0, 500));
  CHECK(heard->batches() < 500);
  world.publish_tasks("s1", 500, 1);
  REQUIRE(heard->wait_for(501)); // a single one does not wait for others
}

TEST_CASE("a listener never holds more than its credit", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  world.publish_tasks("s1", 0, 300);
  task_source_options options;
  options.pull.credit = 16;
  options.pull.batch = 8;
  source_node node{world.url(), options};
  SECTION("that settles one after the other") {
    const auto heard = listener();
    REQUIRE(opened(node.open(home, 1, heard)));
    for (std::size_t settled = 0; settled < 40; ++settled) {
      REQUIRE(heard->wait_for(settled + 16));
      const auto all = heard->all();
      REQUIRE(all.size() == settled + 16);
      tally confirmed;
      node.source().acknowledge(home, message_kind::task, all[settled].seq, confirmed.one());
      REQUIRE(confirmed.wait_for(1));
    }
  }
  SECTION("that settles whatever it gets") {
    const auto heard = std::make_shared<settling_listener>(node.source());
    REQUIRE(opened(node.open(home, 1, heard)));
    REQUIRE(heard->wait_confirmed(300));
    CHECK(heard->first_comings()["s1"] == numbered(0, 300));
  }
  SECTION("that only makes them light") {
    const auto heard = listener();
    REQUIRE(opened(node.open(home, 1, heard)));
    REQUIRE(heard->wait_for(16));
    (void)world.stored(message_kind::task); // a round trip: more would have come by now
    CHECK(heard->all().size() == 16);
    std::size_t light = 0;
    while (light < 300) {
      REQUIRE(heard->wait_for(light + 1));
      const auto all = heard->all();
      for (; light < all.size(); ++light)
        node.source().lighten(home, message_kind::task, all[light].seq);
    }
    CHECK(heard->ids_of("s1") == numbered(0, 300));
    CHECK(world.stored(message_kind::task) == 300);
  }
}

TEST_CASE("what cannot be decoded is delivered as a refusal and can be acknowledged", "[source]") {
  queue_world world(1);
  source_node node{world.url()};
  const auto heard = listener();
  REQUIRE(opened(node.open({0}, 1, heard)));
  const auto broken = world.publish("baton.task.s1", "neither");
  const auto strange = world.publish("baton.task.s!1", R"({"kind":"turn"})");
  const auto unknown = world.publish("baton.control.s1", R"({"kind":"dance"})");
  REQUIRE(heard->wait_for(3));
  for (const auto& d : heard->all()) {
    const auto* why = std::get_if<refusal>(&d.body);
    REQUIRE(why != nullptr);
    if (d.kind == message_kind::control) {
      CHECK(why->why == reason::unknown_kind);
    } else if (d.seq == broken) {
      CHECK(why->why == reason::not_decodable);
      CHECK(d.session == session("s1"));
    } else {
      CHECK(why->why == reason::invalid_session_id);
      CHECK(d.session.empty());
      CHECK(d.subject == "baton.task.0.s!1");
    }
  }
  tally confirmed;
  for (const auto seq : {broken, strange})
    node.source().acknowledge({0}, message_kind::task, seq, confirmed.one());
  node.source().acknowledge({0}, message_kind::control, unknown, confirmed.one());
  REQUIRE(confirmed.wait_for(3));
  CHECK(world.stored(message_kind::task) + world.stored(message_kind::control) == 0);
}

TEST_CASE("a refused message says who waits for an answer, as far as it can be read and is allowed", "[source]") {
  const auto place_of = [](std::string_view payload, message_kind kind = message_kind::control) {
    task_source_options options;
    options.reply_prefixes = {"answers."};
    options.decode.bytes_max = 1'000;
    const stored_place at{{0}, kind, {7}, instant{1s}, kind == message_kind::task ? "baton.task.0.s1" : "baton.control.0.s1"};
    const auto d = decode_delivery(at, payload, {}, options);
    REQUIRE(std::holds_alternative<refusal>(d.body));
    return d.answer_to;
  };
  using place = std::optional<answer_place>;
  const auto id = [](const char* text) { return *task_id::parse(text); };
  CHECK(place_of(R"({"kind":"dance","id":"c1","reply_to":"_INBOX.a"})") == place{{"_INBOX.a", encoding::json, id("c1")}});
  CHECK(place_of(R"({"kind":"dance","reply_to":"answers.a"})") == place{{"answers.a", encoding::json, id("s7-1000")}});
  CHECK(place_of(R"({"id":"t1","reply_to":"_INBOX.a"})", message_kind::task) == place{{"_INBOX.a", encoding::json, id("t1")}});
  const auto packed =
      codec::encode_value(value{value::object{{"kind", "dance"}, {"id", "c1"}, {"reply_to", "_INBOX.a"}}}, encoding::msgpack);
  CHECK(place_of(packed) == place{{"_INBOX.a", encoding::msgpack, id("c1")}});
  // Nobody asked, or not where answers may go, or nothing can be read at all.
  CHECK(place_of(R"({"kind":"dance"})") == std::nullopt);
  CHECK(place_of(R"({"kind":"dance","reply_to":"elsewhere.a"})") == std::nullopt);
  CHECK(place_of(R"({"kind":"dance","reply_to":"_INBOX.>"})") == std::nullopt);
  CHECK(place_of(R"({"kind":"dance","reply_to":["_INBOX.a"]})") == std::nullopt);
  CHECK(place_of(R"({"kind":"dance","id":"not an id","reply_to":"_INBOX.a"})") == std::nullopt);
  CHECK(place_of(R"({"kind":"dance","reply_to":"_INBOX.a")") == std::nullopt);
  CHECK(place_of(R"(["_INBOX.a"])") == std::nullopt);
  CHECK(place_of(R"({"kind":"cancel","reply_to":"_INBOX.a","by":")" + std::string(1'000, 'x') + R"("})") == std::nullopt);
}

TEST_CASE("a message carries its trace and the time when it was stored, also when it is read back", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const std::vector<header> with{{"traceparent", trace}};
  const auto seq = world.publish("baton.task.s1", R"({"kind":"turn","input":"x","runner":"echo"})", with);
  source_node node{world.url()};
  const auto heard = listener();
  REQUIRE(opened(node.open(home, 1, heard)));
  REQUIRE(heard->wait_for(1));
  const auto came = heard->all().front();
  CHECK(std::get<task>(came.body).traceparent == trace);
  CHECK(std::chrono::abs(support::system_clock{}.now() - came.stored_at) < 1min);

  const auto read = node.read_back(home, message_kind::task, seq);
  REQUIRE((read && *read && **read));
  const auto& again = ***read;
  CHECK(again.seq == seq);
  CHECK(again.subject == came.subject);
  CHECK(again.session == came.session);
  CHECK(again.stored_at == came.stored_at);
  CHECK(again.before_open);
  CHECK(std::get<task>(again.body) == std::get<task>(came.body)); // its made-up id included
}

TEST_CASE("reading back tells what is gone from what cannot be known", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  const auto seq = world.publish_task("s1", "t1");
  task_source_options options;
  options.read_timeout = 500ms;
  source_node node{world.url(), options};
  const auto closed = node.read_back(home, message_kind::task, seq);
  REQUIRE((closed && !*closed));
  CHECK(closed->error() == source_failure::superseded);
  const auto heard = listener();
  REQUIRE(opened(node.open(home, 1, heard)));
  REQUIRE(heard->wait_for(1));
  tally confirmed;
  node.source().acknowledge(home, message_kind::task, seq, confirmed.one());
  REQUIRE(confirmed.wait_for(1));
  const auto gone = node.read_back(home, message_kind::task, seq);
  REQUIRE((gone && *gone));
  CHECK_FALSE((*gone)->has_value());
  world.server.kill();
  const auto away = node.read_back(home, message_kind::task, seq);
  REQUIRE((away && !*away));
  CHECK(away->error() == source_failure::unreachable);
}

TEST_CASE("what is forgotten of a session is delivered again in order, and of others nothing", "[source]") {
  queue_world world(1);
  source_node node{world.url()};
  const auto heard = listener();
  REQUIRE(opened(node.open({0}, 1, heard)));
  for (const auto* id : {"a1", "a2"})
    world.publish_task("a", id);
  world.publish_task("b", "b1");
  world.publish_control("a", "c1");
  REQUIRE(heard->wait_for(4));
  node.source().forget({0}, session("nobody"));
  node.source().forget({0}, session("a"));
  world.publish_task("a", "a3");
  REQUIRE(heard->wait_for(8));
  std::vector<std::string> tasks;
  for (const auto& d : heard->all()) {
    if (const auto* t = std::get_if<task>(&d.body)) tasks.push_back(t->id.text());
  }
  CHECK(tasks == std::vector<std::string>{"a1", "a2", "b1", "a1", "a2", "a3"});
  tally confirmed;
  for (const auto& d : heard->all())
    node.source().acknowledge({0}, d.kind, d.seq, confirmed.one());
  REQUIRE(confirmed.wait_for(8));
  CHECK(world.stored(message_kind::task) == 0);
}

TEST_CASE("a message can be acknowledged before it comes", "[source]") {
  queue_world world;
  const auto home = home_of("s1");
  source_node node{world.url()};
  const auto heard = listener();
  REQUIRE(opened(node.open(home, 1, heard)));
  tally confirmed;
  node.source().acknowledge(home, message_kind::task, {1}, confirmed.one());
  world.publish_task("s1", "t0");
  world.publish_task("s1", "t1");
  REQUIRE(confirmed.wait_for(1));
  REQUIRE(heard->wait_for(1));
  CHECK(heard->ids_of("s1") == numbered(1, 1));
}

TEST_CASE("all partitions at once: each message comes to its own, once", "[source]") {
  constexpr std::uint64_t partitions = 32;
  queue_world world(partitions);
  source_node node{world.url()};
  const auto heard = std::make_shared<settling_listener>(node.source());
  for (int s = 0; s < 100; ++s)
    world.publish_tasks("s" + std::to_string(s), 0, 10);
  tally answers;
  for (std::uint64_t p = 0; p < partitions; ++p) {
    node.source().open({p}, {1}, heard, [one = answers.one()](const auto& result) {
      if (result) one();
    });
  }
  REQUIRE(answers.wait_for(partitions));
  REQUIRE(heard->wait_confirmed(1000));
  const auto came = heard->first_comings();
  CHECK(came.size() == 100);
  for (const auto& [of, ids] : came)
    CHECK(ids == numbered(0, 10));
  CHECK(heard->confirmed() == 1000);
  CHECK(world.stored(message_kind::task) == 0);
  CHECK(world.consumers(message_kind::task).size() == partitions);
}

TEST_CASE("a source can end in the middle of everything", "[source]") {
  queue_world world;
  source_node node{world.url()};
  const auto heard = std::make_shared<settling_listener>(node.source());
  for (int s = 0; s < 8; ++s)
    world.publish_tasks("s" + std::to_string(s), 0, 250);
  for (std::uint64_t p = 0; p < test_partitions; ++p)
    node.source().open({p}, {1}, heard, [](const auto&) {});
  REQUIRE(heard->wait_heard(100));
  node.end_source();
  const auto confirmed = heard->confirmed();
  (void)world.stored(message_kind::task); // a round trip, in which something could still be called
  CHECK(heard->confirmed() == confirmed);
}
