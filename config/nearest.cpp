#include "config/nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace baton::config {

namespace {

/// Names from outside are cut to this, so that a huge one costs nothing.
constexpr std::size_t name_letters_max = 128;

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> above(b.size() + 1);
  std::iota(above.begin(), above.end(), 0U);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::vector<std::size_t> now(b.size() + 1);
    now[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      now[j + 1] = std::min({above[j + 1] + 1, now[j] + 1, above[j] + (a[i] == b[j] ? 0U : 1U)});
    }
    above = std::move(now);
  }
  return above.back();
}

} // namespace

std::string nearest(std::string_view name, std::span<const std::string> known) {
  name = name.substr(0, name_letters_max);
  std::string best;
  std::size_t least = name_letters_max;
  for (const auto& k : known) {
    const auto d = distance(name, k);
    if (d < least && d * 3 <= k.size()) {
      least = d;
      best = k;
    }
  }
  return best;
}

} // namespace baton::config
