// Finds the nats-server on this machine.
#pragma once

#include <filesystem>
#include <string>

#include "messages/expected.hpp"

namespace baton {

/// `name` as a path, or a name on PATH or beside this process's own program; 2.10 or newer. The error is a sentence for a
/// person that says what to do. Runs the program once: blocks for a moment.
[[nodiscard]] expected<std::filesystem::path, std::string> find_server_program(const std::string& name);

} // namespace baton
