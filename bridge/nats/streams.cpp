#include "bridge/nats/streams.hpp"

#include <map>
#include <optional>

#include "bridge/nats/js_api.hpp"
#include "bridge/nats/server_greeting.hpp"
#include "bridge/nats/stream_memory.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

using refused = streams_refused;

constexpr milliseconds greeting_patience{2'000};

/// What the server says of each stream that is there, by name.
using found_streams = std::map<std::string, value, std::less<>>;

refused unfit(std::string text) { return {refused::kind::unfit, std::move(text)}; }

refused refusal_of(const api_failure& why, std::string_view stream, std::string_view act, const requester& over) {
  const auto where = over.link().server_url();
  const auto what =
      std::string{"cannot "}.append(act).append(" stream ").append(stream).append(" at ").append(where) + ": ";
  if (!why.link) {
    const bool storage =
        why.code == refusal_code::insufficient_storage || why.code == refusal_code::insufficient_resources;
    if (why.code == refusal_code::jetstream_not_enabled)
      return unfit(what + "JetStream is not enabled for this account");
    return unfit(what + why.text + (storage ? " (give JetStream more room, or lower the stream's size option)" : ""));
  }
  if (*why.link == failure::no_responders) {
    return {refused::kind::unreachable,
        what + "JetStream does not answer (not enabled for this account, no permission for $JS.API, or no leader yet)"};
  }
  return {refused::kind::unreachable, what + why.text};
}

/// A server that does not greet (TLS from the first byte, a proxy) is judged by its streams alone.
std::optional<refused> check_version(const requester& over) {
  const auto where = over.link().server_url();
  const auto greeting = read_greeting(where, greeting_patience);
  if (!greeting || is_new_enough(greeting->version)) return std::nullopt;
  return unfit("the NATS server at " + where + " has version " + greeting->version + "; Baton needs "
      + std::string{server_version_min} + " or newer");
}

std::optional<refused> look(requester& over, std::string_view stream, found_streams& found) {
  auto info = call_api(over, api_subject("STREAM.INFO", stream));
  if (info)
    found.insert_or_assign(std::string{stream}, *std::move(info));
  else if (info.error().code != refusal_code::stream_not_found)
    return refusal_of(info.error(), stream, "read", over);
  return std::nullopt;
}

expected<found_streams, refused> look_at_all(requester& over) {
  found_streams found;
  for (const auto& shape : stream_shapes({})) {
    if (auto why = look(over, shape.name, found)) return unexpected{*std::move(why)};
  }
  return found;
}

const value& config_of(const value& info) {
  static const value none;
  const auto* config = info.find("config");
  return config == nullptr ? none : *config;
}

/// N of the queues that are there; nothing if none is.
expected<std::optional<std::uint64_t>, refused> partitions_found(const found_streams& found) {
  std::optional<std::uint64_t> partitions;
  for (const auto name : {subjects::tasks_stream, subjects::control_stream}) {
    const auto at = found.find(name);
    if (at == found.end()) continue;
    const auto n = partitions_of(config_of(at->second));
    if (!n) {
      return unexpected{unfit("stream " + std::string{name} + " is not Baton's: subject_transform.dest is \""
          + text_at(config_of(at->second), {"subject_transform", "dest"}) + "\", expected " + subjects::task_storage(32)
          + " or the like")};
    }
    if (partitions && *partitions != *n) {
      return unexpected{unfit("streams " + std::string{subjects::tasks_stream} + " and "
          + std::string{subjects::control_stream} + " have " + std::to_string(*partitions) + " and "
          + std::to_string(*n) + " partitions, expected the same number in both")};
    }
    partitions = n;
  }
  return partitions;
}

stream_report report_of(const std::string& name, const value& info) {
  stream_report report{.name = name,
      .made = text_at(info, {"created"}),
      .messages = number_at(info, {"state", "messages"}),
      .bytes = number_at(info, {"state", "bytes"}),
      .first_seq = number_at(info, {"state", "first_seq"}),
      .last_seq = number_at(info, {"state", "last_seq"}),
      .bytes_max = number_at(info, {"config", "max_bytes"}),
      .consumers = number_at(info, {"state", "consumer_count"}),
      .replicas = number_at(info, {"config", "num_replicas"})};
  const auto* followers = field_at(info, {"cluster", "replicas"});
  const auto* list = followers == nullptr ? nullptr : followers->as<value::array>();
  if (list == nullptr) return report;
  for (const auto& one : *list) {
    const auto* current = one.find("current");
    if (current != nullptr && current->as<bool>() != nullptr && *current->as<bool>()) ++report.replicas_current;
  }
  return report;
}

std::vector<stream_report> reports_of(const found_streams& found) {
  std::vector<stream_report> reports;
  for (const auto& shape : stream_shapes({})) {
    const auto at = found.find(shape.name);
    if (at != found.end()) reports.push_back(report_of(at->first, at->second));
  }
  return reports;
}

std::vector<seen_stream> seen_in(const found_streams& found) {
  std::vector<seen_stream> seen;
  for (const auto& one : reports_of(found)) {
    // Heartbeats are written anew every other second, so a few that a power cut takes are no loss.
    const bool is_told_anew = one.name == subjects::nodes_stream;
    seen.push_back({one.name, one.made, is_told_anew ? 0 : one.last_seq});
  }
  return seen;
}

std::optional<refused> check_memory(const stream_memory& memory, const found_streams& found, const requester& over) {
  if (memory.file.empty() || memory.accept_loss) return std::nullopt;
  const auto before = load_seen(memory.file);
  if (!before) return unfit(before.error() + ": remove it to trust the streams as they are");
  const auto lost = loss(*before, seen_in(found));
  if (lost.empty()) return std::nullopt;
  return refused{refused::kind::lost,
      lost + ". Is " + over.link().server_url()
          + " the right server, and its storage the right one? If the loss is to be accepted, say so, or remove "
          + memory.file.string()};
}

std::optional<refused> save(const stream_memory& memory, const found_streams& found) {
  if (memory.file.empty()) return std::nullopt;
  auto why = save_seen(memory.file, seen_in(found));
  if (!why) return std::nullopt;
  return unfit(*std::move(why));
}

std::optional<refused> make(requester& over, const stream_shape& shape, found_streams& found) {
  const auto* config = shape.config.as<value::object>();
  const auto answer = call_api(over, api_subject("STREAM.CREATE", shape.name), to_json(*config));
  // Another node may have made it in between, in a shape that is judged below.
  if (!answer && answer.error().code != refusal_code::stream_differs)
    return refusal_of(answer.error(), shape.name, "make", over);
  return look(over, shape.name, found);
}

std::optional<refused> verify(const stream_shape& shape, const found_streams& found) {
  const auto at = found.find(shape.name);
  if (at == found.end())
    return refused{refused::kind::unreachable, "stream " + std::string{shape.name} + " vanished while it was made"};
  const auto other = difference(shape, config_of(at->second));
  if (other.empty()) return std::nullopt;
  return unfit("stream " + std::string{shape.name} + " is not as Baton needs it: " + other
      + ". Baton changes no stream that is there: correct it, or give Baton an account of its own");
}

} // namespace

expected<streams_ready, streams_refused> prepare_streams(
    requester& over, const stream_plan& plan, const stream_memory& memory) {
  if (auto why = check_version(over)) return unexpected{*std::move(why)};
  auto found = look_at_all(over);
  if (!found) return unexpected{found.error()};
  const auto partitions = partitions_found(*found);
  if (!partitions) return unexpected{partitions.error()};
  if (*partitions && **partitions != plan.partitions) {
    return unexpected{
        unfit("the streams have " + std::to_string(**partitions) + " partitions, but " + std::to_string(plan.partitions)
            + " are configured: the number is fixed when the streams are made, so configure "
            + std::to_string(**partitions))};
  }
  if (auto why = check_memory(memory, *found, over)) return unexpected{*std::move(why)};

  streams_ready ready{.partitions = plan.partitions, .streams = {}, .made = {}};
  for (const auto& shape : stream_shapes(plan)) {
    if (found->find(shape.name) == found->end()) {
      if (auto why = make(over, shape, *found)) return unexpected{*std::move(why)};
      ready.made.emplace_back(shape.name);
    }
    if (auto why = verify(shape, *found)) return unexpected{*std::move(why)};
  }
  if (auto why = save(memory, *found)) return unexpected{*std::move(why)};
  ready.streams = reports_of(*found);
  return ready;
}

std::optional<streams_refused> remember_streams(requester& over, const stream_memory& memory) {
  const auto found = look_at_all(over);
  if (!found) return found.error();
  if (auto why = check_memory(memory, *found, over)) return why;
  return save(memory, *found);
}

expected<std::vector<stream_report>, streams_refused> read_streams(requester& over) {
  const auto found = look_at_all(over);
  if (!found) return unexpected{found.error()};
  return reports_of(*found);
}

} // namespace baton::nats
