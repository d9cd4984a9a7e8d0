// Runs one shell line as a slice, then waits to be killed. Its lease is never renewed and lasts an hour.
// Usage: node_to_kill GUARD GROUPS WORKSPACES LINE
#include <unistd.h>

#include <chrono>
#include <string>

#include "bridge/process/program_runner.hpp"

namespace {

class deaf_listener final : public baton::slice_listener {
public:
  void note(baton::live_note) override {}
  void at_boundary(baton::boundary) override {}
  void ended(baton::slice_end) override {}
};

} // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 64;
  baton::program_host host{{.guard = argv[1], .groups = argv[2], .lease = std::chrono::hours{1}}};
  baton::runner_options how;
  how.program = argv[4];
  how.shell = true;
  how.workspace_root = argv[3];
  baton::program_runner runner{host, how};
  baton::slice_request request;
  request.routing.session = *baton::session_id::parse("s1");
  request.routing.execution = *baton::execution_id::parse("e1");
  const auto running = runner.start(request, std::make_shared<deaf_listener>());
  ::pause();
  return 0;
}
