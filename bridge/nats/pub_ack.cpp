#include "bridge/nats/pub_ack.hpp"

#include <charconv>
#include <optional>

namespace baton::nats {
namespace {

/// The number behind `"name":`, as the server writes it (no text that it sends holds that pattern unescaped).
std::optional<std::uint64_t> number_behind(std::string_view json, std::string_view name) {
  auto at = json.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  at += name.size();
  while (at < json.size() && (json[at] == ' ' || json[at] == ':'))
    ++at;
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(json.data() + at, json.data() + json.size(), number);
  if (failed != std::errc{}) return std::nullopt;
  return number;
}

} // namespace

expected<published, api_failure> read_pub_ack(std::string_view json) {
  if (json.find("\"error\"") == std::string_view::npos) {
    const auto seq = number_behind(json, "\"seq\"");
    if (!seq) return unexpected{api_failure{{}, 0, "unreadable answer to a publish"}};
    return published{{*seq}, json.find("\"duplicate\"") != std::string_view::npos};
  }
  auto refused = read_api_answer(json);
  if (refused) return unexpected{api_failure{{}, 0, "unreadable answer to a publish"}};
  return unexpected{std::move(refused).error()};
}

expected<published, api_failure> published_of(const requester::result& answer) {
  if (!answer) return unexpected{api_failure_of(answer.error())};
  return read_pub_ack(answer->payload());
}

} // namespace baton::nats
