#include "ops/batond/wiring/runners.hpp"

#include "actors/execution/echo_runner.hpp"
#include "bridge/process/program_runner.hpp"

namespace baton::batond {

configured_runners::configured_runners(const std::map<std::string, runner_options>& configured, program_host& programs,
                                       const std::string& workspaces) {
  for (const auto& [name, how] : configured) {
    switch (how.type) {
      case runner_type::echo: by_name_.emplace(name, std::make_unique<echo_runner>()); break;
      case runner_type::command: {
        auto in_workspace = how;
        if (in_workspace.workspace_root.empty()) in_workspace.workspace_root = workspaces;
        by_name_.emplace(name, std::make_unique<program_runner>(programs, std::move(in_workspace)));
        break;
      }
    }
  }
}

runner* configured_runners::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second.get();
}

} // namespace baton::batond
