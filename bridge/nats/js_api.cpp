#include "bridge/nats/js_api.hpp"

#include <algorithm>
#include <charconv>
#include <future>

#include "messages/codec.hpp"

namespace baton::nats {
namespace {

/// Our own server's answers: only a bound. A page of a stream's subjects holds up to 100,000 of them.
constexpr codec::decode_limits answer_limits{
    .bytes_max = std::size_t{64} * 1024 * 1024, .depth_max = 16, .values_max = 1'000'000};

constexpr int status_not_found = 404;

api_failure unreadable(std::string text) { return {.link = {}, .text = std::move(text)}; }

} // namespace

api_failure api_failure_of(failure link) { return {.link = link, .text = std::string{to_text(link)}}; }

std::string api_subject(std::string_view verb, std::string_view stream) {
  return std::string{"$JS.API."}.append(verb).append(".").append(stream);
}

api_result read_api_answer(std::string_view json) {
  auto decoded = codec::decode_value(json, answer_limits);
  if (!decoded) return unexpected{unreadable("unreadable answer: " + decoded.error().detail)};
  const auto* error = decoded->value.find("error");
  if (error == nullptr) return std::move(decoded->value);
  api_failure refused;
  refused.code = static_cast<std::int64_t>(number_at(*error, {"err_code"}));
  refused.text = text_at(*error, {"description"});
  return unexpected{std::move(refused)};
}

void ask_api(
    requester& over, const std::string& subject, std::string_view payload, std::function<void(api_result)> done) {
  over.request(subject, {}, payload, api_patience, [done = std::move(done)](requester::result answer) {
    if (!answer) return done(unexpected{api_failure_of(answer.error())});
    done(read_api_answer(answer->payload()));
  });
}

api_result call_api(requester& over, const std::string& subject, std::string_view payload) {
  const auto answer = call(over, subject, {}, payload, api_patience);
  if (!answer) return unexpected{api_failure_of(answer.error())};
  return read_api_answer(answer->payload());
}

requester::result call(
    requester& over, const std::string& subject, header_list with, std::string_view payload, milliseconds timeout) {
  // Shared, since the promise may still be in use by the callback when the future wakes this thread.
  const auto answered = std::make_shared<std::promise<requester::result>>();
  auto answer = answered->get_future();
  over.request(subject, with, payload, timeout, [answered](requester::result r) { answered->set_value(std::move(r)); });
  return answer.get();
}

std::string to_json(value::object fields) { return codec::encode_value(value{std::move(fields)}, encoding::json); }

const value* field_at(const value& in, std::initializer_list<std::string_view> path) {
  const auto* at = &in;
  for (const auto name : path) {
    at = at->find(name);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::uint64_t number_at(const value& in, std::initializer_list<std::string_view> path) {
  const auto* at = field_at(in, path);
  if (at == nullptr) return 0;
  if (const auto* n = at->as<std::int64_t>()) return *n < 0 ? 0 : static_cast<std::uint64_t>(*n);
  if (const auto* n = at->as<std::uint64_t>()) return *n;
  return 0;
}

std::string text_at(const value& in, std::initializer_list<std::string_view> path) {
  const auto* at = field_at(in, path);
  const auto* text = at == nullptr ? nullptr : at->as<std::string>();
  return text == nullptr ? std::string{} : *text;
}

std::string_view stored_message::header(std::string_view name) const {
  const auto line = std::ranges::find(headers, name, &header_line::name);
  return line == headers.end() ? std::string_view{} : std::string_view{line->value};
}

expected<stored_message, api_failure> read_message_answer(std::string_view json) {
  const auto answer = read_api_answer(json);
  if (!answer) return unexpected{answer.error()};
  const auto* message = answer->find("message");
  if (message == nullptr) return unexpected{unreadable("an answer without a message")};
  auto payload = from_base64(text_at(*message, {"data"}));
  const auto block = from_base64(text_at(*message, {"hdrs"}));
  auto headers = block ? parse_headers(*block) : std::nullopt;
  const auto stored_at = parse_server_time(text_at(*message, {"time"}));
  const stream_seq seq{number_at(*message, {"seq"})};
  if (!payload || !headers || !stored_at || seq.value == 0)
    return unexpected{unreadable("an answer with a broken message")};
  return stored_message{text_at(*message, {"subject"}), seq, *stored_at, std::move(*headers), std::move(*payload)};
}

expected<stored_message, api_failure> read_direct_answer(const reply& answer) {
  if (const int status = answer.status(); status != 0) {
    const auto code = status == status_not_found ? refusal_code::no_message : 0;
    return unexpected{
        api_failure{.link = {}, .code = code, .text = std::string{answer.header("Description").value_or("")}}};
  }
  stored_message message;
  const auto sequence = answer.header("Nats-Sequence").value_or("");
  const auto [end, error] = std::from_chars(sequence.data(), sequence.data() + sequence.size(), message.seq.value);
  const auto stored_at = parse_server_time(answer.header("Nats-Time-Stamp").value_or(""));
  if (error != std::errc{} || !stored_at) return unexpected{unreadable("a direct answer without sequence or time")};
  message.subject = answer.header("Nats-Subject").value_or("");
  message.stored_at = *stored_at;
  message.headers = answer.headers();
  message.payload = answer.payload();
  return message;
}

std::string last_by_subject(std::string_view subject) { return to_json({{"last_by_subj", subject}}); }
std::string next_by_subject(std::string_view subject, stream_seq from) {
  return to_json({{"seq", from.value}, {"next_by_subj", subject}});
}
std::string by_sequence(stream_seq seq) { return to_json({{"seq", seq.value}}); }

} // namespace baton::nats
