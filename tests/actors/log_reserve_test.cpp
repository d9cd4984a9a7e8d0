// Near the log's size limit no slice starts, and what runs goes on.
#include <catch2/catch_test_macros.hpp>

#include <functional>
#include <optional>
#include <utility>

#include "actors/ports/log_gauge.hpp"
#include "tests/actors/node_world.hpp"

using namespace baton;
using namespace baton::support;

namespace {

using strings = std::vector<std::string>;

/// Answers when the test says so.
class held_gauge final : public log_gauge {
public:
  void read(std::function<void(std::optional<log_room>)> done) override {
    asked += 1;
    waiting_ = std::move(done);
  }
  void answer(std::optional<log_room> room) { std::exchange(waiting_, nullptr)(room); }
  [[nodiscard]] bool is_waiting() const { return static_cast<bool>(waiting_); }
  std::size_t asked = 0;

private:
  std::function<void(std::optional<log_room>)> waiting_;
};

struct reserve_world : node_world {
  reserve_world() {
    services_->gauge = &gauge;
    services_->log_reserve = 500;
    // A supervisor that knows the gauge.
    crash();
    open(1);
  }
  void answer(std::optional<log_room> room) {
    REQUIRE(gauge.is_waiting());
    gauge.answer(room);
    settle();
  }
  [[nodiscard]] milliseconds every() const { return services_->gauge_every; }
  [[nodiscard]] milliseconds retry() const { return services_->retry_every; }

  held_gauge gauge;
};

} // namespace

TEST_CASE_METHOD(reserve_world, "no slice starts while the log is down to its reserve", "[supervisor]") {
  publish("s1", "t1");
  REQUIRE(runner.started("t1") == 1);
  answer(log_room{1'600, 2'000});
  publish("s2", "t2");
  CHECK(runner.started("t2") == 0);
  CHECK(notices.lines.size() == 1);
  CHECK(counts.counts[counter::log_reserve_reached] == 1);
  complete("t1");
  CHECK(events_of("s1") == strings{"run_completed"});
  CHECK(runner.started("t2") == 0);

  advance(every());
  answer(log_room{1'700, 2'000});
  CHECK(runner.started("t2") == 0);
  CHECK(notices.lines.size() == 1);

  advance(every());
  answer(log_room{1'000, 2'000});
  CHECK(runner.started("t2") == 1);
  CHECK(notices.lines.size() == 2);
  CHECK(counts.counts[counter::log_reserve_reached] == 1);
  complete("t2");
  CHECK(events_of("s2") == strings{"run_completed"});
}

TEST_CASE_METHOD(reserve_world, "a deletion is stored though no slice starts", "[supervisor]") {
  answer(log_room{1'600, 2'000});
  publish("s1", "t1");
  control_message("s1", "d1", baton::remove{"ann"});
  CHECK(events_of("s1") == strings{"run_cancelled", "session_deleted"});
  CHECK(runner.started("t1") == 0);
}

TEST_CASE_METHOD(reserve_world, "a log that refuses a commit is looked at at once", "[supervisor]") {
  publish("s1", "t1");
  answer(log_room{0, 2'000});
  const auto asked = gauge.asked;
  log.refuse_next(log_failure::full);
  complete("t1");
  CHECK(gauge.asked == asked + 1);
  answer(log_room{1'990, 2'000});
  publish("s2", "t2");
  CHECK(runner.started("t2") == 0);
  advance(retry());
  CHECK(events_of("s1") == strings{"run_completed"});
}

TEST_CASE_METHOD(reserve_world, "a log without a limit, or one that is not heard of, stops nothing", "[supervisor]") {
  answer(log_room{1'000'000, 0});
  publish("s1", "t1");
  CHECK(runner.started("t1") == 1);
  advance(every());
  answer(std::nullopt);
  publish("s2", "t2");
  CHECK(runner.started("t2") == 1);
  CHECK(notices.lines.empty());
  advance(every());
  CHECK(gauge.is_waiting());
  answer(log_room{0, 0});
}
