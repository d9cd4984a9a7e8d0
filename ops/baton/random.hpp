// Ids for what the command line publishes.
#pragma once

#include "messages/ids.hpp"
#include "messages/instant.hpp"

namespace baton::cli {

/// `<kind><time><chance>`, both in base 36: sorts by time, and no two are alike.
[[nodiscard]] task_id fresh_id(char kind, instant now);

} // namespace baton::cli
