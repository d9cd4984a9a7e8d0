// A configured program as a runner: in the session's own folder, under a guard, told about the slice by environment, stdin and,
// if it speaks jsonl, line by line. See plain_talk.hpp and jsonl_talk.hpp for what it may say.
#pragma once

#include <memory>

#include "actors/ports/runner.hpp"
#include "bridge/process/program_host.hpp"
#include "config/options.hpp"

namespace baton {

class program_runner final : public runner {
public:
  /// `how.workspace_root` must not be empty. A relative path in `how` is taken from where this process is now.
  /// `on` outlives this.
  program_runner(program_host& on, runner_options how);
  std::unique_ptr<running_slice> start(const slice_request& request, std::shared_ptr<slice_listener> listener) override;

private:
  program_host& on_;
  runner_options how_;
};

} // namespace baton
