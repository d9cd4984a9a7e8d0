// The wakes of one partition: when they fire, and how the store comes to hold what sessions want.
#include "tests/unit/wakes_world.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace baton;
using namespace baton::test;
using namespace std::chrono_literals;

TEST_CASE("a wake is stored before its session hears of it, and fires when its time has come, not before", "[wakes]") {
  wakes_world w;
  w.open();
  w.give(wakes::wanted{name_of("s1"), {w.wall + 10s, "x"}});
  CHECK(w.told.empty());
  w.answer_all();
  CHECK(w.told == std::vector<std::string>{"stored s1"});
  w.pass(9'999ms);
  CHECK(w.fired.empty());
  w.pass(1ms);
  REQUIRE(w.fired.size() == 1);
  CHECK_FALSE(w.fired[0].late);
  w.pass(1h);
  CHECK(w.fired.size() == 1);
}

TEST_CASE("a wake that fired stays stored until its session wants it no more", "[wakes]") {
  wakes_world w;
  w.open();
  w.give(wakes::wanted{name_of("s1"), {w.wall + 1s, "x"}});
  w.answer_all();
  w.pass(1s);
  CHECK(w.stored.size() == 1);
  w.give(wakes::unwanted{name_of("s1")});
  CHECK(w.told.size() == 1);
  w.answer_all();
  CHECK(w.stored.empty());
  CHECK(w.told.back() == "removed s1");
  CHECK(w.state.known.empty());
}

TEST_CASE("a wake that fired fires again when its session's actor was lost", "[wakes]") {
  wakes_world w;
  w.open();
  w.give(wakes::wanted{name_of("s1"), {w.wall + 1s, "x"}});
  w.give(wakes::wanted{name_of("s2"), {w.wall + 1s, "x"}});
  w.answer_all();
  w.pass(1s);
  REQUIRE(w.fired.size() == 2);
  w.give(wakes::session_was_lost{name_of("s1").session});
  w.pass(1s);
  REQUIRE(w.fired.size() == 3);
  CHECK(w.fired[2].name == name_of("s1"));
}

TEST_CASE("what an earlier owner stored is loaded, page by page, and fires", "[wakes]") {
  wakes_world w;
  w.page_max = 3;
  w.broken = {{"baton.wake.0.s.broken", {99}}};
  for (int i = 0; i < 10; ++i) w.store(name_of("s" + std::to_string(i)), w.wall + 1s);
  w.open();
  CHECK(w.loaded == 10);
  CHECK(w.unreadable == 1);
  w.pass(1s);
  CHECK(w.fired.size() == 10);
  CHECK(w.told.empty());
}

TEST_CASE("what is wanted while the pages come counts more than what they say", "[wakes]") {
  wakes_world w;
  w.store(name_of("s1"), w.wall + 1s);
  w.store(name_of("s2"), w.wall + 1s);
  w.give(wakes::opened{});
  w.give(wakes::wanted{name_of("s1"), {w.wall + 5s, "x"}});
  w.give(wakes::unwanted{name_of("s2")});
  w.answer_all();
  CHECK(w.stored.size() == 1);
  CHECK(w.stored.at(name_of("s1")).wake->due == w.wall + 5s);
  CHECK(w.told.size() == 2);
  w.pass(4s);
  CHECK(w.fired.empty());
}

TEST_CASE("after downtime the late ones fire oldest first and spread, and those due in the present do not wait behind them", "[wakes]") {
  wakes_world w;
  w.settings.per_second = 200;
  for (int i = 0; i < 1'000; ++i) w.store(name_of("s" + std::to_string(i)), w.wall - 1h + milliseconds{(i * 7) % 1'000});
  w.open();
  w.give(wakes::wanted{name_of("now"), {w.wall + 500ms, "x"}});
  w.answer_all();
  w.pass(499ms);
  CHECK(w.fired.size() == 100);
  w.pass(101ms);
  CHECK(std::ranges::count(w.fired, name_of("now"), &wakes_world::shot::name) == 1);
  w.pass(5s);
  REQUIRE(w.fired.size() == 1'001);
  std::vector<instant> late;
  for (const auto& shot : w.fired) {
    if (shot.late) late.push_back(shot.due);
  }
  CHECK(late.size() == 1'000);
  CHECK(std::ranges::is_sorted(late));
}

TEST_CASE("more than can fire in the present fires all the same, later", "[wakes]") {
  wakes_world w;
  w.settings.per_second = 10;
  for (int i = 0; i < 100; ++i) w.store(name_of("s" + std::to_string(i)), w.wall + 1s);
  w.open();
  w.pass(1s);
  CHECK(w.fired.size() <= 5);
  w.pass(20s);
  CHECK(w.fired.size() == 100);
}

TEST_CASE("a rate below one in a step is kept too", "[wakes]") {
  wakes_world w;
  w.settings.per_second = 2;
  for (int i = 0; i < 10; ++i) w.store(name_of("s" + std::to_string(i)), w.wall - 1h);
  w.open();
  w.pass(3s);
  CHECK(w.fired.size() >= 6);
  CHECK(w.fired.size() <= 7);
}

TEST_CASE("a wall clock that is set back or forward is followed within some seconds", "[wakes]") {
  wakes_world w;
  w.open();
  w.give(wakes::wanted{name_of("s1"), {w.wall + 1h, "x"}});
  w.answer_all();
  w.pass(10s);
  w.wall += 2h;
  w.pass(w.settings.longest_timer);
  REQUIRE(w.fired.size() == 1);
  w.give(wakes::wanted{name_of("s2"), {w.wall + 10s, "x"}});
  w.answer_all();
  w.wall -= 1h;
  w.pass(30min);
  CHECK(w.fired.size() == 1);
  w.pass(31min);
  REQUIRE(w.fired.size() == 2);
  CHECK(w.fired[1].at >= w.fired[1].due);
}

TEST_CASE("what the store did not do is asked again, after a look at what it has", "[wakes]") {
  wakes_world w;
  w.open();
  w.refuses = true;
  w.give(wakes::wanted{name_of("s1"), {w.wall + 1h, "x"}});
  w.answer_all();
  CHECK(w.told.empty());
  CHECK(w.retry_is_set);
  w.give(wakes::retry_is_due{});
  REQUIRE(w.asked.size() == 1);
  CHECK(std::holds_alternative<wakes::find>(w.asked.front()));
  w.refuses = false;
  w.answer_all();
  CHECK(w.told == std::vector<std::string>{"stored s1"});
}

TEST_CASE("a put whose answer was lost is found, not stored twice", "[wakes]") {
  wakes_world w;
  w.open();
  w.loses_answers = true;
  w.give(wakes::wanted{name_of("s1"), {w.wall + 1h, "x"}});
  w.answer_all();
  const auto seq = w.stored.at(name_of("s1")).seq;
  w.loses_answers = false;
  w.give(wakes::retry_is_due{});
  w.answer_all();
  CHECK(w.stored.at(name_of("s1")).seq == seq);
  CHECK(w.told == std::vector<std::string>{"stored s1"});
}

TEST_CASE("what somebody else wrote in between is written over, at its own sequence", "[wakes]") {
  wakes_world w;
  w.open();
  w.give(wakes::wanted{name_of("s1"), {w.wall + 1h, "x"}});
  w.answer_all();
  w.store(name_of("s1"), w.wall + 9h);
  w.give(wakes::wanted{name_of("s1"), {w.wall + 2h, "x"}});
  w.answer_all();
  CHECK(w.stored.at(name_of("s1")).wake->due == w.wall + 2h);
  w.store(name_of("s1"), w.wall + 9h);
  w.give(wakes::unwanted{name_of("s1")});
  w.answer_all();
  CHECK(w.stored.empty());
}

TEST_CASE("only so many requests are under way, and the rest follows", "[wakes]") {
  wakes_world w;
  w.open();
  for (int i = 0; i < 1'000; ++i) w.give(wakes::wanted{name_of("s" + std::to_string(i)), {w.wall + 1h, "x"}});
  CHECK(w.asked.size() == w.settings.in_flight_max);
  w.answer_all();
  CHECK(w.told.size() == 1'000);
}

TEST_CASE("a wake that the store does not take fires all the same, once", "[wakes]") {
  wakes_world w;
  w.open();
  w.refuses = true;
  w.give(wakes::wanted{name_of("s1"), {w.wall + 1h, "x"}});
  w.answer_all();
  w.pass(1h);
  REQUIRE(w.fired.size() == 1);
  w.refuses = false;
  w.give(wakes::retry_is_due{});
  w.answer_all();
  CHECK(w.stored.size() == 1);
  w.pass(1h);
  CHECK(w.fired.size() == 1);
}

TEST_CASE("a partition without wakes sets no timer", "[wakes]") {
  wakes_world w;
  w.open();
  CHECK_FALSE(w.timer);
}
