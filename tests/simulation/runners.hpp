// Runners whose every slice is chance: it reaches boundaries with and without checkpoints, completes, fails for good or for now,
// yields when asked, is deaf, hangs, dies slowly. A task whose input has the word "poison" takes its node down while it storms.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/ports/runner.hpp"
#include "tests/simulation/world.hpp"

namespace baton::simulation {

inline constexpr std::string_view runner_name = "chance";

class chance_runner final : public runner {
public:
  chance_runner(world& in, process& of) : world_(in), process_(of) {}
  std::unique_ptr<running_slice> start(const slice_request& request, std::shared_ptr<slice_listener> listener) override;
  /// All that runs is killed, and told so.
  void kill_all();

private:
  world& world_;
  process& process_;
  std::vector<std::function<void()>> kills_;
};

class only_chance final : public runner_table {
public:
  explicit only_chance(runner& held) : held_(held) {}
  [[nodiscard]] runner* find(std::string_view name) const override { return name == runner_name ? &held_ : nullptr; }

private:
  runner& held_;
};

} // namespace baton::simulation
