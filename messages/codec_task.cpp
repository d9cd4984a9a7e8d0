#include <algorithm>
#include <array>
#include <type_traits>
#include <variant>

#include "messages/codec.hpp"
#include "messages/codec_fields.hpp"
#include "messages/codec_text.hpp"
#include "messages/digest.hpp"

namespace baton::codec {
namespace {

constexpr std::uint64_t message_version = 1;
constexpr std::size_t reply_to_bytes_max = 256;
constexpr std::size_t by_bytes_max = 128;
constexpr std::size_t because_bytes_max = 1'024;

using names = std::initializer_list<std::string_view>;

bool among(std::string_view name, names known) { return std::ranges::find(known, name) != known.end(); }

/// W3C trace context, version 00: it becomes a header, so nothing else may pass.
bool is_traceparent(std::string_view text) {
  static constexpr std::string_view shape = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
  static constexpr std::string_view hex = "0123456789abcdef";
  return std::ranges::equal(text, shape,
      [](char c, char expected) { return expected == 'h' ? hex.find(c) != std::string_view::npos : c == expected; });
}

/// A subject that can be published to: tokens of printable ASCII without wildcards, none of them empty.
bool is_plain_subject(std::string_view subject) {
  if (subject.empty() || subject.front() == '.' || subject.back() == '.') return false;
  if (subject.find("..") != std::string_view::npos) return false;
  return std::all_of(
      subject.begin(), subject.end(), [](char c) { return c > ' ' && c <= '~' && c != '*' && c != '>'; });
}

/// A prefix ends where a token ends.
bool is_below(std::string_view subject, std::string_view prefix) {
  if (prefix.empty() || !subject.starts_with(prefix)) return false;
  return prefix.back() == '.' || subject.size() == prefix.size() || subject[prefix.size()] == '.';
}

bool may_reply_to(std::string_view subject, const std::vector<std::string>* prefixes) {
  if (!is_plain_subject(subject)) return false;
  if (is_below(subject, "_INBOX.")) return true;
  return prefixes != nullptr
      && std::ranges::any_of(*prefixes, [&](const auto& prefix) { return is_below(subject, prefix); });
}

void read_version(fields& from) {
  std::uint64_t version = message_version;
  from.read("version", version);
  if (version != message_version) from.fail(reason::unknown_version, "version");
}

/// Empty if absent.
std::string read_kind(fields& from, names built, names planned) {
  std::string kind;
  if (from.find("kind") == nullptr) return kind;
  from.read("kind", kind);
  if (!among(kind, built)) from.fail(among(kind, planned) ? reason::not_supported : reason::unknown_kind, "kind");
  return kind;
}

void read_id(fields& from, const arrival& where, task_id& to) {
  const auto* given = from.find("id");
  if (given != nullptr) {
    const auto* text = given->as<std::string>();
    if (text == nullptr) return from.fail(reason::wrong_type, "id", "not text");
    auto id = task_id::parse(*text);
    if (!id) return from.fail(reason::invalid_task_id, "id");
    to = *std::move(id);
    return;
  }
  const auto made =
      "s" + std::to_string(where.seq.value) + "-" + std::to_string(where.stored_at.time_since_epoch().count());
  to = task_id::parse(made).value();
}

void read_traceparent(fields& from, const arrival& where, std::string& to) {
  std::string text;
  from.read("traceparent", text);
  // A malformed one is worth no refusal: the trace begins here.
  if (is_traceparent(where.traceparent)) {
    to = where.traceparent;
  } else if (is_traceparent(text)) {
    to = std::move(text);
  }
}

void read_reply_to(fields& from, const arrival& where, std::string& to) {
  std::string subject;
  from.read("reply_to", subject, reply_to_bytes_max);
  if (subject.empty()) return;
  if (!may_reply_to(subject, where.reply_prefixes)) return from.fail(reason::reply_not_allowed, "reply_to");
  to = std::move(subject);
}

void read_time(fields& from, std::string_view name, std::optional<instant>& to) {
  const auto* given = from.find(name);
  if (given == nullptr) return;
  if (const auto* text = given->as<std::string>()) {
    to = parse_rfc3339(*text);
  } else if (const auto ms = whole_number(*given); ms && *ms <= static_cast<std::uint64_t>(instant_max_ms)) {
    to = instant{milliseconds{static_cast<std::int64_t>(*ms)}};
  }
  if (!to) from.fail(reason::wrong_type, name, "neither milliseconds since 1970 nor RFC 3339");
}

void read_priority(fields& from, std::uint8_t& to) {
  const auto* given = from.find("priority");
  if (given == nullptr) return;
  const auto n = whole_number(*given);
  if (!n || *n > priority_max) return from.fail(reason::wrong_type, "priority", "not a whole number from 0 to 9");
  to = static_cast<std::uint8_t>(*n);
}

/// A control message that is wanted later must not be carried out now.
void refuse_not_before(fields& from) {
  if (from.find("not_before") != nullptr) from.fail(reason::not_supported, "not_before");
}

void read_when_busy(fields& from, busy_policy& to) {
  if (from.find("when_busy") == nullptr) return;
  std::string text;
  from.read("when_busy", text);
  const auto known = parse_busy_policy(text);
  if (!known) return from.fail(reason::unknown_policy, "when_busy");
  to = *known;
}

void read_input(fields& from, value& to) {
  auto* input = from.require("input");
  if (input == nullptr) return;
  const bool fits = input->as<std::string>() != nullptr || input->as<value::array>() != nullptr;
  if (!fits) return from.fail(reason::wrong_type, "input", "neither text nor an array");
  to = std::move(*input);
}

void read_turn(fields& from, turn& to) {
  read_input(from, to.input);
  if (from.faulty()) return;
  from.read("runner", to.runner, runner_bytes_max);
  if (to.runner.empty()) from.fail(reason::missing_field, "runner");
  from.read_value("options", to.options);
  if (!to.options.is_null() && to.options.as<value::object>() == nullptr) {
    from.fail(reason::wrong_type, "options", "not a map");
  }
  read_when_busy(from, to.when_busy);
}

void read_cancel(fields& from, cancel& to) {
  task_id run;
  from.read("run", run, reason::invalid_task_id);
  if (!run.empty()) to.run = std::move(run);
  from.read("by", to.by, by_bytes_max);
  from.read("reason", to.because, because_bytes_max);
}

void read_steer(fields& from, steer& to) {
  task_id run;
  from.read("run", run, reason::invalid_task_id);
  if (!run.empty()) to.run = std::move(run);
  read_input(from, to.input);
  from.read("by", to.by, by_bytes_max);
}

template <class T>
void read_optional(fields& from, std::string_view name, std::optional<T>& to) {
  if (from.find(name) == nullptr) return;
  from.read(name, to.emplace());
}

void read_edit(fields& from, edit& to) {
  read_optional(from, "title", to.title);
  if (to.title && characters(*to.title) > title_characters_max) {
    from.fail(reason::too_large, "title", "more than " + std::to_string(title_characters_max) + " characters");
  }
  read_optional(from, "title_version", to.title_version);
  read_optional(from, "pinned", to.pinned);
  read_labels(from, to.labels);
  from.read("by", to.by, by_bytes_max);
  if (!to.title && !to.pinned && to.labels.empty()) {
    from.fail(reason::missing_field, "title, pinned or labels", "an edit must change something");
  }
}

/// What cannot be kept, whenever the turn comes.
void check_not_before(fields& from, const task& t, const turn& what) {
  if (!t.not_before || from.faulty()) return;
  if (what.when_busy != busy_policy::enqueue) {
    from.fail(reason::invalid_not_before, "when_busy", "a turn with not_before waits for its turn when it is due");
  } else if (t.deadline && *t.deadline <= *t.not_before) {
    from.fail(reason::invalid_not_before, "deadline", "not after not_before");
  }
}

/// The payload as an object.
expected<decoded_value, refusal> decode_object(std::string_view bytes, const decode_limits& limits) {
  auto read = decode_value(bytes, limits);
  if (read && read->value.as<value::object>() == nullptr)
    return unexpected{refusal{reason::not_decodable, "not a map"}};
  return read;
}

// What encode_task and encode_control have in common.

void add_text(value::object& to, std::string_view name, std::string_view text) {
  if (!text.empty()) to.emplace_back(name, text);
}

void add_labels(value::object& to, const labels& from) {
  if (from.empty()) return;
  value::object pairs;
  for (const auto& [key, text] : from)
    pairs.emplace_back(key, text);
  to.emplace_back("labels", std::move(pairs));
}

void add(value::object& to, const cancel& c) {
  to.emplace_back("kind", "cancel");
  if (c.run) add_text(to, "run", c.run->text());
  add_text(to, "by", c.by);
  add_text(to, "reason", c.because);
}

void add(value::object& to, const edit& e) {
  to.emplace_back("kind", "edit");
  if (e.title) to.emplace_back("title", *e.title);
  if (e.title_version) to.emplace_back("title_version", *e.title_version);
  if (e.pinned) to.emplace_back("pinned", *e.pinned);
  add_labels(to, e.labels);
  add_text(to, "by", e.by);
}

void add(value::object& to, const steer& s) {
  to.emplace_back("kind", "steer");
  if (s.run) add_text(to, "run", s.run->text());
  to.emplace_back("input", s.input);
  add_text(to, "by", s.by);
}

void add(value::object& to, const unstick& u) {
  to.emplace_back("kind", "unstick");
  add_text(to, "by", u.by);
}

void add(value::object& to, const remove& r) {
  to.emplace_back("kind", "delete");
  add_text(to, "by", r.by);
}

} // namespace

expected<task, refusal> decode_task(std::string_view bytes, const arrival& from, const decode_limits& limits) {
  auto payload = decode_object(bytes, limits);
  if (!payload) return unexpected{std::move(payload).error()};
  std::optional<refusal> fault;
  fields in{payload->value, fault, "task"};
  task t;
  turn what;
  read_version(in);
  read_kind(in, {"turn"}, {"follow_up", "schedule_due"});
  read_id(in, from, t.id);
  in.read("tenant", t.tenant, tenant_bytes_max);
  read_priority(in, t.priority);
  read_labels(in, t.labels);
  read_time(in, "deadline", t.deadline);
  read_time(in, "not_before", t.not_before);
  read_traceparent(in, from, t.traceparent);
  read_reply_to(in, from, t.reply_to);
  read_turn(in, what);
  check_not_before(in, t, what);
  if (fault) return unexpected{*std::move(fault)};
  t.encoding = payload->encoding;
  t.digest = digest_of_body(bytes);
  t.what = std::move(what);
  return t;
}

expected<control, refusal> decode_control(std::string_view bytes, const arrival& from, const decode_limits& limits) {
  auto payload = decode_object(bytes, limits);
  if (!payload) return unexpected{std::move(payload).error()};
  std::optional<refusal> fault;
  fields in{payload->value, fault, "control"};
  control c;
  read_version(in);
  in.require("kind");
  const auto kind = read_kind(
      in, {"cancel", "edit", "delete", "steer", "unstick"}, {"tool_result", "auth_result", "job_done", "child_done"});
  read_id(in, from, c.id);
  refuse_not_before(in);
  read_traceparent(in, from, c.traceparent);
  read_reply_to(in, from, c.reply_to);
  if (kind == "cancel") {
    read_cancel(in, c.what.emplace<cancel>());
  } else if (kind == "edit") {
    read_edit(in, c.what.emplace<edit>());
  } else if (kind == "delete") {
    in.read("by", c.what.emplace<remove>().by, by_bytes_max);
  } else if (kind == "steer") {
    read_steer(in, c.what.emplace<steer>());
  } else if (kind == "unstick") {
    in.read("by", c.what.emplace<unstick>().by, by_bytes_max);
  }
  if (fault) return unexpected{*std::move(fault)};
  c.encoding = payload->encoding;
  c.digest = digest_of_body(bytes);
  return c;
}

std::string encode_task(const task& t, encoding as) {
  value::object to;
  add_text(to, "id", t.id.text());
  to.emplace_back("kind", "turn");
  add_text(to, "tenant", t.tenant);
  if (t.priority > 0) to.emplace_back("priority", static_cast<std::int64_t>(t.priority));
  add_labels(to, t.labels);
  if (t.deadline) to.emplace_back("deadline", static_cast<std::int64_t>(t.deadline->time_since_epoch().count()));
  if (t.not_before) to.emplace_back("not_before", static_cast<std::int64_t>(t.not_before->time_since_epoch().count()));
  add_text(to, "traceparent", t.traceparent);
  add_text(to, "reply_to", t.reply_to);
  const auto& what = std::get<turn>(t.what);
  add_text(to, "runner", what.runner);
  to.emplace_back("input", what.input);
  if (!what.options.is_null()) to.emplace_back("options", what.options);
  if (what.when_busy != busy_policy::enqueue) add_text(to, "when_busy", to_text(what.when_busy));
  return encode_value(std::move(to), as);
}

std::string encode_control(const control& c, encoding as) {
  value::object to;
  add_text(to, "id", c.id.text());
  add_text(to, "traceparent", c.traceparent);
  add_text(to, "reply_to", c.reply_to);
  std::visit([&to](const auto& what) { add(to, what); }, c.what);
  return encode_value(std::move(to), as);
}

} // namespace baton::codec
