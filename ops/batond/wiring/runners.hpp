// The configured runners, made once at start.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "actors/ports/runner.hpp"
#include "bridge/process/program_host.hpp"
#include "config/options.hpp"

namespace baton::batond {

class configured_runners final : public runner_table {
public:
  /// `programs` outlives the table. Programs work in folders under `workspaces` unless their options say otherwise.
  configured_runners(const std::map<std::string, runner_options>& configured, program_host& programs,
                     const std::string& workspaces);
  [[nodiscard]] runner* find(std::string_view name) const override;

private:
  std::map<std::string, std::unique_ptr<runner>, std::less<>> by_name_;
};

} // namespace baton::batond
