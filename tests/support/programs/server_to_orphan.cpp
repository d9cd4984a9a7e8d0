// Starts a private nats-server, then waits to be killed. Prints `ready` when the server answers.
// Usage: server_to_orphan GUARD FOLDER OUTLIVE_MS
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "bridge/process/private_server.hpp"

namespace {

class silent_log final : public baton::operator_log {
public:
  void say(baton::severity, std::string_view) override {}
};

} // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  silent_log log;
  baton::private_server_options options;
  options.guard = argv[1];
  options.folder = argv[2];
  options.outlive = std::chrono::milliseconds{std::stoi(argv[3])};
  const auto server = baton::private_server::start(options, log);
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().c_str());
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  ::pause();
  return 0;
}
