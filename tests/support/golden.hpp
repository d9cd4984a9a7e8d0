// A text that a test makes, beside the file that was committed for it. With BATON_UPDATE_GOLDEN set to anything but nothing
// the file is written anew instead: look at what git says about it before it is committed.
#pragma once

#include <filesystem>
#include <string>

namespace baton::support {

/// Empty if `text` is what `expected` holds. Else the first line that differs, after `text` was written to `found`.
[[nodiscard]] std::string compare_with_golden(
    const std::string& text, const std::filesystem::path& expected, const std::filesystem::path& found);

} // namespace baton::support
