#include "tests/unit/codec_generator.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>

namespace baton::test {
namespace {

constexpr std::string_view words = "ABCXYZabcxyz0189_-";
constexpr std::string_view task_words = "ABCXYZabcxyz0189_-.:";
constexpr std::size_t id_longest = 64;
constexpr std::string_view traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

} // namespace

std::uint64_t codec_generator::number() {
  const auto edge = std::uint64_t{1} << below(64);
  switch (below(4)) {
  case 0: return edge;
  case 1: return edge - 1;
  case 2: return below(1'000);
  default: return std::uint64_t{chance_()} << 32U | chance_();
  }
}

std::string codec_generator::text() {
  static constexpr auto lengths = std::to_array<std::size_t>({0, 1, 7, 8, 9, 31, 32, 255, 256, 1'000, 65'535, 65'536});
  // Long ones are rare: they cost time and show little.
  const auto length = lengths[below(below(20) == 0 ? lengths.size() : 9)];
  std::string made;
  while (made.size() < length)
    made += short_text();
  return made;
}

std::string codec_generator::short_text() {
  static constexpr auto pieces =
      std::to_array<std::string_view>({"a", "Z", " ", "\"", "\\", "\n", "\r\n", "\t", "/", "\x7f", "é", "ß", "漢",
          "\xEF\xBF\xBD", "😀", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF", "{", "[", "word", "\x01", "\x1f"});
  std::string made;
  for (auto count = below(6); count > 0; --count)
    made += pieces[below(pieces.size())];
  if (below(8) == 0) made.push_back('\0');
  return made;
}

std::string codec_generator::bytes() {
  std::string made;
  for (auto count = below(300); count > 0; --count)
    made.push_back(static_cast<char>(below(256)));
  return made;
}

value::array codec_generator::any_items(int depth, bool with_bytes) {
  value::array items;
  for (auto count = below(below(10) == 0 ? 40 : 5); count > 0; --count)
    items.push_back(any_value(depth - 1, with_bytes));
  return items;
}

value codec_generator::any_object(int depth, bool with_bytes) {
  value::object fields;
  std::set<std::string> used;
  for (auto count = below(below(10) == 0 ? 40 : 5); count > 0; --count) {
    auto key = short_text();
    if (used.insert(key).second) fields.emplace_back(std::move(key), any_value(depth - 1, with_bytes));
  }
  return fields;
}

value codec_generator::any_value(int depth, bool with_bytes) {
  static constexpr auto doubles = std::to_array<double>({0.0, -0.0, 5.0, -1.5, 0.1, 1e300, 5e-324, 1e15, 1e16, 1e17,
      123456789.125, std::numeric_limits<double>::max(), std::numeric_limits<double>::lowest()});
  switch (below(depth > 0 ? 10 : 8)) {
  case 0: return {};
  case 1: return coin();
  case 2: return -static_cast<std::int64_t>(number() >> 1U) - 1;
  case 3: {
    const auto n = number();
    return n <= static_cast<std::uint64_t>(INT64_MAX) ? value{static_cast<std::int64_t>(n)} : value{n};
  }
  case 4: return doubles[below(doubles.size())];
  case 5: {
    const auto d = std::bit_cast<double>(std::uint64_t{chance_()} << 32U | chance_());
    return std::isfinite(d) ? d : 0.5;
  }
  case 6: return text();
  case 7: return with_bytes ? value{value::bytes{bytes()}} : value{short_text()};
  case 8: return any_items(depth, with_bytes);
  default: return any_object(depth, with_bytes);
  }
}

template <class Id>
Id codec_generator::id(std::string_view alphabet, std::size_t longest) {
  std::string made;
  for (auto count = 1 + below(longest); count > 0; --count)
    made.push_back(alphabet[below(alphabet.size())]);
  return Id::parse(made).value();
}

task_id codec_generator::any_task_id() { return id<task_id>(task_words, id_longest); }
execution_id codec_generator::any_execution_id() { return id<execution_id>(words, id_longest); }

labels codec_generator::any_labels() {
  labels made;
  for (auto count = below(5); count > 0; --count)
    made.emplace("k" + std::to_string(below(100)), short_text());
  return made;
}

task codec_generator::any_task(bool with_bytes) {
  task t;
  t.id = any_task_id();
  if (coin()) t.tenant = "tenant-" + std::to_string(below(100));
  if (coin()) t.priority = static_cast<std::uint8_t>(below(priority_max + 1));
  t.labels = any_labels();
  if (coin()) t.deadline = time();
  if (coin()) t.traceparent = traceparent;
  if (coin()) t.reply_to = "_INBOX.abc.1";
  turn what;
  what.input = coin() ? value{text()} : value{any_items(3, with_bytes)};
  what.runner = "echo";
  if (coin()) what.options = any_object(3, with_bytes);
  if (coin()) what.when_busy = busy_policies[below(busy_policies.size())].is;
  if (what.when_busy == busy_policy::enqueue && !t.deadline && coin()) t.not_before = time();
  t.what = std::move(what);
  return t;
}

control codec_generator::any_control() {
  control c;
  c.id = any_task_id();
  if (coin()) c.traceparent = traceparent;
  if (coin()) c.reply_to = "_INBOX.abc.2";
  switch (below(5)) {
  case 4: c.what = unstick{short_text()}; break;
  case 0: c.what = steer{coin() ? std::optional{any_task_id()} : std::nullopt, text(), short_text()}; break;
  case 3: {
    auto& what = c.what.emplace<cancel>();
    if (coin()) what.run = any_task_id();
    what.by = short_text();
    what.because = short_text();
    break;
  }
  case 1: {
    auto& what = c.what.emplace<edit>();
    what.pinned = coin();
    if (coin()) what.title = short_text();
    if (coin()) what.title_version = number();
    what.labels = any_labels();
    what.by = short_text();
    break;
  }
  default: c.what.emplace<remove>().by = short_text();
  }
  return c;
}

blob_ref codec_generator::any_blob() { return {.digest = std::string(64, 'a'), .size = number()}; }

checkpoint codec_generator::any_checkpoint() {
  checkpoint c;
  c.state = any_value(3);
  if (coin()) c.blob = any_blob();
  c.slice = {number()};
  c.at = time();
  return c;
}

run_record codec_generator::any_run() {
  run_record run;
  run.id = any_task_id();
  run.message = {number()};
  run.digest = {number()};
  run.runner = short_text();
  run.tenant = short_text();
  if (coin()) run.execution = any_execution_id();
  run.slice = {number()};
  run.attempts = static_cast<std::uint32_t>(number());
  run.crashes = static_cast<std::uint32_t>(number());
  run.accepted_at = time();
  run.started_at = time();
  if (coin()) run.deadline = time();
  if (coin()) run.last_checkpoint = any_checkpoint();
  run.input_stored = coin();
  run.last_error = short_text();
  run.has_waited = coin();
  run.hears = coin();
  if (coin()) run.stopped_by = any_task_id();
  run.is_rolled_back = coin();
  return run;
}

phase codec_generator::any_phase() {
  switch (below(5)) {
  case 0: return phases::idle{};
  case 1: return phases::running{any_run()};
  case 2: return phases::retry_wait{any_run(), time()};
  case 3: return phases::yielded{any_run()};
  default: return phases::deleted{time()};
  }
}

head codec_generator::any_head() {
  head h;
  h.phase = any_phase();
  for (auto count = below(coin() ? 4 : 200); count > 0; --count) {
    h.ledger.push_back({.id = {.high = number(), .low = number()}, .digest = {number()}, .ended = any_settlement()});
  }
  for (auto count = below(4); count > 0; --count) {
    h.outbox.push_back({.id = short_text(),
        .run = any_task_id(),
        .message = {number()},
        .why = any_reason(),
        .text = short_text(),
        .attempts = static_cast<std::uint32_t>(number()),
        .at = time()});
  }
  if (coin()) {
    h.last = last_run{any_task_id(), any_settlement(), time(), static_cast<std::uint32_t>(number()), std::nullopt};
    if (coin()) h.last->code = any_reason();
  }
  for (auto count = below(4); count > 0; --count) {
    h.busy.joined.push_back({{coin() ? message_kind::task : message_kind::control, {number()}}, {number(), number()}, {number(), number()},
        coin() ? joined_message::manner::merged : joined_message::manner::injected});
  }
  for (auto count = below(4); count > 0; --count) h.busy.decided.push_back({{number(), number()}, coin()});
  for (auto count = below(4); count > 0; --count) h.spilled.push_back({{number(), number()}, {number()}, {number()}, time()});
  h.busy.replaced_at = time();
  h.busy.replaced_until = {number()};
  if (coin()) h.busy.replaced_by = any_task_id();
  h.title = short_text();
  h.title_version = number();
  h.pinned = coin();
  h.labels = any_labels();
  h.context_from = {number()};
  h.entries = number();
  h.runs = number();
  h.created_at = time();
  h.changed_at = time();
  return h;
}

entry codec_generator::any_entry() {
  entry e;
  e.kind = static_cast<entry_kind>(below(5));
  e.run = any_task_id();
  e.at = time();
  e.hidden = coin();
  if (coin()) e.content = any_value(4);
  if (coin()) e.blob = any_blob();
  return e;
}

commit codec_generator::any_commit() {
  commit c;
  c.session = id<session_id>(words, 128);
  c.node = id<node_id>(words, id_longest);
  c.epoch = {number()};
  c.number = {number()};
  c.head = any_head();
  for (auto count = below(4); count > 0; --count)
    c.entries.push_back(any_entry());
  for (auto count = below(4); count > 0; --count)
    c.open_acks.push_back({coin() ? message_kind::task : message_kind::control, {number()}, {number(), number()}});
  c.rolls_up = coin();
  return c;
}

event codec_generator::any_event() {
  event e;
  e.kind = static_cast<event_kind>(below(event_kinds.size()));
  e.at = time();
  e.epoch = {number()};
  if (coin()) e.run = any_task_id();
  if (coin()) e.execution = any_execution_id();
  e.slice = {number()};
  e.attempt = static_cast<std::uint32_t>(number());
  if (coin()) e.code = to_text(any_reason());
  if (coin()) e.due = time();
  e.count = number();
  e.disposition = static_cast<disposition>(below(dispositions.size()));
  if (coin()) e.other = any_task_id();
  e.boundary = static_cast<std::uint32_t>(number());
  return e;
}

answer codec_generator::any_answer(bool with_bytes) {
  answer a;
  if (coin()) a.to = any_task_id();
  a.verdict = static_cast<verdict>(below(6));
  if (coin()) a.why = refusal{any_reason(), short_text()};
  a.body = any_value(3, with_bytes);
  return a;
}

dead_letter codec_generator::any_dead_letter() {
  dead_letter d;
  if (coin()) d.session = id<session_id>(words, 128);
  d.id = short_text();
  d.why = any_reason();
  d.detail = short_text();
  d.subject = "baton.task.7.s1";
  d.seq = {number()};
  d.at = time();
  d.attempts = static_cast<std::uint32_t>(number());
  d.payload = bytes();
  d.payload_cut = coin();
  d.dedupe = short_text();
  return d;
}

} // namespace baton::test
