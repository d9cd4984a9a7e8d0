// simulation --seed S [--steps N] [--seeds K] [--trace]: K worlds, from seed S on. Exits 0 if all rules held in all of them, else
// 1, with the seed and the end of its history. The same seed and steps give the same world. It stops at the first that breaks one.
// With --plants: each planted fault (plants.hpp) in up to K worlds; exits 0 if each of them was found.
#include <charconv>
#include <cstdint>
#include <deque>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/simulation/simulation.hpp"
#include "tests/support/system_clock.hpp"

namespace {

using namespace baton::simulation;

constexpr std::size_t lines_shown = 60;

struct wishes {
  std::uint64_t seed = 1;
  std::uint64_t steps = 1'000;
  std::uint64_t seeds = 1;
  bool is_traced = false;
  bool has_plants = false;
  bool is_understood = true;
};

wishes wishes_in(int argc, char** argv) {
  wishes w;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--trace" || name == "--plants") {
      (name == "--trace" ? w.is_traced : w.has_plants) = true;
      continue;
    }
    auto* number = name == "--seed" ? &w.seed : name == "--steps" ? &w.steps : name == "--seeds" ? &w.seeds : nullptr;
    const std::string_view text = i + 1 < argc ? argv[++i] : "";
    const auto read = number == nullptr ? std::from_chars_result{} : std::from_chars(text.data(), text.data() + text.size(), *number);
    if (number == nullptr || read.ec != std::errc{} || text.empty()) w.is_understood = false;
  }
  return w;
}

struct sum {
  std::uint64_t seeds = 0;
  std::uint64_t steps = 0;
  std::uint64_t tasks = 0;
  std::uint64_t runs_ended = 0;
  std::uint64_t commits = 0;
  std::map<std::string, std::uint64_t> faults;

  void add(const simulation_report& one) {
    seeds += 1;
    steps += one.steps;
    tasks += one.tasks;
    runs_ended += one.runs_ended;
    commits += one.commits;
    for (const auto& [kind, times] : one.faults) faults[kind] += times;
  }
};

void show(const sum& all, std::int64_t took) {
  std::cout << "seeds " << all.seeds << ", steps " << all.steps << ", tasks " << all.tasks << ", runs ended " << all.runs_ended
            << ", commits " << all.commits << ", " << static_cast<double>(all.seeds) * 1'000 / static_cast<double>(took)
            << " seeds/s, " << all.steps * 1'000 / static_cast<std::uint64_t>(took) << " steps/s\n";
  for (const auto& [kind, times] : all.faults) std::cout << "  " << kind << ": " << times << '\n';
}

void show_end_of(simulation_order order) {
  std::stringstream told;
  order.history = &told;
  (void)simulate(order);
  std::deque<std::string> last;
  for (std::string line; std::getline(told, line);) {
    last.push_back(line);
    if (last.size() > lines_shown) last.pop_front();
  }
  for (const auto& line : last) std::cout << line << '\n';
}

/// The first seed whose world breaks; nothing: none does.
bool is_found(plant planted, const wishes& wanted) {
  for (auto seed = wanted.seed; seed < wanted.seed + wanted.seeds; ++seed) {
    const auto one = simulate({seed, wanted.steps, planted, nullptr});
    if (one.broken.empty()) continue;
    std::cout << name_in(plants, planted) << ": found after " << seed - wanted.seed + 1 << " seeds, " << one.broken << '\n';
    return true;
  }
  std::cout << name_in(plants, planted) << ": NOT FOUND in " << wanted.seeds << " seeds\n";
  return false;
}

int find_plants(const wishes& wanted) {
  bool all = true;
  for (const auto& row : plants) {
    if (row.is != plant::none && !is_found(row.is, wanted)) all = false;
  }
  return all ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  const auto wanted = wishes_in(argc, argv);
  if (!wanted.is_understood) {
    std::cerr << "usage: simulation [--seed S] [--steps N] [--seeds K] [--trace | --plants]\n";
    return 2;
  }
  if (wanted.has_plants) return find_plants(wanted);
  const baton::support::system_clock clock;
  const auto began = clock.monotonic_now();
  sum all;
  simulation_report one;
  simulation_order order{wanted.seed, wanted.steps, plant::none, wanted.is_traced ? &std::cout : nullptr};
  for (; order.seed < wanted.seed + wanted.seeds && one.broken.empty(); ++order.seed) {
    one = simulate(order);
    all.add(one);
  }
  show(all, std::max<std::int64_t>((clock.monotonic_now() - began).count(), 1));
  if (one.broken.empty()) return 0;
  order.seed -= 1;
  if (!wanted.is_traced) show_end_of(order);
  std::cout << "BROKEN: seed " << order.seed << ", steps " << order.steps << ", " << one.broken << '\n';
  return 1;
}
