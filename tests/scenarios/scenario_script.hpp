// A scenario as text: lines that begin with `>` are carried out in order, `#` is a comment, and all other lines are what the
// session machine made of it. `> help` in a scenario lists the verbs.
#pragma once

#include <string>
#include <string_view>

namespace baton::support {

/// The script's comments and verbs as they are, with what happens now between them. A verb that cannot be carried out, and a
/// rule that is broken, end the text with a line that says so.
[[nodiscard]] std::string perform_scenario(std::string_view script);

} // namespace baton::support
