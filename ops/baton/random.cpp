#include "ops/baton/random.hpp"

#include <cstdint>
#include <random>
#include <string>

namespace baton::cli {
namespace {

std::string in_base_36(std::uint64_t n, std::size_t width) {
  static constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string text(width, '0');
  for (auto at = text.rbegin(); at != text.rend(); ++at, n /= 36) *at = digits[n % 36];
  return text;
}

} // namespace

task_id fresh_id(char kind, instant now) {
  std::random_device chance;
  const auto high = static_cast<std::uint64_t>(chance()) << 32U;
  const auto time = static_cast<std::uint64_t>(now.time_since_epoch().count());
  return task_id::parse(kind + in_base_36(time, 9) + in_base_36(high | chance(), 10)).value_or(task_id{});
}

} // namespace baton::cli
