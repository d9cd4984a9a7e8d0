#include "tests/simulation/network.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace baton::simulation {
namespace {

constexpr std::uint64_t usual_latency = 4;
/// Of what a busy server leaves lying: longer than any patience.
constexpr std::uint64_t slow_latency = 12'000;

} // namespace

void network::link::request(at_broker ask, milliseconds patience, std::function<void()> failed) {
  auto& w = of_.world_;
  struct state {
    bool is_answered = false;
  };
  const auto one = std::make_shared<state>();
  w.after(patience.count(), [one, failed = std::move(failed)] {
    if (!std::exchange(one->is_answered, true) && failed) failed();
  });
  if (!is_up_ || !of_.is_broker_up) return;
  if (w.strikes(150)) return w.told().fault("request lost");
  const auto generation = generation_;
  const bool is_slow = w.strikes(80);
  auto there = w.now() + static_cast<sim_time>(w.pick(usual_latency));
  if (is_slow) {
    w.told().fault("request late");
    there += static_cast<sim_time>(w.pick(slow_latency));
  } else {
    there = last_there_ = std::max(there, last_there_);
  }
  w.at(there, [this, one, generation, is_slow, ask = std::move(ask)] {
    auto& world = of_.world_;
    // One that is late has long left the connection that it came by.
    if (is_slow ? !of_.is_broker_up : !carries(generation)) return;
    auto answer = ask();
    if (!carries(generation)) return;
    if (world.strikes(120)) return world.told().fault("answer lost");
    last_back_ = std::max(last_back_, world.now() + static_cast<sim_time>(world.pick(usual_latency)));
    world.at(last_back_, [this, one, generation, answer = std::move(answer)] {
      if (!carries(generation) || std::exchange(one->is_answered, true)) return;
      if (answer) answer();
    });
  });
}

void network::link::push(std::function<void()> at_process) {
  auto& w = of_.world_;
  if (!is_up_) return;
  if (w.strikes(400)) return w.told().fault("push lost");
  last_back_ = std::max(last_back_, w.now() + static_cast<sim_time>(w.pick(usual_latency)));
  w.at(last_back_, [this, generation = generation_, what = std::move(at_process)] {
    if (carries(generation)) what();
  });
}

void network::link::cut(bool is_noticed) {
  if (!is_up_) return;
  is_up_ = false;
  ++generation_;
  if (is_noticed && changed) changed();
}

void network::link::mend() {
  if (is_up_) return;
  is_up_ = true;
  if (changed) changed();
}

void network::stop_broker() {
  is_broker_up = false;
  for (auto* one : links_) one->cut(true);
}

void network::start_broker() {
  is_broker_up = true;
  for (auto* one : links_) one->mend();
}

} // namespace baton::simulation
