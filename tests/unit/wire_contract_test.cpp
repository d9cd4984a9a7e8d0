// What is stored and sent, byte for byte: one example of each record beside the file that holds it. A change here is a change
// for every log, producer and dashboard there is; a test that fails says how to accept one that is meant.
#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "messages/codec.hpp"
#include "messages/codec_names.hpp"
#include "messages/digest.hpp"

using namespace baton;
using namespace std::string_literals;

namespace {

namespace fs = std::filesystem;

const fs::path golden_folder = BATON_GOLDEN_FOLDER;
const fs::path found_folder = BATON_GOLDEN_FOUND_FOLDER;

constexpr codec::decode_limits wide{.bytes_max = 1U << 20U, .depth_max = 64, .values_max = 1U << 16U};
constexpr std::string_view traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

task_id a_task(const char* text) { return task_id::parse(text).value(); }
instant ms(std::int64_t count) { return instant{milliseconds{count}}; }

std::string content_of(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

/// 32 bytes a line, below the same as JSON for those who read it.
std::string as_hex(std::string_view bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    text.append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
    if (i % 32 == 31 || i + 1 == bytes.size()) text.push_back('\n');
  }
  const auto read = codec::decode_value(bytes, wide);
  REQUIRE(read);
  return text.append("# ").append(codec::encode_value(read->value, encoding::json)).append("\n");
}

std::string from_hex(std::string_view text) {
  std::string bytes;
  std::string pair;
  for (const char c : text.substr(0, text.find('#'))) {
    if (c == '\n') continue;
    pair.push_back(c);
    if (pair.size() < 2) continue;
    bytes.push_back(static_cast<char>(std::stoi(pair, nullptr, 16)));
    pair.clear();
  }
  return bytes;
}

void check_file(const std::string& name, const std::string& content) {
  const auto file = golden_folder / name;
  if (content_of(file) == content) return;
  fs::create_directories(found_folder);
  std::ofstream{found_folder / name, std::ios::binary} << content;
  FAIL_CHECK("the wire contract changed. If that is meant, and readers of both versions are provided for:\n  cp "
      << (found_folder / name).string() << " " << file.string());
}

/// The bytes are those of the file.
void check_golden(const std::string& name, const std::string& bytes) {
  INFO(name);
  check_file(name, name.ends_with(".hex") ? as_hex(bytes) : bytes + "\n");
}

/// What is in the file now, as it was once written.
std::string golden(const std::string& name) {
  const auto content = content_of(golden_folder / name);
  REQUIRE_FALSE(content.empty());
  return name.ends_with(".hex") ? from_hex(content) : content.substr(0, content.size() - 1);
}

run_record a_run() {
  run_record run;
  run.id = a_task("order-7");
  run.message = {4'711};
  run.digest = {0x0123456789abcdef};
  run.runner = "agent";
  run.tenant = "acme";
  run.execution = execution_id::parse("n1-9").value();
  run.slice = {3};
  run.attempts = 2;
  run.crashes = 1;
  run.accepted_at = ms(1'767'323'045'000);
  run.started_at = ms(1'767'323'045'100);
  run.deadline = ms(1'767'326'645'000);
  run.last_checkpoint = checkpoint{.state = value::object{{"step", 2}},
      .blob = blob_ref{std::string(64, 'c'), 70'000},
      .slice = {2},
      .at = ms(1'767'323'046'000)};
  run.input_stored = true;
  run.last_error = "exit 1";
  return run;
}

head a_head(phase p) {
  head h;
  h.phase = std::move(p);
  h.ledger.push_back({hash_of_id(message_kind::task, a_task("order-6")), {0xfedcba9876543210}, settlement::completed});
  h.ledger.push_back({hash_of_id(message_kind::control, a_task("c-1")), {1}, settlement::applied});
  h.outbox.push_back({.id = "dead.order-5",
      .run = a_task("order-5"),
      .message = {4'700},
      .why = reason::max_attempts,
      .text = "exit 1",
      .attempts = 3,
      .at = ms(1'767'323'040'000)});
  h.last = last_run{a_task("order-6"), settlement::failed, ms(1'767'323'044'000), 2, reason::program_exit};
  h.title = "Öl für den Wagen";
  h.title_version = 2;
  h.pinned = true;
  h.labels = {{"team", "support"}};
  h.context_from = {17};
  h.entries = 12;
  h.runs = 6;
  h.created_at = ms(1'767'000'000'000);
  h.changed_at = ms(1'767'323'046'500);
  return h;
}

commit a_commit(phase p) {
  commit c;
  c.session = session_id::parse("customer-4711").value();
  c.node = node_id::parse("n1").value();
  c.epoch = {42};
  c.number = {18};
  c.head = a_head(std::move(p));
  c.entries.push_back({.kind = entry_kind::user,
      .run = a_task("order-7"),
      .at = ms(1'767'323'045'000),
      .hidden = false,
      .content = "Where is it?",
      .blob = {}});
  c.entries.push_back({.kind = entry_kind::tool_call,
      .run = a_task("order-7"),
      .at = ms(1'767'323'045'500),
      .hidden = true,
      .content = value::object{{"name", "look_up"},
          {"arguments", value::array{1, -1, 1.5, true, value{}, value::bytes{"\x00\xff"s}}}},
      .blob = {}});
  c.entries.push_back({.kind = entry_kind::assistant,
      .run = a_task("order-7"),
      .at = ms(1'767'323'046'000),
      .hidden = false,
      .content = {},
      .blob = blob_ref{std::string(64, 'd'), 99'999}});
  return c;
}

/// What the busy policies have decided.
commit a_busy_commit() {
  auto run = a_run();
  run.has_waited = true;
  run.hears = true;
  run.stopped_by = a_task("order-9");
  run.is_rolled_back = true;
  auto c = a_commit(phases::running{run});
  c.head.ledger.push_back({hash_of_id(message_kind::task, a_task("order-8")), {2}, settlement::joined});
  c.head.busy.joined = {{{message_kind::task, {4'712}}, hash_of_id(message_kind::task, a_task("order-8")),
                            hash_of_id(message_kind::task, a_task("order-7")), joined_message::manner::merged},
      {{message_kind::control, {88}}, hash_of_id(message_kind::control, a_task("c-2")),
          hash_of_id(message_kind::task, a_task("order-7")), joined_message::manner::injected}};
  c.head.busy.decided = {{hash_of_id(message_kind::task, a_task("order-9")), false}, {hash_of_id(message_kind::task, a_task("order-10")), true}};
  c.head.busy.replaced_until = {4'713};
  c.head.busy.replaced_at = ms(1'767'323'046'000);
  c.head.busy.replaced_by = a_task("order-9");
  return c;
}

/// Two turns wait for their time.
commit a_delaying_commit() {
  auto c = a_commit(phases::idle{});
  c.head.spilled = {{hash_of_id(message_kind::task, a_task("order-11")), {3}, {16}, ms(1'767'409'446'000)},
      {hash_of_id(message_kind::task, a_task("order-12")), {0xfedcba9876543210}, {}, ms(1'767'409'447'000)}};
  return c;
}

commit a_tombstone() {
  auto c = a_commit(phases::deleted{ms(1'767'323'047'000)});
  c.entries.clear();
  c.rolls_up = true;
  return c;
}

std::vector<std::pair<std::string, commit>> commits() {
  return {{"commit_idle.hex", a_commit(phases::idle{})}, {"commit_running.hex", a_commit(phases::running{a_run()})},
      {"commit_retry_wait.hex", a_commit(phases::retry_wait{a_run(), ms(1'767'323'050'000)})},
      {"commit_yielded.hex", a_commit(phases::yielded{a_run()})}, {"commit_deleted.hex", a_tombstone()},
      {"commit_busy.hex", a_busy_commit()}, {"commit_delayed.hex", a_delaying_commit()}};
}

task an_order() {
  task t;
  t.id = a_task("order-7");
  t.tenant = "acme";
  t.priority = 7;
  t.labels = {{"team", "support"}};
  t.deadline = ms(1'767'326'645'000);
  t.traceparent = traceparent;
  t.reply_to = "_INBOX.x.1";
  t.what = turn{.input = value::array{"Where is it?", value::object{{"order", 7}}},
      .runner = "agent",
      .options = value::object{{"effort", "low"}}};
  return t;
}

std::vector<std::pair<std::string, control>> controls() {
  control common;
  common.id = a_task("c-1");
  common.traceparent = traceparent;
  common.reply_to = "_INBOX.x.2";
  auto cancelling = common;
  cancelling.what = cancel{a_task("order-7"), "ann", "enough"};
  auto editing = common;
  editing.what = edit{"New title", 2, true, {{"team", ""}, {"tier", "gold"}}, "ann"};
  auto deleting = common;
  deleting.what = baton::remove{"ann"};
  auto unsticking = common;
  unsticking.what = unstick{"ann"};
  auto steering = common;
  steering.what = steer{a_task("order-7"), "To Berlin, please", "ann"};
  return {{"cancel", cancelling}, {"edit", editing}, {"delete", deleting}, {"steer", steering}, {"unstick", unsticking}};
}

answer an_answer() {
  return {.to = a_task("order-7"),
      .verdict = verdict::refused,
      .why = refusal{reason::task_conflict, "id"},
      .body = value::object{{"status", "failed"}, {"result", value{}}}};
}

dead_letter a_dead_letter() {
  dead_letter d;
  d.session = session_id::parse("customer-4711").value();
  d.id = "order-5";
  d.why = reason::max_attempts;
  d.detail = "exit 1";
  d.subject = "baton.task.7.customer-4711";
  d.seq = {4'700};
  d.at = ms(1'767'323'040'000);
  d.attempts = 3;
  d.payload = R"({"input":"hi","runner":"agent"})";
  d.payload_cut = true;
  d.dedupe = "customer-4711/dead.order-5";
  return d;
}

std::vector<event> one_event_of_each_kind() {
  std::vector<event> all;
  for (const auto& row : event_kinds) {
    event e;
    e.kind = row.is;
    e.at = ms(1'767'323'046'000);
    e.epoch = {42};
    e.run = a_task("order-7");
    e.execution = execution_id::parse("n1-9").value();
    e.slice = {3};
    e.attempt = 2;
    e.code = to_text(reason::program_exit);
    e.due = ms(1'767'323'050'000);
    e.count = 5;
    if (row.is == event_kind::message_disposed) {
      e.disposition = disposition::injected;
      e.other = a_task("order-6");
      e.boundary = 4;
    }
    all.push_back(e);
  }
  return all;
}

const codec::arrival from_queue{.seq = {1}, .stored_at = {}, .traceparent = {}, .reply_prefixes = nullptr};

/// The same record as a newer version might write it.
std::string with_a_later_field(std::string_view bytes) {
  auto read = codec::decode_value(bytes, wide);
  REQUIRE(read);
  auto& fields = std::get<value::object>(read->value.of());
  fields.insert(fields.begin(), {"later", value::object{{"x", value::array{1, "y"}}}});
  return codec::encode_value(read->value, read->encoding);
}

} // namespace

TEST_CASE("commits are written as they always were, and what was written is read", "[wire]") {
  for (const auto& [name, c] : commits())
    check_golden(name, codec::encode_commit(c));
  for (const auto& [name, c] : commits()) {
    const auto read = codec::decode_commit(golden(name));
    REQUIRE(read);
    CHECK(*read == c);
    CHECK(*codec::decode_commit(with_a_later_field(golden(name))) == c);
  }
}

TEST_CASE("a commit by the first version that had stored anything is read", "[wire]") {
  // Nothing writes this file again: its fields are those that no later version may come to require.
  const auto read = codec::decode_commit(golden("oldest_commit.hex"));
  REQUIRE(read);
  CHECK(read->session.text() == "s1");
  CHECK(read->epoch == epoch{1});
  CHECK(read->number == commit_number{1});
  CHECK(read->head == head{});
  CHECK(read->entries.empty());
}

TEST_CASE("tasks are written as they always were, and what was written is read", "[wire]") {
  for (const auto& [name, as] : {std::pair{"task.hex"s, encoding::msgpack}, std::pair{"task.json"s, encoding::json}}) {
    check_golden(name, codec::encode_task(an_order(), as));
    for (const auto& payload : {golden(name), with_a_later_field(golden(name))}) {
      const auto read = codec::decode_task(payload, from_queue, {});
      REQUIRE(read);
      auto expected_task = an_order();
      expected_task.encoding = as;
      expected_task.digest = digest_of_body(payload);
      CHECK(*read == expected_task);
    }
  }
}

TEST_CASE("a task for later is written as it always was, and what was written is read", "[wire]") {
  task t;
  t.id = a_task("order-11");
  t.not_before = ms(1'767'409'446'000);
  t.what = turn{.input = "Has it come?", .runner = "agent", .options = {}};
  for (const auto& [name, as] : {std::pair{"task_delayed.hex"s, encoding::msgpack}, std::pair{"task_delayed.json"s, encoding::json}}) {
    check_golden(name, codec::encode_task(t, as));
    t.encoding = as;
    t.digest = digest_of_body(golden(name));
    CHECK(*codec::decode_task(golden(name), from_queue, {}) == t);
  }
}

TEST_CASE("control messages are written as they always were, and what was written is read", "[wire]") {
  for (const auto& [name, c] : controls()) {
    for (const auto& [ending, as] : {std::pair{".hex"s, encoding::msgpack}, std::pair{".json"s, encoding::json}}) {
      check_golden(name + ending, codec::encode_control(c, as));
      if (!fs::exists(golden_folder / (name + ending))) continue;
      const auto read = codec::decode_control(with_a_later_field(golden(name + ending)), from_queue, {});
      REQUIRE(read);
      CHECK(read->id == c.id);
      CHECK(read->what == c.what);
    }
  }
}

TEST_CASE("answers are written as they always were, and what was written is read", "[wire]") {
  for (const auto& [name, as] :
      {std::pair{"answer.hex"s, encoding::msgpack}, std::pair{"answer.json"s, encoding::json}}) {
    check_golden(name, codec::encode_answer(an_answer(), as));
    CHECK(*codec::decode_answer(golden(name)) == an_answer());
    CHECK(*codec::decode_answer(with_a_later_field(golden(name))) == an_answer());
  }
}

TEST_CASE("dead letters are written as they always were, and what was written is read", "[wire]") {
  check_golden("dead_letter.hex", codec::encode_dead_letter(a_dead_letter()));
  CHECK(*codec::decode_dead_letter(golden("dead_letter.hex")) == a_dead_letter());
  CHECK(*codec::decode_dead_letter(with_a_later_field(golden("dead_letter.hex"))) == a_dead_letter());
}

TEST_CASE("events are written as they always were, and what was written is read", "[wire]") {
  const auto events = one_event_of_each_kind();
  std::string lines;
  for (const auto& line : codec::encode_events(events))
    lines += line + "\n";
  check_golden("events.json", lines.substr(0, lines.size() - 1));
  std::istringstream in{golden("events.json")};
  std::string line;
  for (const auto& e : events) {
    REQUIRE(std::getline(in, line));
    CHECK(*codec::decode_event(line) == e);
    CHECK(*codec::decode_event(with_a_later_field(line)) == e);
  }
}

TEST_CASE("the texts of closed lists never change their meaning", "[wire]") {
  std::string names;
  const auto add = [&names](std::string_view title, const auto& rows) {
    names.append(title).append(":");
    for (const auto& row : rows)
      names.append(" ").append(row.text);
    names.append("\n");
  };
  add("settlements, whose place is their byte in a ledger", codec::settlement_names);
  add("entries", codec::entry_kind_names);
  add("verdicts", codec::verdict_names);
  add("events", event_kinds);
  add("dispositions", dispositions);
  add("policies", busy_policies);
  add("reasons", reasons);
  check_file("names.txt", names);
}
