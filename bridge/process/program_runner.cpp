#include "bridge/process/program_runner.hpp"

#include <filesystem>
#include <utility>

namespace baton {

program_runner::program_runner(program_host& on, runner_options how) : on_(on), how_(std::move(how)) {
  // The program starts in the session's folder, which its own earlier turns filled: nothing may be looked up from there.
  const bool is_path = !how_.shell && how_.program.find('/') != std::string::npos;
  if (is_path) how_.program = std::filesystem::absolute(how_.program).string();
  how_.workspace_root = std::filesystem::absolute(how_.workspace_root).string();
}

std::unique_ptr<running_slice> program_runner::start(
    const slice_request& request, std::shared_ptr<slice_listener> listener) {
  return on_.start(how_, request, std::move(listener));
}

} // namespace baton
