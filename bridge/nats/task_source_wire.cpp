#include "bridge/nats/task_source_wire.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "messages/codec.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

/// Answers of the API are our own server's: only a bound, no suspicion. A page of 1,024 names of 255 characters fits.
constexpr codec::decode_limits answer_limits{.bytes_max = 1024 * 1024, .depth_max = 16, .values_max = 65'536};
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

std::string api(std::string_view verb, message_kind kind, std::string_view rest = {}) {
  std::string subject{"$JS.API."};
  subject.append(verb).append(".").append(stream_of(kind));
  if (!rest.empty()) subject.append(".").append(rest);
  return subject;
}

std::int64_t nanoseconds(milliseconds span) { return std::chrono::nanoseconds{span}.count(); }

std::string as_json(value::object fields) { return codec::encode_value(value{std::move(fields)}, encoding::json); }

std::uint64_t unsigned_of(const value* v) {
  if (v == nullptr) return 0;
  if (const auto* n = v->as<std::int64_t>()) return *n < 0 ? 0 : static_cast<std::uint64_t>(*n);
  if (const auto* n = v->as<std::uint64_t>()) return *n;
  return 0;
}

/// The answer, unless it is an error.
expected<value, api_error> read_answer(std::string_view json) {
  auto decoded = codec::decode_value(json, answer_limits);
  if (!decoded) return unexpected{api_error{0, "unreadable answer: " + decoded.error().detail}};
  const auto* error = decoded->value.find("error");
  if (error == nullptr) return std::move(decoded->value);
  const auto* text = error->find("description");
  const auto* described = text == nullptr ? nullptr : text->as<std::string>();
  return unexpected{api_error{static_cast<int>(unsigned_of(error->find("err_code"))),
      described == nullptr ? std::string{"no description"} : *described}};
}

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

std::string consumer_names_subject(message_kind kind) { return api("CONSUMER.NAMES", kind); }
std::string consumer_delete_subject(message_kind kind, std::string_view consumer) {
  return api("CONSUMER.DELETE", kind, consumer);
}
std::string consumer_create_subject(message_kind kind, std::string_view consumer) {
  const auto name = parse_consumer(consumer);
  return api("CONSUMER.CREATE", kind, consumer) + "." + filter_of(kind, name ? name->partition : partition_id{});
}
std::string stream_info_subject(message_kind kind) { return api("STREAM.INFO", kind); }
std::string pull_subject(message_kind kind, std::string_view consumer) {
  return api("CONSUMER.MSG.NEXT", kind, consumer);
}
std::string direct_get_subject(message_kind kind) { return api("DIRECT.GET", kind); }

std::string stream_get_subject(message_kind kind) { return api("STREAM.MSG.GET", kind); }
std::string get_request(stream_seq seq) { return as_json({{"seq", seq.value}}); }

std::string consumer_create_request(std::string_view consumer, const consumer_shape& shape) {
  value::object config{
      {"name", consumer},
      {"durable_name", consumer},
      {"deliver_policy", "all"},
      {"ack_policy", "explicit"},
      {"replay_policy", "instant"},
      {"ack_wait", nanoseconds(shape.ack_wait)},
      {"max_deliver", std::int64_t{-1}},
      {"max_ack_pending", std::int64_t{-1}},
      {"max_waiting", max_waiting},
      {"filter_subject", filter_of(shape.kind, shape.partition)},
  };
  return as_json({{"stream_name", stream_of(shape.kind)}, {"action", "create"}, {"config", std::move(config)}});
}

std::string to_text(const pull_request& request) {
  return as_json({{"batch", request.batch}, {"max_bytes", request.bytes}, {"expires", nanoseconds(request.expires)},
      {"idle_heartbeat", nanoseconds(request.heartbeat)}});
}

expected<names_page, api_error> read_names(std::string_view json) {
  auto answer = read_answer(json);
  if (!answer) return unexpected{answer.error()};
  names_page page;
  page.total = unsigned_of(answer->find("total"));
  const auto* names = answer->find("consumers");
  const auto* list = names == nullptr ? nullptr : names->as<value::array>();
  if (list == nullptr) return page;
  for (const auto& one : *list) {
    if (const auto* name = one.as<std::string>()) page.names.push_back(*name);
  }
  return page;
}

std::string names_request(std::size_t offset) { return as_json({{"offset", static_cast<std::uint64_t>(offset)}}); }

expected<stream_state, api_error> read_stream_state(std::string_view json) {
  const auto answer = read_answer(json);
  if (!answer) return unexpected{answer.error()};
  const auto* state = answer->find("state");
  const auto* made = answer->find("created");
  const auto* text = made == nullptr ? nullptr : made->as<std::string>();
  if (state == nullptr || text == nullptr) return unexpected{api_error{0, "an answer without the stream's state"}};
  return stream_state{{unsigned_of(state->find("last_seq"))}, *text};
}

std::optional<api_error> read_error(std::string_view json) {
  const auto answer = read_answer(json);
  if (answer) return std::nullopt;
  return answer.error();
}

} // namespace baton::nats
