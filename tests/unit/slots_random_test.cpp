// Random arrivals at the slots: what must hold at every step, and who has had how much in the end.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "actors/supervisor/slots.hpp"

using namespace baton;
using namespace baton::supervisor;
using namespace std::chrono_literals;

namespace {

struct account {
  std::size_t waiting = 0;
  std::size_t running = 0;
  milliseconds had{0};
};

/// Slices that end after a while, or yield when they are asked to and come again.
class simulation {
public:
  simulation(std::uint64_t seed, slot_terms terms) : random_{seed}, terms_{terms}, slots_{std::move(terms)} {}

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  milliseconds between(milliseconds least, milliseconds most) {
    return least + milliseconds{static_cast<std::int64_t>(below(static_cast<std::uint64_t>((most - least).count() + 1)))};
  }

  void arrive(const claim& on, milliseconds lasts) {
    const auto id = execution_id::parse("e" + std::to_string(++made_)).value();
    waiting_.emplace(id, wish{on, lasts});
    accounts_[on.tenant].waiting += 1;
    slots_.want(id, on, now_);
  }
  void withdraw_one() {
    if (waiting_.empty()) return;
    const auto any = std::next(waiting_.begin(), static_cast<std::ptrdiff_t>(below(waiting_.size())));
    slots_.free(any->first, now_);
    accounts_[any->second.on.tenant].waiting -= 1;
    waiting_.erase(any);
  }
  /// Time passes: what is granted starts, what is done ends, what is asked yields.
  void pass(milliseconds time) {
    grant();
    now_ += time;
    for (auto& [id, slice] : running_) accounts_[slice.on.tenant].had += time;
    for (const auto& id : slots_.to_yield(now_, true)) {
      REQUIRE(running_.contains(id));
      REQUIRE_FALSE(running_.at(id).is_asked);
      running_.at(id).is_asked = true;
    }
    std::vector<execution_id> over;
    for (const auto& [id, slice] : running_) {
      if (slice.is_asked || now_ >= slice.began + slice.lasts) over.push_back(id);
    }
    for (const auto& id : over) end(id);
    grant();
    check();
  }
  void drain() {
    while (!running_.empty() || !waiting_.empty()) pass(5s);
  }

  std::map<std::string, account>& accounts() { return accounts_; }
  [[nodiscard]] bool waits(const claim& with) const {
    return std::ranges::any_of(waiting_, [&](const auto& one) {
      return one.second.on.tenant == with.tenant && one.second.on.priority == with.priority;
    });
  }
  [[nodiscard]] std::size_t waiting(const std::string& tenant) {
    return accounts_[tenant].waiting;
  }
  [[nodiscard]] const supervisor::slots& slots() const { return slots_; }

private:
  struct wish {
    claim on;
    milliseconds lasts;
  };
  struct started {
    claim on;
    monotonic_instant began;
    milliseconds lasts;
    bool is_asked = false;
  };

  void grant() {
    while (const auto id = slots_.grant(now_)) {
      const auto found = waiting_.find(*id);
      REQUIRE(found != waiting_.end());
      const auto& was = found->second;
      running_.emplace(*id, started{was.on, now_, was.lasts});
      accounts_[was.on.tenant].waiting -= 1;
      accounts_[was.on.tenant].running += 1;
      slots_.launched(*id, now_);
      waiting_.erase(found);
    }
  }
  void end(const execution_id& id) {
    const auto slice = running_.at(id);
    running_.erase(id);
    accounts_[slice.on.tenant].running -= 1;
    slots_.free(id, now_);
    const auto left = slice.lasts - (now_ - slice.began);
    if (left > 0ms) arrive(slice.on, left);
  }
  [[nodiscard]] std::size_t limit_of(const std::string& tenant) const {
    const auto given = terms_.tenants.find(tenant);
    return given == terms_.tenants.end() || given->second.slots_max == 0 ? terms_.most : given->second.slots_max;
  }
  void check() {
    REQUIRE(slots_.used() == running_.size());
    REQUIRE(slots_.waiting() == waiting_.size());
    REQUIRE(running_.size() <= terms_.most);
    std::size_t suspects = 0;
    std::size_t shaken = 0;
    for (const auto& [id, slice] : running_) {
      suspects += slice.on.standing == standing::suspect ? 1 : 0;
      shaken += slice.on.standing == standing::shaken ? 1 : 0;
    }
    REQUIRE(suspects <= 1);
    REQUIRE((suspects == 0 || shaken == 0));
    for (const auto& load : slots_.loads()) REQUIRE(load.running == accounts_[load.tenant].running);
    for (const auto& [name, account] : accounts_) REQUIRE(account.running <= limit_of(name));
    // No slot stays free for a steady one that may have it.
    if (running_.size() == terms_.most) return;
    const auto could_run = [&](const auto& one) {
      const auto& on = one.second.on;
      return on.standing == standing::steady && accounts_[on.tenant].running < limit_of(on.tenant);
    };
    REQUIRE(std::ranges::none_of(waiting_, could_run));
  }

  std::mt19937_64 random_;
  slot_terms terms_;
  supervisor::slots slots_;
  monotonic_instant now_{1h};
  std::uint64_t made_ = 0;
  std::map<execution_id, wish> waiting_;
  std::map<execution_id, started> running_;
  std::map<std::string, account> accounts_;
};

} // namespace

TEST_CASE("whatever comes: limits hold, nobody starves, nothing stays behind", "[slots]") {
  constexpr standing kinds[] = {standing::steady, standing::steady, standing::steady, standing::shaken, standing::suspect};
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    INFO("seed " << seed);
    simulation world{seed,
        {.most = 1 + seed % 7, .tenants = {{"a", {.slots_max = 1}}, {"b", {.slots_max = 2, .weight = 5}}, {"c", {.weight = 9}}}}};
    for (int i = 0; i < 400; ++i) {
      if (world.below(3) > 0) {
        const std::string tenant(1, static_cast<char>('a' + world.below(6)));
        const auto priority = static_cast<std::uint8_t>(world.below(10));
        world.arrive({tenant, priority, kinds[world.below(std::size(kinds))]}, world.between(0ms, 30s));
      }
      if (world.below(20) == 0) world.withdraw_one();
      world.pass(world.between(0ms, 4s));
    }
    world.drain();
    CHECK(world.slots().used() == 0);
    CHECK(world.slots().waiting() == 0);
    CHECK(world.slots().tenants() == 0);
  }
}

TEST_CASE("slot time converges to the weights of those that always wait, however long their slices are", "[slots]") {
  const std::map<std::string, std::uint32_t> weights{{"one", 1}, {"two", 2}, {"five", 5}};
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    INFO("seed " << seed);
    slot_terms terms{.most = 1 + seed * 2};
    for (const auto& [name, weight] : weights) terms.tenants[name] = {.weight = weight};
    simulation world{seed, terms};
    const auto longest = seed % 3 == 0 ? 40s : 3s;
    milliseconds passed{0};
    while (passed < 1h) {
      for (const auto& [name, weight] : weights) {
        // The one has many short slices, the other few long ones.
        const auto lasts = name == "one" ? world.between(10ms, 500ms) : world.between(500ms, longest);
        while (world.waiting(name) < terms.most) world.arrive({name, 0, standing::steady}, lasts);
      }
      world.pass(500ms);
      passed += 500ms;
    }
    for (const auto& [name, weight] : weights) {
      const auto had = std::chrono::duration<double>(world.accounts()[name].had).count();
      const auto all = std::chrono::duration<double>(passed).count() * static_cast<double>(terms.most);
      INFO(name << " had " << had / all << " of all");
      CHECK(std::abs(had / all - weight / 8.0) < 0.03);
    }
  }
}

TEST_CASE("however one tenant floods, another one's turn waits for little more than a share", "[slots]") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    slot_terms terms{.most = 1 + seed % 5};
    simulation world{seed, terms};
    for (int i = 0; i < 500; ++i) world.arrive({"flood", 9, standing::steady}, 10min);
    world.pass(1s);
    for (int i = 0; i < 20; ++i) {
      world.arrive({"quiet", 0, standing::steady}, 1s);
      milliseconds waited{0};
      while (world.waiting("quiet") > 0) {
        world.pass(250ms);
        waited += 250ms;
        REQUIRE(waited <= terms.share_after + 500ms);
      }
      for (auto steps = 4 + world.below(200); steps > 0; --steps) world.pass(250ms);
    }
  }
}

TEST_CASE("within a tenant the lowest priority gets its slot while more of the highest come than can run", "[slots]") {
  simulation world{7, {.most = 2}};
  for (int i = 0; i < 10; ++i) world.arrive({"", 9, standing::steady}, 1s);
  world.pass(0s);
  world.arrive({"", 0, standing::steady}, 1s);
  milliseconds waited{0};
  for (; world.waits({.tenant = "", .priority = 0}); waited += 1s) {
    for (int i = 0; i < 3; ++i) world.arrive({"", 9, standing::steady}, 1s);
    world.pass(1s);
    REQUIRE(waited <= 9 * priority_step * 2);
  }
  CHECK(waited > 9 * priority_step);
}
