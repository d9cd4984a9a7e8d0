// Time, chance and order. Everything that happens is either mail that an actor takes up or something that is due at a time; which
// of the actors that have mail goes next is chance, and all chance comes from one seed. Mail to one actor keeps its order. One
// thread; the world outlives all that is in it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "messages/instant.hpp"
#include "tests/simulation/history.hpp"

namespace baton::simulation {

class actor;

/// Thrown by a step under whose feet its process dies: what it has done so far stays done.
struct process_died {};

/// One life of one process. Its actors run, stand still and die together. Its clocks are its own.
struct process {
  std::string name;
  bool is_alive = true;
  bool is_paused = false;
  /// It dies when it has passed this many more places where a crash matters; 0: it does not.
  std::uint64_t dies_in = 0;
  std::int64_t monotonic_offset = 0;
  /// Own milliseconds in 1,000 true ones.
  std::int64_t clock_rate = 1'000;
  std::int64_t wall_offset = 0;
  /// Have mail, and stand still.
  std::vector<std::shared_ptr<actor>> frozen;
};

class world {
public:
  world(std::uint64_t seed, history& told) : told_(told), chance_(seed * 0x9E3779B97F4A7C15ULL + 1) {}
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  [[nodiscard]] sim_time now() const noexcept { return now_; }
  /// By the broker's clock.
  [[nodiscard]] instant true_time() const noexcept { return instant{milliseconds{1'700'000'000'000 + now_}}; }
  [[nodiscard]] instant wall_of(const process& p) const { return true_time() + milliseconds{p.wall_offset}; }
  [[nodiscard]] monotonic_instant clock_of(const process& p) const {
    return monotonic_instant{milliseconds{p.monotonic_offset + now_ * p.clock_rate / 1'000}};
  }

  [[nodiscard]] std::uint64_t pick(std::uint64_t below) { return chance_() % below; }
  [[nodiscard]] bool one_in(std::uint64_t n) { return pick(n) == 0; }
  /// Chance that does harm: none once the storm is over.
  [[nodiscard]] bool strikes(std::uint64_t one_in_n) { return is_storming && one_in(one_in_n); }
  bool is_storming = true;

  void at(sim_time when, std::function<void()> what);
  void after(std::int64_t wait, std::function<void()> what) { at(now_ + wait, std::move(what)); }
  /// It has mail now.
  void make_ready(std::shared_ptr<actor> who);
  void freeze(process& p) { p.is_paused = true; }
  void thaw(process& p);
  void kill(process& p);
  /// A place where it matters whether the process still lives: perhaps it does not.
  void crash_place(process& p);
  /// Hears of each process that died.
  std::function<void(process&)> on_death;

  /// One more thing happens. False: nothing will ever happen again.
  bool step();
  [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }

  void tell(std::string_view who, std::string_view what) { told_.tell(now_, who, what); }
  [[nodiscard]] history& told() noexcept { return told_; }

private:
  struct due {
    sim_time at = 0;
    std::uint64_t order = 0;
    std::function<void()> what;
  };
  struct later {
    bool operator()(const due& a, const due& b) const { return a.at != b.at ? a.at > b.at : a.order > b.order; }
  };
  void run_mail(std::size_t which);
  void run_due();

  history& told_;
  std::mt19937_64 chance_;
  sim_time now_ = 0;
  std::uint64_t order_ = 0;
  std::uint64_t steps_ = 0;
  /// A heap.
  std::vector<due> due_;
  std::vector<std::shared_ptr<actor>> ready_;
};

/// Takes up one piece of mail at a time. What it is sent after its end goes nowhere.
class actor : public std::enable_shared_from_this<actor> {
public:
  actor(world& in, process& of) : world_(in), process_(of) {}
  virtual ~actor() = default;
  actor(const actor&) = delete;
  actor& operator=(const actor&) = delete;

  void post(std::function<void()> what);
  /// By the process's own clock.
  void post_after(milliseconds wait, std::function<void()> what);
  void quit();
  [[nodiscard]] bool is_over() const noexcept { return is_over_ || !process_.is_alive; }
  [[nodiscard]] std::size_t waiting() const noexcept { return mail_.size(); }

  /// A callback for a port: what it is called with comes back as mail for `handle`.
  template <class Handle>
  auto posting(Handle handle) {
    return [weak = weak_from_this(), handle](auto result) {
      if (const auto me = weak.lock()) me->post([handle, result = std::move(result)]() mutable { handle(std::move(result)); });
    };
  }

protected:
  world& world_;
  process& process_;

private:
  friend class world;
  std::deque<std::function<void()>> mail_;
  bool is_over_ = false;
};

} // namespace baton::simulation
