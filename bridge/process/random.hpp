// Chance that nobody can guess, from the kernel. Any thread.
#pragma once

#include <cstddef>
#include <string>

namespace baton {

/// Two hexadecimal digits for each byte. Throws std::system_error if the kernel has none to give.
[[nodiscard]] std::string random_hex(std::size_t bytes);

} // namespace baton
