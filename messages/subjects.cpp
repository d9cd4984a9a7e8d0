#include "messages/subjects.hpp"

#include <charconv>

namespace baton::subjects {
namespace {

std::string joined(std::string_view prefix, std::string_view rest) {
  std::string subject;
  subject.reserve(prefix.size() + rest.size());
  return subject.append(prefix).append(rest);
}

std::string in_partition(std::string_view prefix, partition_id partition, std::string_view rest) {
  return joined(prefix, std::to_string(partition.value)).append(".").append(rest);
}

/// The text up to the next dot; `rest` loses it and the dot.
std::string_view take_token(std::string_view& rest) {
  const auto dot = rest.find('.');
  const auto token = rest.substr(0, dot);
  rest = dot == std::string_view::npos ? std::string_view{} : rest.substr(dot + 1);
  return token;
}

std::optional<partition_id> parse_partition(std::string_view number) {
  if (number.empty() || number.size() > 9) return std::nullopt;
  std::uint64_t partition = 0;
  for (const char digit : number) {
    if (digit < '0' || digit > '9') return std::nullopt;
    partition = partition * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return partition_id{partition};
}

constexpr std::string_view task_storage_begin = "baton.task.{{partition(";
constexpr std::string_view control_storage_begin = "baton.control.{{partition(";
constexpr std::string_view storage_end = ",1)}}.{{wildcard(1)}}";

} // namespace

partition_id partition_of(const session_id& session, std::uint64_t partitions) {
  std::uint32_t hash = 2'166'136'261U;
  for (const char c : session.text()) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 16'777'619U;
  }
  return {hash % partitions};
}

std::string task(const session_id& session) { return joined("baton.task.", session.text()); }
std::string control(const session_id& session) { return joined("baton.control.", session.text()); }
std::string stored_tasks_of(partition_id partition) { return in_partition("baton.task.", partition, "*"); }
std::string stored_control_of(partition_id partition) { return in_partition("baton.control.", partition, "*"); }
std::string log(partition_id partition, const session_id& session) {
  return in_partition("baton.log.", partition, session.text());
}
std::string wake(partition_id partition, const session_id& session, const wake_key& key) {
  return in_partition("baton.wake.", partition, session.text()).append(".").append(key.text());
}
std::string wakes_of(partition_id partition) { return in_partition("baton.wake.", partition, "*.*"); }
std::string owner(partition_id partition) { return joined("baton.owner.", std::to_string(partition.value)); }
std::string node(const node_id& node) { return joined("baton.node.", node.text()); }
std::string drain(const node_id& node) { return joined("baton.drain.", node.text()); }
std::string dead(const session_id& session) {
  return joined("baton.dead.", session.empty() ? std::string_view{"$invalid"} : std::string_view{session.text()});
}
std::string blob(const session_id& session, std::string_view digest, std::uint64_t chunk) {
  return joined("baton.blob.", session.text()).append(".").append(digest).append(".").append(std::to_string(chunk));
}
std::string blobs_of(const session_id& session) { return joined("baton.blob.", session.text()).append(".>"); }
std::string checkpoint(const session_id& session, std::string_view digest, std::uint64_t chunk) {
  return joined("baton.blob.", session.text()).append(".checkpoint.").append(digest).append("-").append(std::to_string(chunk));
}
std::string checkpoints_of(const session_id& session) {
  return joined("baton.blob.", session.text()).append(".checkpoint.*");
}
std::string live(const session_id& session, std::string_view kind) {
  return joined("baton.live.", session.text()).append(".").append(kind);
}
std::string live_of(const session_id& session) { return joined("baton.live.", session.text()).append(".>"); }
std::string committed(const session_id& session) { return joined("baton.committed.", session.text()); }
std::string refused(const session_id& session) { return joined("baton.refused.", session.text()); }

std::string task_storage(std::uint64_t partitions) {
  return joined(task_storage_begin, std::to_string(partitions)).append(storage_end);
}
std::string control_storage(std::uint64_t partitions) {
  return joined(control_storage_begin, std::to_string(partitions)).append(storage_end);
}

std::optional<std::uint64_t> partitions_in(std::string_view storage) {
  for (const auto begin : {task_storage_begin, control_storage_begin}) {
    if (!storage.starts_with(begin) || !storage.ends_with(storage_end)) continue;
    if (storage.size() <= begin.size() + storage_end.size()) continue;
    const auto digits = storage.substr(begin.size(), storage.size() - begin.size() - storage_end.size());
    std::uint64_t partitions = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), partitions);
    if (error == std::errc{} && end == digits.data() + digits.size() && partitions > 0) return partitions;
  }
  return std::nullopt;
}

std::optional<stored_subject> parse_stored(std::string_view subject) {
  auto rest = subject;
  if (take_token(rest) != "baton") return std::nullopt;
  const auto kind = take_token(rest);
  if (kind != "task" && kind != "control" && kind != "log") return std::nullopt;
  const auto partition = parse_partition(take_token(rest));
  if (!partition || rest.empty()) return std::nullopt;
  return stored_subject{*partition, session_id::parse(rest)};
}

std::optional<wake_subject> parse_wake(std::string_view subject) {
  auto rest = subject;
  if (take_token(rest) != "baton" || take_token(rest) != "wake") return std::nullopt;
  const auto partition = parse_partition(take_token(rest));
  const auto session = session_id::parse(take_token(rest));
  const auto key = wake_key::parse(rest);
  if (!partition || !session || !key) return std::nullopt;
  return wake_subject{*partition, *session, *key};
}

std::optional<session_id> session_of(std::string_view subject) {
  auto rest = subject;
  if (take_token(rest) != "baton") return std::nullopt;
  take_token(rest);
  return session_id::parse(take_token(rest));
}

std::string_view last_token(std::string_view subject) {
  const auto dot = subject.rfind('.');
  return dot == std::string_view::npos ? subject : subject.substr(dot + 1);
}

} // namespace baton::subjects
