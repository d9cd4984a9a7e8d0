#include "bridge/nats/task_source_wire.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "bridge/nats/js_api.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

/// Pull requests that may wait at the server at once; the credit keeps us far below.
constexpr std::int64_t max_waiting = 128;

template <class Number>
bool read_number(std::string_view text, Number& into) {
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, into);
  return error == std::errc{} && stopped == end;
}

/// The text up to the next `at`; `rest` loses it and the mark.
std::string_view take_until(std::string_view& rest, char at) {
  const auto end = rest.find(at);
  const auto token = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return token;
}

std::string filter_of(message_kind kind, partition_id partition) {
  return kind == message_kind::task ? subjects::stored_tasks_of(partition) : subjects::stored_control_of(partition);
}

std::string of_consumer(std::string_view verb, message_kind kind, std::string_view consumer) {
  return api_subject(verb, stream_of(kind)).append(".").append(consumer);
}

std::int64_t nanoseconds(milliseconds span) { return std::chrono::nanoseconds{span}.count(); }

} // namespace

std::string_view stream_of(message_kind kind) {
  return kind == message_kind::task ? subjects::tasks_stream : subjects::control_stream;
}

std::string to_text(const consumer_name& name, std::string_view random) {
  return "p" + std::to_string(name.partition.value) + "-e" + std::to_string(name.epoch.value) + "-"
      + std::string{random};
}

std::optional<consumer_name> parse_consumer(std::string_view text) {
  auto rest = text;
  auto partition = take_until(rest, '-');
  auto epoch = take_until(rest, '-');
  if (!partition.starts_with('p') || !epoch.starts_with('e') || rest.empty()) return std::nullopt;
  partition.remove_prefix(1);
  epoch.remove_prefix(1);
  consumer_name name;
  if (!read_number(partition, name.partition.value) || !read_number(epoch, name.epoch.value)) return std::nullopt;
  return name;
}

std::optional<ack_subject> parse_ack(std::string_view subject) {
  // $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<timestamp>.<pending>, or, from servers in a
  // domain, with <domain>.<account> before the stream and perhaps more tokens at the end.
  std::array<std::string_view, 12> tokens{};
  std::size_t count = 0;
  for (auto rest = subject; !rest.empty() && count < tokens.size(); ++count)
    tokens[count] = take_until(rest, '.');
  if (count < 9 || count == 10 || tokens[0] != "$JS" || tokens[1] != "ACK") return std::nullopt;
  const auto* at = tokens.data() + (count == 9 ? 2 : 4);
  ack_subject parsed{.stream = at[0], .consumer = at[1], .seq = {}, .stored_at = {}};
  std::int64_t stamp = 0;
  if (!read_number(at[2], parsed.delivered) || !read_number(at[3], parsed.seq.value)) return std::nullopt;
  if (!read_number(at[4], parsed.consumer_seq) || !read_number(at[5], stamp)) return std::nullopt;
  parsed.stored_at = instant{std::chrono::floor<milliseconds>(std::chrono::nanoseconds{stamp})};
  return parsed;
}

std::string consumer_names_subject(message_kind kind) { return api_subject("CONSUMER.NAMES", stream_of(kind)); }
std::string consumer_delete_subject(message_kind kind, std::string_view consumer) {
  return of_consumer("CONSUMER.DELETE", kind, consumer);
}
std::string consumer_create_subject(message_kind kind, std::string_view consumer) {
  const auto name = parse_consumer(consumer);
  return of_consumer("CONSUMER.CREATE", kind, consumer) + "."
      + filter_of(kind, name ? name->partition : partition_id{});
}
std::string stream_info_subject(message_kind kind) { return api_subject("STREAM.INFO", stream_of(kind)); }
std::string pull_subject(message_kind kind, std::string_view consumer) {
  return of_consumer("CONSUMER.MSG.NEXT", kind, consumer);
}

std::string consumer_create_request(std::string_view consumer, const consumer_shape& shape) {
  value::object config{
      {"name", consumer},
      {"durable_name", consumer},
      {"deliver_policy", "all"},
      {"ack_policy", "explicit"},
      {"replay_policy", "instant"},
      {"ack_wait", nanoseconds(shape.ack_wait)},
      // A new consumer delivers all that is still in the queue, so nobody needs its state on disk; with a file, the server
      // writes all that is delivered and unacknowledged anew several times a second.
      {"mem_storage", true},
      {"max_deliver", std::int64_t{-1}},
      {"max_ack_pending", std::int64_t{-1}},
      {"max_waiting", max_waiting},
      {"filter_subject", filter_of(shape.kind, shape.partition)},
  };
  return to_json({{"stream_name", stream_of(shape.kind)}, {"action", "create"}, {"config", std::move(config)}});
}

std::string to_text(const pull_request& request) {
  return to_json({{"batch", request.batch}, {"max_bytes", request.bytes}, {"expires", nanoseconds(request.expires)},
      {"idle_heartbeat", nanoseconds(request.heartbeat)}});
}

std::string names_request(std::size_t offset) { return to_json({{"offset", static_cast<std::uint64_t>(offset)}}); }

names_page names_in(const value& answer) {
  names_page page;
  page.total = number_at(answer, {"total"});
  const auto* names = field_at(answer, {"consumers"});
  const auto* list = names == nullptr ? nullptr : names->as<value::array>();
  if (list == nullptr) return page;
  for (const auto& one : *list) {
    if (const auto* name = one.as<std::string>()) page.names.push_back(*name);
  }
  return page;
}

} // namespace baton::nats
