#include "messages/codec.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

#include "tests/unit/codec_generator.hpp"

using namespace baton;
using namespace std::string_literals;

namespace {

commit small_commit() {
  commit c;
  c.session = session_id::parse("s1").value();
  c.epoch = {1};
  c.number = {1};
  return c;
}

/// A commit's body as a tree, to be changed and written again.
value tree_of(const commit& c) {
  auto read =
      codec::decode_value(codec::encode_commit(c), {.bytes_max = 1U << 24U, .depth_max = 64, .values_max = 1U << 20U});
  REQUIRE(read);
  return std::move(read->value);
}

value& field(value& of, std::string_view name) {
  for (auto& [key, held] : std::get<value::object>(of.of())) {
    if (key == name) return held;
  }
  FAIL("no field " << name);
  return of;
}

using field_path = std::vector<std::string_view>;

/// Puts `held` into the field at `path`, whether or not it is there, and reads the commit.
expected<commit, refusal> read_with(const commit& c, const field_path& path, value held) {
  auto tree = tree_of(c);
  auto* at = &tree;
  for (const auto name : path) {
    auto& fields = std::get<value::object>(at->of());
    if (at->find(name) == nullptr) fields.emplace_back(name, value::object{});
    at = &field(*at, name);
  }
  *at = std::move(held);
  return codec::decode_commit(codec::encode_value(tree, encoding::msgpack));
}

reason why_not(const expected<commit, refusal>& read) {
  REQUIRE_FALSE(read);
  return read.error().why;
}

commit in_phase(phase p) {
  auto c = small_commit();
  c.head.phase = std::move(p);
  return c;
}

run_record some_run() {
  run_record run;
  run.id = task_id::parse("t1").value();
  return run;
}

} // namespace

TEST_CASE("any commit comes back from its body as it was, without its headers", "[codec][commit]") {
  test::codec_generator make{31};
  for (int i = 0; i < 1'000; ++i) {
    auto c = make.any_commit();
    const auto body = codec::encode_commit(c);
    const auto read = codec::decode_commit(body);
    INFO("commit " << i << ": " << (read ? "" : read.error().detail));
    REQUIRE(read);
    REQUIRE(*read == c);
    c.events.push_back(make.any_event());
    c.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    REQUIRE(codec::encode_commit(c) == body);
  }
}

TEST_CASE("each phase and what is optional in it comes back", "[codec][commit]") {
  auto full = some_run();
  full.deadline = instant{milliseconds{0}};
  full.last_checkpoint = checkpoint{};
  auto with_blob = full;
  with_blob.last_checkpoint->blob = blob_ref{};
  for (const auto& p : {phase{phases::idle{}}, phase{phases::running{some_run()}}, phase{phases::running{full}},
           phase{phases::running{with_blob}}, phase{phases::retry_wait{full, {}}}, phase{phases::yielded{full}},
           phase{phases::deleted{}}}) {
    const auto c = in_phase(p);
    const auto read = codec::decode_commit(codec::encode_commit(c));
    REQUIRE(read);
    CHECK(*read == c);
  }
  auto c = small_commit();
  c.head.last = last_run{};
  c.head.outbox.resize(1);
  c.entries.resize(1);
  const auto read = codec::decode_commit(codec::encode_commit(c));
  REQUIRE(read);
  CHECK(*read == c);
}

TEST_CASE("a full ledger costs 25 bytes an item", "[codec][commit]") {
  auto c = small_commit();
  const auto empty = codec::head_size(c.head);
  c.head.ledger.resize(ledger_max);
  // Beside the items: the key and the header of the bytes.
  CHECK(codec::head_size(c.head) == empty + "ledger"s.size() + 1 + 3 + 25 * ledger_max);
  c.head.ledger.resize(ledger_max + 500);
  CHECK(codec::decode_commit(codec::encode_commit(c))->head.ledger.size() == ledger_max + 500);
}

TEST_CASE("a head's size is what it takes in a body", "[codec][commit]") {
  test::codec_generator make{32};
  for (int i = 0; i < 200; ++i) {
    auto c = make.any_commit();
    const auto with_head = codec::encode_commit(c).size();
    const auto size = codec::head_size(c.head);
    c.head = {};
    REQUIRE(codec::encode_commit(c).size() - codec::head_size(c.head) == with_head - size);
  }
}

TEST_CASE("the next commit is not touched by the one before", "[codec][commit]") {
  test::codec_generator make{33};
  const auto small = codec::encode_commit(small_commit());
  auto large = small_commit();
  large.entries.resize(1);
  large.entries[0].content = std::string(5'000'000, 'x');
  const auto large_body = codec::encode_commit(large);
  CHECK(codec::encode_commit(small_commit()) == small);
  CHECK(*codec::decode_commit(large_body) == large);
}

TEST_CASE("a commit may be nested deeper than a payload", "[codec][commit]") {
  value v = value::array{};
  for (int i = 1; i < 48; ++i)
    v = value::array{std::move(v)};
  auto run = some_run();
  run.last_checkpoint = checkpoint{.state = v, .blob = {}, .slice = {}, .at = {}};
  auto c = in_phase(phases::running{run});
  c.entries.resize(1);
  c.entries[0].content = v;
  const auto read = codec::decode_commit(codec::encode_commit(c));
  REQUIRE(read);
  CHECK(*read == c);
}

TEST_CASE("only the known schema is read", "[codec][commit]") {
  CHECK(read_with(small_commit(), {"schema"}, 1));
  for (const auto& schema : {value{0}, value{2}, value{std::int64_t{4'294'967'295}}}) {
    CHECK(why_not(read_with(small_commit(), {"schema"}, schema)) == reason::unknown_version);
  }
  // A newer commit is told by its schema, whatever else it holds.
  auto tree = tree_of(small_commit());
  field(tree, "schema") = 2;
  field(tree, "head") = "later";
  CHECK(why_not(codec::decode_commit(codec::encode_value(tree, encoding::msgpack))) == reason::unknown_version);
  for (const auto& schema : {value{}, value{"1"}, value{-1}, value{std::int64_t{4'294'967'296}}}) {
    CHECK(why_not(read_with(small_commit(), {"schema"}, schema)) == reason::log_unreadable);
  }
}

TEST_CASE("fields that a newer node may add are ignored", "[codec][commit]") {
  test::codec_generator make{34};
  auto c = make.any_commit();
  c.head.phase = phases::retry_wait{some_run(), {}};
  c.head.last = last_run{};
  for (const auto& path : {field_path{}, {"head"}, {"head", "phase"}, {"head", "phase", "run"},
           {"head", "phase", "run", "task"}, {"head", "last"}}) {
    auto tree = tree_of(c);
    auto* at = &tree;
    for (const auto name : path)
      at = &field(*at, name);
    auto& fields = std::get<value::object>(at->of());
    fields.insert(fields.begin(), {"later", value::object{{"x", value::array{1, value::bytes{"y"}}}}});
    const auto read = codec::decode_commit(codec::encode_value(tree, encoding::msgpack));
    REQUIRE(read);
    CHECK(*read == c);
  }
}

TEST_CASE("fields that are missing are what they are by default", "[codec][commit]") {
  const value oldest{value::object{{"schema", 1}, {"session", "s1"}, {"epoch", 1}, {"number", 1},
      {"head", value::object{{"phase", value::object{{"is", "idle"}}}}}}};
  const auto read = codec::decode_commit(codec::encode_value(oldest, encoding::msgpack));
  REQUIRE(read);
  CHECK(*read == small_commit());
  for (const auto* name : {"schema", "session", "epoch", "number", "head"}) {
    auto tree = oldest;
    field(tree, name) = {};
    CHECK(why_not(codec::decode_commit(codec::encode_value(tree, encoding::msgpack))) == reason::log_unreadable);
  }
}

TEST_CASE("what is not known in a log makes it unreadable", "[codec][commit]") {
  const auto idle = small_commit();
  const auto running = in_phase(phases::running{some_run()});
  const field_path phase_is{"head", "phase", "is"};
  CHECK(read_with(idle, phase_is, "idle"));
  CHECK(why_not(read_with(idle, phase_is, "parked")) == reason::log_unreadable);
  CHECK(why_not(read_with(idle, phase_is, "")) == reason::log_unreadable);
  CHECK(why_not(read_with(idle, phase_is, 0)) == reason::log_unreadable);
  CHECK(why_not(read_with(idle, {"head", "phase"}, value::object{})) == reason::log_unreadable);
  CHECK(read_with(idle, {"head", "last", "ended"}, "failed")->head.last->ended == settlement::failed);
  CHECK(why_not(read_with(idle, {"head", "last", "ended"}, "exploded")) == reason::log_unreadable);
  CHECK(read_with(idle, {"head", "last", "reason"}, "deleted")->head.last->code == reason::deleted);
  CHECK(why_not(read_with(idle, {"head", "last", "reason"}, "mood")) == reason::log_unreadable);
  CHECK(why_not(read_with(idle, {"head", "outbox"}, value::array{value::object{{"reason", "mood"}}}))
      == reason::log_unreadable);
  CHECK(why_not(read_with(idle, {"entries"}, value::array{value::object{{"kind", "song"}}})) == reason::log_unreadable);
  CHECK(why_not(read_with(idle, {"entries"}, value::array{value::object{}})) == reason::log_unreadable);
}

TEST_CASE("a list of delayed turns that is not whole makes the log unreadable", "[codec][commit]") {
  const auto spilled = [](std::string bytes) { return read_with(small_commit(), {"head", "spilled"}, value::bytes{std::move(bytes)}); };
  const auto one = std::string(39, '\0') + "\x05";
  CHECK(spilled("")->head.spilled.empty());
  CHECK(spilled(one)->head.spilled == std::vector{spilled_turn{{}, {}, {}, instant{milliseconds{5}}}});
  CHECK(why_not(spilled(one.substr(1))) == reason::log_unreadable);
}

TEST_CASE("a list of joined messages that is not whole makes the log unreadable", "[codec][commit]") {
  const auto joined = [](std::string bytes) {
    auto c = small_commit();
    c.head.busy.replaced_until = {7};
    return read_with(c, {"head", "busy", "joined"}, value::bytes{std::move(bytes)});
  };
  const auto one = "t" + std::string(40, '\0') + "m";
  CHECK(joined("")->head.busy.joined.empty());
  CHECK(joined(one)->head.busy.joined == std::vector{joined_message{}});
  CHECK(joined(one + "c" + std::string(40, '\0') + "i")->head.busy.joined.at(1).how == joined_message::manner::injected);
  CHECK(why_not(joined("x" + std::string(40, '\0') + "m")) == reason::log_unreadable);
  CHECK(why_not(joined("t" + std::string(40, '\0') + "x")) == reason::log_unreadable);
  CHECK(why_not(joined(one.substr(1))) == reason::log_unreadable);
}

TEST_CASE("a ledger that is not whole makes the log unreadable", "[codec][commit]") {
  const auto ledger = [](std::string bytes) {
    return read_with(small_commit(), {"head", "ledger"}, value::bytes{std::move(bytes)});
  };
  CHECK(ledger("")->head.ledger.empty());
  CHECK(ledger(std::string(25, '\0'))->head.ledger == std::vector{ledger_item{}});
  CHECK(ledger(std::string(24, '\0') + "\x05")->head.ledger.at(0).ended == settlement::joined);
  CHECK(why_not(ledger(std::string(24, '\0') + "\x06")) == reason::log_unreadable);
  CHECK(why_not(ledger(std::string(24, '\0') + "\xff")) == reason::log_unreadable);
  CHECK(why_not(ledger(std::string(24, '\0'))) == reason::log_unreadable);
  CHECK(why_not(ledger(std::string(51, '\0'))) == reason::log_unreadable);
  CHECK(why_not(read_with(small_commit(), {"head", "ledger"}, std::string(25, 'x'))) == reason::log_unreadable);
  CHECK(why_not(read_with(small_commit(), {"head", "ledger"}, value::array{})) == reason::log_unreadable);
}

TEST_CASE("no field of a commit takes what it cannot hold", "[codec][commit]") {
  const auto c = in_phase(phases::running{some_run()});
  const auto samples = std::to_array<value>(
      {value::array{value::array{}}, value::object{{"x", 1}}, value::bytes{"x"}, -1.5, "no such thing!"});
  const std::vector<field_path> paths{{"session"}, {"node"}, {"epoch"}, {"number"}, {"rolls_up"}, {"entries"},
      {"head", "ledger"}, {"head", "outbox"}, {"head", "title_version"}, {"head", "pinned"}, {"head", "labels"},
      {"head", "context_from"}, {"head", "entries"}, {"head", "runs"}, {"head", "created"}, {"head", "changed"},
      {"head", "last", "id"}, {"head", "last", "at"}, {"head", "last", "slices"}, {"head", "phase", "run", "slice"},
      {"head", "phase", "run", "attempts"}, {"head", "phase", "run", "crashes"}, {"head", "phase", "run", "started"},
      {"head", "phase", "run", "input_stored"}, {"head", "phase", "run", "execution"},
      {"head", "phase", "run", "task", "id"}, {"head", "phase", "run", "task", "message"},
      {"head", "phase", "run", "task", "digest"}, {"head", "phase", "run", "task", "accepted"},
      {"head", "phase", "run", "task", "deadline"}, {"head", "phase", "run", "checkpoint", "slice"},
      {"head", "phase", "run", "checkpoint", "blob", "size"}};
  for (const auto& path : paths) {
    for (std::size_t i = 0; i < samples.size(); ++i) {
      INFO(path.back() << ", sample " << i);
      const auto read = read_with(c, path, samples[i]);
      REQUIRE_FALSE(read);
      REQUIRE(read.error().why == reason::log_unreadable);
    }
  }
  for (const auto& path : std::vector<field_path>{{"head"}, {"head", "phase"}, {"head", "last"},
           {"head", "phase", "run"}, {"head", "phase", "run", "task"}, {"head", "phase", "run", "checkpoint"},
           {"head", "phase", "run", "checkpoint", "blob"}, {"head", "title"}, {"head", "phase", "run", "error"}}) {
    for (const auto& sample : {value{value::array{}}, value{7}, value{true}})
      REQUIRE(why_not(read_with(c, path, sample)) == reason::log_unreadable);
  }
}

TEST_CASE("numbers and times beyond their width make the log unreadable", "[codec][commit]") {
  const auto c = in_phase(phases::running{some_run()});
  CHECK(read_with(c, {"head", "phase", "run", "attempts"}, std::int64_t{4'294'967'295}));
  CHECK_FALSE(read_with(c, {"head", "phase", "run", "attempts"}, std::int64_t{4'294'967'296}));
  CHECK(read_with(c, {"number"}, std::numeric_limits<std::uint64_t>::max())->number.value
      == std::numeric_limits<std::uint64_t>::max());
  CHECK(read_with(c, {"head", "created"}, std::int64_t{253'402'300'799'999}));
  CHECK_FALSE(read_with(c, {"head", "created"}, std::int64_t{253'402'300'800'000}));
  CHECK_FALSE(read_with(c, {"head", "created"}, std::numeric_limits<std::int64_t>::min()));
  CHECK_FALSE(read_with(c, {"head", "created"}, std::numeric_limits<std::uint64_t>::max()));
}

TEST_CASE("bodies that are no commits are unreadable", "[codec][commit]") {
  for (const auto& body :
      {""s, "{}"s, "\x80"s, "\x90"s, "\xc0"s, "\xff"s, "hello"s, "\xdd\xff\xff\xff\xff"s, "\xdf\xff\xff\xff\xff"s,
          std::string(1'000'000, '\x91'), std::string(1'000'000, '\x81'), "\x82\xa1\x61\x01\xa1\x61\x01"s}) {
    CHECK(why_not(codec::decode_commit(body)) == reason::log_unreadable);
  }
  const auto body = codec::encode_commit(small_commit());
  CHECK(why_not(codec::decode_commit(body + "\xc0")) == reason::log_unreadable);
  CHECK(why_not(codec::decode_commit(body + body)) == reason::log_unreadable);
}

TEST_CASE("every cut of a commit is unreadable", "[codec][commit]") {
  test::codec_generator make{35};
  for (int i = 0; i < 20; ++i) {
    const auto body = codec::encode_commit(make.any_commit());
    for (std::size_t size = 0; size < body.size(); size += 1 + body.size() / 4'000) {
      REQUIRE(why_not(codec::decode_commit(std::string_view{body}.substr(0, size))) == reason::log_unreadable);
    }
  }
}

TEST_CASE("damaged commits are read or refused, never more", "[codec][commit]") {
  test::codec_generator make{36};
  std::size_t refusals = 0;
  for (int i = 0; i < 3'000; ++i) {
    auto body = codec::encode_commit(make.any_commit());
    if (body.size() > 8'000) continue;
    for (auto count = 1 + make.below(4); count > 0; --count)
      body[make.below(body.size())] = static_cast<char>(make.below(256));
    const auto read = codec::decode_commit(body);
    if (!read) {
      ++refusals;
    } else {
      REQUIRE(codec::decode_commit(codec::encode_commit(*read)));
    }
  }
  CHECK(refusals > 500);
}

TEST_CASE("open acknowledgements are read as they were written, or not at all", "[codec]") {
  auto c = small_commit();
  c.open_acks = {{message_kind::task, {7}, {1, 2}}, {message_kind::control, {1ULL << 60U}, {3, 4}}};
  const auto read = codec::decode_commit(codec::encode_commit(c));
  REQUIRE(read);
  CHECK(read->open_acks == c.open_acks);
  CHECK(why_not(read_with(c, {"open_acks"}, value{value::bytes{std::string(24, 't')}})) == reason::log_unreadable);
  CHECK(why_not(read_with(c, {"open_acks"}, value{value::bytes{std::string(25, 'x')}})) == reason::log_unreadable);
}
