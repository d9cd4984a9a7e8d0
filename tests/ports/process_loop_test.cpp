#include <catch2/catch_test_macros.hpp>
#include <future>
#include <memory>
#include <optional>

#include "bridge/process/event_loop.hpp"

using namespace baton;

TEST_CASE("however much is posted at once, timers have their turn in between, and the order stays", "[process][loop]") {
  constexpr int many = 20 * static_cast<int>(event_loop::posted_per_turn);
  std::optional<loop_timer> timer;
  std::optional<int> done_when_it_fired;
  int done = 0;
  bool in_order = true;
  std::promise<void> all_done;
  {
    event_loop loop;
    loop.post([&] {
      timer.emplace(loop, [&] { done_when_it_fired = done; });
      // From here, so that all of it waits when the first of it is done.
      for (int i = 0; i < many; ++i) {
        loop.post([&, i] {
          if (i == 0) timer->set(std::chrono::milliseconds{0});
          in_order = in_order && i == done;
          done += 1;
        });
      }
      loop.post([&] {
        timer.reset();
        all_done.set_value();
      });
    });
    all_done.get_future().wait();
  }
  CHECK(done == many);
  CHECK(in_order);
  REQUIRE(done_when_it_fired);
  CHECK(*done_when_it_fired <= static_cast<int>(event_loop::posted_per_turn));
}

TEST_CASE("what was posted before a loop is given up is still done, however much it is", "[process][loop]") {
  constexpr int many = 20 * static_cast<int>(event_loop::posted_per_turn);
  int done = 0;
  {
    event_loop loop;
    for (int i = 0; i < many; ++i) loop.post([&] { done += 1; });
  }
  CHECK(done == many);
}
