#include "tests/support/golden.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace baton::support {
namespace {

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream{file, std::ios::binary} << text;
}

} // namespace

std::string compare_with_golden(
    const std::string& text, const std::filesystem::path& expected, const std::filesystem::path& found) {
  const char* update = std::getenv("BATON_UPDATE_GOLDEN");
  if (update != nullptr && *update != '\0') {
    write(expected, text);
    return {};
  }
  const auto wanted = content_of(expected);
  if (wanted == text) return {};
  write(found, text);
  std::istringstream want{wanted};
  std::istringstream have{text};
  for (int number = 1;; ++number) {
    std::string a;
    std::string b;
    const bool more_wanted = static_cast<bool>(std::getline(want, a));
    const bool more_found = static_cast<bool>(std::getline(have, b));
    if (more_wanted && more_found && a == b) continue;
    return expected.string() + ":" + std::to_string(number) + "\n  expected: " + (more_wanted ? a : "(end)")
        + "\n  found:    " + (more_found ? b : "(end)") + "\nall of it: " + found.string()
        + "; BATON_UPDATE_GOLDEN=1 accepts it";
  }
}

} // namespace baton::support
