// Events, answers and dead letters: what others read.
#include <algorithm>
#include <string>
#include <utility>

#include "messages/codec.hpp"
#include "messages/codec_fields.hpp"
#include "messages/codec_names.hpp"
#include "messages/codec_pack.hpp"
#include "messages/codec_text.hpp"
#include "messages/codec_tree.hpp"

namespace baton::codec {
namespace {

/// An event is small and flat; anything else is none of ours.
constexpr decode_limits event_limits{.bytes_max = event_bytes_max, .depth_max = 8, .values_max = 256};
/// An answer or a dead letter holds what one message may hold, and what is wrapped around it.
constexpr decode_limits record_limits{.bytes_max = 64 * 1024 * 1024, .depth_max = 64, .values_max = 4 * 1024 * 1024};
/// Of a header beside its value: name, colon, blank and line end.
constexpr std::size_t event_header_bytes = std::string_view{"Baton-Event: \r\n"}.size();

/// One flat JSON object.
class json_line {
public:
  json_line() { line_.reserve(usual_bytes); }
  void text(std::string_view name, std::string_view held) {
    if (held.empty()) return;
    begin(name);
    append_json_text(line_, held);
  }
  void number(std::string_view name, std::uint64_t held) {
    begin(name);
    line_.append(std::to_string(held));
  }
  void number_unless_zero(std::string_view name, std::uint64_t held) {
    if (held != 0) number(name, held);
  }
  void time(std::string_view name, instant at) {
    begin(name);
    line_.append(std::to_string(at.time_since_epoch().count()));
  }
  [[nodiscard]] std::string take() { return std::move(line_.append("}")); }

private:
  void begin(std::string_view name) { line_.append(line_.empty() ? "{\"" : ",\"").append(name).append("\":"); }

  static constexpr std::size_t usual_bytes = 192;
  std::string line_;
};

std::string encode_event(const event& e) {
  json_line line;
  line.text("kind", to_text(e.kind));
  line.text("run", e.run.text());
  line.text("execution", e.execution.text());
  line.number_unless_zero("epoch", e.epoch.value);
  line.time("at", e.at);
  line.number_unless_zero("slice", e.slice.value);
  line.number_unless_zero("attempt", e.attempt);
  line.text("code", e.code);
  if (e.due) line.time("due", *e.due);
  line.number_unless_zero("count", e.count);
  line.text("disposition", to_text(e.disposition));
  line.text("other", e.other.text());
  line.number_unless_zero("boundary", e.boundary);
  return line.take();
}

std::size_t header_bytes(const std::string& line) { return line.size() + event_header_bytes; }

std::string omitted(const event& last, std::size_t count) {
  event e;
  e.kind = event_kind::events_omitted;
  e.at = last.at;
  e.epoch = last.epoch;
  e.count = count;
  return encode_event(e);
}

std::optional<event_kind> parse_event_kind(std::string_view text) { return parse_in(event_kinds, text); }
std::optional<disposition> parse_disposition(std::string_view text) { return parse_in(dispositions, text); }
std::optional<verdict> parse_verdict(std::string_view text) { return parse_in(verdict_names, text); }

/// A required text out of a closed list.
template <class T, class Parse>
void read_name(fields& from, std::string_view name, T& to, Parse parse, reason if_unknown) {
  if (from.require(name) == nullptr) return;
  std::string text;
  from.read(name, text);
  const auto known = parse(text);
  if (!known) return from.fail(if_unknown, name, "not one that is known");
  to = *known;
}

void read_event(fields& from, event& to) {
  read_name(from, "kind", to.kind, parse_event_kind, reason::unknown_kind);
  from.read("run", to.run);
  from.read("execution", to.execution);
  from.read("epoch", to.epoch);
  from.read("at", to.at);
  from.read("slice", to.slice);
  from.read("attempt", to.attempt);
  from.read("code", to.code);
  if (from.find("due") != nullptr) from.read("due", to.due.emplace());
  from.read("count", to.count);
  if (from.find("disposition") != nullptr) read_name(from, "disposition", to.disposition, parse_disposition, reason::wrong_type);
  from.read("other", to.other);
  from.read("boundary", to.boundary);
}

void read_answer(fields& from, answer& to) {
  from.read("to", to.to);
  read_name(from, "verdict", to.verdict, parse_verdict, reason::wrong_type);
  if (from.find("reason") != nullptr) {
    auto& why = to.why.emplace();
    read_name(from, "reason", why.why, parse_reason, reason::wrong_type);
    from.read("detail", why.detail);
  }
  from.read_value("body", to.body);
}

void read_dead_letter(fields& from, dead_letter& to) {
  from.read("session", to.session);
  from.read("id", to.id);
  read_name(from, "reason", to.why, parse_reason, reason::wrong_type);
  from.read("detail", to.detail);
  from.read("subject", to.subject);
  from.read("seq", to.seq);
  from.read("at", to.at);
  from.read("attempts", to.attempts);
  from.read_bytes("payload", to.payload);
  from.read("payload_cut", to.payload_cut);
  from.read("dedupe", to.dedupe);
}

/// A whole record out of its tree.
template <class T, class Read>
expected<T, refusal> read_record(expected<value, refusal> tree, std::string_view what, Read read) {
  if (!tree) return unexpected{std::move(tree).error()};
  std::optional<refusal> fault;
  fields from{*tree, fault, what};
  T record;
  if (!fault) read(from, record);
  if (fault) return unexpected{*std::move(fault)};
  return record;
}

} // namespace

std::vector<std::string> encode_events(const std::vector<event>& events) {
  std::vector<std::string> lines;
  lines.reserve(events.size());
  std::size_t bytes = 0;
  for (const auto& e : events)
    bytes += header_bytes(lines.emplace_back(encode_event(e)));
  if (bytes <= event_bytes_max) return lines;
  std::string last;
  do {
    bytes -= header_bytes(lines.back());
    lines.pop_back();
    last = omitted(events.back(), events.size() - lines.size());
  } while (bytes + header_bytes(last) > event_bytes_max);
  lines.push_back(std::move(last));
  return lines;
}

expected<event, refusal> decode_event(std::string_view json) {
  return read_record<event>(parse_json(json, event_limits), "event", read_event);
}

std::string encode_answer(const answer& a, encoding as) {
  value::object to;
  if (!a.to.empty()) to.emplace_back("to", a.to.text());
  to.emplace_back("verdict", name_in(verdict_names, a.verdict));
  if (a.why) {
    to.emplace_back("reason", to_text(a.why->why));
    if (!a.why->detail.empty()) to.emplace_back("detail", a.why->detail);
  }
  if (!a.body.is_null()) to.emplace_back("body", a.body);
  return encode_value(std::move(to), as);
}

expected<answer, refusal> decode_answer(std::string_view bytes) {
  auto decoded = decode_value(bytes, record_limits);
  if (!decoded) return unexpected{std::move(decoded).error()};
  return read_record<answer>(std::move(decoded->value), "answer", read_answer);
}

std::string encode_dead_letter(const dead_letter& d) {
  const std::string_view payload = std::string_view{d.payload}.substr(0, dead_payload_max);
  return packed([&](pack_writer& out) {
    pack_writer::map to{out};
    to.field_unless_default("session", d.session);
    to.field_unless_default("id", d.id);
    to.field("reason", to_text(d.why));
    to.field_unless_default("detail", d.detail);
    to.field("subject", d.subject);
    to.field("seq", d.seq);
    to.field("at", d.at);
    to.field_unless_default("attempts", d.attempts);
    to.key("payload").put_bytes(payload);
    to.field_unless_default("payload_cut", d.payload_cut || payload.size() < d.payload.size());
    to.field_unless_default("dedupe", d.dedupe);
  });
}

expected<dead_letter, refusal> decode_dead_letter(std::string_view bytes) {
  return read_record<dead_letter>(
      parse_msgpack(bytes, record_limits, text_rule::unchecked), "dead letter", read_dead_letter);
}

} // namespace baton::codec
