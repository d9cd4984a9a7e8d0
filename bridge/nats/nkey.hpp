// The public half of an NKey: nats.c signs with a seed, but must be told the public key that belongs to it. Pure but for the file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "messages/expected.hpp"

namespace baton::nats {

/// The public key of a user seed (`SU…`); nothing if it is none.
[[nodiscard]] std::optional<std::string> public_nkey(std::string_view seed);

/// The same for the seed in a file: its first line that begins with `SU`. The error is for a person and never holds the seed.
[[nodiscard]] expected<std::string, std::string> public_nkey_of_seed_file(const std::string& path);

} // namespace baton::nats
