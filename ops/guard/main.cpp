// baton-guard: runs one program for a node and kills all of it when the node is gone. See guard.hpp.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "ops/guard/guard.hpp"
#include "ops/guard/settings.hpp"

int main(int argc, char** argv) {
  try {
    const auto settings = baton::parse_guard_settings({argv + 1, argv + argc});
    if (!settings) {
      std::fputs(baton::guard_usage, stderr);
      return 64;
    }
    return baton::guard{*settings}.run();
  } catch (const std::exception& broken) {
    std::fprintf(stderr, "baton-guard: %s\n", broken.what());
    return 70;
  }
}
