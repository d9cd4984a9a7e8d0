#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "bridge/process/jsonl_talk.hpp"
#include "bridge/process/line_splitter.hpp"
#include "bridge/process/live_feed.hpp"
#include "bridge/process/plain_talk.hpp"
#include "messages/codec.hpp"

using namespace baton;

namespace {

using texts = std::vector<std::string>;

std::string json(const value& v) { return codec::encode_value(v, encoding::json); }

std::string brief(const entry& e) {
  static constexpr auto kinds =
      std::to_array<std::string_view>({"user", "assistant", "tool_call", "tool_result", "note"});
  return std::string{kinds[static_cast<std::size_t>(e.kind)]} + (e.hidden ? " hidden " : " ") + json(e.content);
}

std::string brief(const spoken& s) {
  if (const auto* n = std::get_if<live_note>(&s)) return n->kind + " " + json(n->data);
  if (const auto* v = std::get_if<violation>(&s)) return std::string{to_text(v->code)} + ": " + v->text;
  if (std::holds_alternative<last_word>(s)) return "last word";
  const auto& b = std::get<boundary>(s);
  std::string text = "boundary " + json(*b.checkpoint);
  for (const auto& e : b.entries)
    text += "; " + brief(e);
  return text;
}

std::string brief(const slice_end& end) {
  std::string text;
  if (const auto* c = std::get_if<completed>(&end.proposed)) text = "completed " + json(c->result);
  if (const auto* f = std::get_if<failed>(&end.proposed)) {
    text = std::string{to_text(f->code)} + (f->retryable ? " (retryable): " : ": ") + f->text;
  }
  if (std::holds_alternative<yielded>(end.proposed)) text = "yielded";
  if (std::holds_alternative<cancelled>(end.proposed)) text = "cancelled";
  for (const auto& e : end.entries)
    text += "; " + brief(e);
  return text;
}

slice_request fresh() {
  slice_request r;
  r.input = {"hello", {}};
  r.routing.session = *session_id::parse("s1");
  r.routing.run = *task_id::parse("t1");
  r.routing.execution = *execution_id::parse("e1");
  r.routing.epoch = {7};
  r.state.slice = {1};
  return r;
}

slice_request resumed() {
  auto r = fresh();
  r.state.slice = {2};
  r.state.attempt = 1;
  r.state.last_checkpoint = checkpoint{value::object{{"at", 5}}, std::nullopt, {1}, {}};
  return r;
}

/// All that `t` has to say, up to a violation. Every boundary is answered at once.
texts all_of(talk& t) {
  texts said;
  while (auto s = t.next()) {
    said.push_back(brief(*s));
    if (std::holds_alternative<violation>(*s)) break;
  }
  return said;
}

const program_end exit_0{program_end::manner::exited, 0, std::nullopt, false};

struct transcript {
  const char* title;
  const char* lines;
  texts said;
  std::string end;
};

const std::vector<transcript> transcripts{
    {"a result alone", R"({"type":"result","result":{"n":1}})", {"last word"}, R"(completed {"n":1})"},
    {"deltas become one entry of the assistant",
        "{\"type\":\"delta\",\"text\":\"a\"}\n{\"type\":\"delta\",\"text\":\"b\"}\n{\"type\":\"result\",\"result\":1}"
        "\n",
        {R"(delta "a")", R"(delta "b")", "last word"}, R"(completed 1; assistant "ab")"},
    {"a result that was streamed stands once",
        "{\"type\":\"delta\",\"text\":\"ab\\n\"}\n{\"type\":\"result\",\"result\":\"ab\"}\n",
        {R"(delta "ab\n")", "last word"}, R"(completed "ab")"},
    {"data is shown, not kept", "{\"type\":\"delta\",\"data\":[1]}\n{\"type\":\"result\",\"result\":1}\n",
        {"delta [1]", "last word"}, "completed 1"},
    {"calls and their results are entries",
        "{\"type\":\"delta\",\"text\":\"x\"}\n{\"type\":\"tool_call\",\"id\":\"c\",\"name\":\"f\",\"arguments\":{"
        "\"k\":2}}\n"
        "{\"type\":\"tool_result\",\"id\":\"c\",\"output\":3}\n{\"type\":\"result\",\"result\":null}\n",
        {R"(delta "x")", R"(tool_call {"id":"c","name":"f","arguments":{"k":2}})",
            R"(tool_result {"id":"c","output":3})", "last word"},
        R"(completed null; assistant "x"; tool_call {"id":"c","name":"f","arguments":{"k":2}}; tool_result {"id":"c","output":3})"},
    {"a call may end in an error",
        "{\"type\":\"tool_call\",\"id\":\"c\",\"name\":\"f\"}\n{\"type\":\"tool_result\",\"id\":\"c\",\"error\":"
        "\"no\"}\n"
        "{\"type\":\"error\",\"text\":\"gave up\"}\n",
        {R"(tool_call {"id":"c","name":"f","arguments":null})", R"(tool_result {"id":"c","error":"no"})", "last word"},
        R"(runner_failed: gave up; tool_call {"id":"c","name":"f","arguments":null}; tool_result {"id":"c","error":"no"})"},
    {"a checkpoint takes the entries since the last one",
        "{\"type\":\"delta\",\"text\":\"a\"}\n{\"type\":\"checkpoint\",\"state\":1}\n{\"type\":\"delta\",\"text\":"
        "\"b\"}\n"
        "{\"type\":\"checkpoint\",\"state\":{\"k\":2}}\n{\"type\":\"result\",\"result\":true}\n",
        {R"(delta "a")", R"(boundary 1; assistant "a")", R"(delta "b")", R"(boundary {"k":2}; assistant "b")",
            "last word"},
        "completed true"},
    {"the entries that a checkpoint brings count for more",
        "{\"type\":\"delta\",\"text\":\"a\"}\n{\"type\":\"checkpoint\",\"state\":1,\"entries\":"
        "[{\"kind\":\"note\",\"content\":\"n\",\"hidden\":true},{\"kind\":\"user\",\"content\":{}}]}\n",
        {R"(delta "a")", R"(boundary 1; note hidden "n"; user {})"},
        "program_exit: the program exited with code 0 without a result"},
    {"an error worth a retry", R"({"type":"error","text":"busy","retryable":true})", {"last word"},
        "runner_failed (retryable): busy"},
    {"an exit without a last word keeps what was said", "{\"type\":\"delta\",\"text\":\"half\"}\n", {R"(delta "half")"},
        R"(program_exit: the program exited with code 0 without a result; assistant "half")"},
};

} // namespace

TEST_CASE("jsonl: what a program says, and what that means", "[jsonl]") {
  const auto t = GENERATE(from_range(transcripts));
  DYNAMIC_SECTION(t.title) {
    jsonl_talk talk{fresh()};
    talk.hear(t.lines);
    talk.hear_end();
    CHECK(all_of(talk) == t.said);
    CHECK(brief(talk.conclude(exit_0)) == t.end);
  }
}

TEST_CASE("jsonl: what a program must not do, and the line where it did", "[jsonl]") {
  struct row {
    const char* lines;
    const char* said;
  };
  const auto t = GENERATE(values<row>({
      {"hello\n", "program_protocol: line 1 is not a JSON object"},
      {"\n", "program_protocol: line 1 is not a JSON object"},
      {"[1]\n", "program_protocol: line 1 is not a JSON object"},
      {"{\"type\":\"delta\",\"text\":\"a\"}\n{\"type\":\n",
          "program_protocol: line 2 cannot be read: not JSON, or cut off"},
      {"{\"kind\":\"delta\"}\n", "program_protocol: line 1 has no type"},
      {"{\"type\":\"sing\"}\n", "program_protocol: line 1 has an unknown type"},
      {"{\"type\":\"delta\"}\n", "program_protocol: line 1 is a delta without text or data"},
      {"{\"type\":\"tool_call\",\"id\":\"c\"}\n", "program_protocol: line 1 is a tool_call without id or name"},
      {"{\"type\":\"tool_call\",\"id\":\"c\",\"name\":\"f\"}\n{\"type\":\"tool_call\",\"id\":\"c\",\"name\":\"f\"}\n",
          "program_protocol: line 2 repeats the id of an open call"},
      {"{\"type\":\"tool_result\",\"id\":\"c\"}\n", "program_protocol: line 1 is a tool_result for no open call"},
      {"{\"type\":\"checkpoint\"}\n", "program_protocol: line 1 is a checkpoint without state"},
      {"{\"type\":\"checkpoint\",\"state\":1,\"heard\":true}\n", "program_protocol: line 1 has a heard that is no list"},
      {"{\"type\":\"checkpoint\",\"state\":1,\"heard\":[7]}\n", "program_protocol: line 1 has heard something that is no id"},
      {"{\"type\":\"tool_call\",\"id\":\"c\",\"name\":\"f\"}\n{\"type\":\"checkpoint\",\"state\":1}\n",
          "program_protocol: line 2 is a checkpoint while a call has no result"},
      {"{\"type\":\"checkpoint\",\"state\":1,\"entries\":3}\n",
          "program_protocol: line 1 has entries that are no list"},
      {"{\"type\":\"checkpoint\",\"state\":1,\"entries\":[{\"kind\":\"x\",\"content\":1}]}\n",
          "program_protocol: line 1 has an entry without a known kind, or without content"},
      {"{\"type\":\"result\"}\n", "program_protocol: line 1 is a result without result"},
      {"{\"type\":\"tool_call\",\"id\":\"c\",\"name\":\"f\"}\n{\"type\":\"result\",\"result\":1}\n",
          "program_protocol: line 2 is a result while a call has no result"},
      {"{\"type\":\"result\",\"result\":1}\n{\"type\":\"delta\",\"text\":\"a\"}\n",
          "program_protocol: line 2 comes after the last one"},
      {"{\"type\":\"error\"}\n", "program_protocol: line 1 is an error without text"},
      {"{\"type\":\"error\",\"text\":\"a\",\"retryable\":1}\n",
          "program_protocol: line 1 has a retryable that is neither true nor false"},
      {"{\"type\":\"yielded\"}\n", "program_protocol: line 1 is a yielded that nobody asked for"},
      {"{\"type\":\"cancelled\"}\n", "program_protocol: line 1 is a cancelled that nobody asked for"},
      {"{\"type\":\"await\",\"calls\":[]}\n",
          "not_supported: line 1 wants to wait for something outside, which is not there yet"},
  }));
  DYNAMIC_SECTION(t.lines) {
    jsonl_talk talk{fresh()};
    talk.hear(t.lines);
    const auto said = all_of(talk);
    REQUIRE_FALSE(said.empty());
    CHECK(said.back() == t.said);
  }
}

TEST_CASE("jsonl: a line has a limit, whether it ends or not", "[jsonl]") {
  jsonl_talk talk{fresh()};
  const std::string frame = R"({"type":"delta","text":""})";
  SECTION("just within") {
    talk.hear(R"({"type":"delta","text":")" + std::string(jsonl_talk::line_max - frame.size(), 'x') + "\"}\n");
    CHECK(std::holds_alternative<live_note>(*talk.next()));
  }
  SECTION("one byte over") {
    talk.hear(R"({"type":"delta","text":")" + std::string(jsonl_talk::line_max - frame.size() + 1, 'x') + "\"}\n");
    CHECK(brief(*talk.next()) == "program_protocol: line 1 is longer than 1048576 bytes");
  }
  SECTION("without end") {
    talk.hear("{\"type\":\"delta\",\"text\":\"a\"}\n");
    talk.hear(std::string(jsonl_talk::line_max + 1, 'x'));
    CHECK(brief(*talk.next()) == R"(delta "a")");
    CHECK(brief(*talk.next()) == "program_protocol: line 2 is longer than 1048576 bytes");
  }
}

TEST_CASE("jsonl: a yield needs its order, a checkpoint, and nothing after it", "[jsonl]") {
  const std::string yielded_line = "{\"type\":\"yielded\"}\n";
  SECTION("after a checkpoint of this slice") {
    jsonl_talk talk{fresh()};
    CHECK(talk.words_for(boundary_order::yield) == "{\"type\":\"yield\"}\n");
    talk.hear("{\"type\":\"checkpoint\",\"state\":1}\n" + yielded_line);
    CHECK(all_of(talk) == texts{"boundary 1", "last word"});
    CHECK(brief(talk.conclude(exit_0)) == "yielded");
  }
  SECTION("after one of an earlier slice, with nothing done since") {
    jsonl_talk talk{resumed()};
    (void)talk.words_for(boundary_order::yield);
    talk.hear(yielded_line);
    CHECK(all_of(talk) == texts{"last word"});
  }
  SECTION("without any") {
    jsonl_talk talk{fresh()};
    (void)talk.words_for(boundary_order::yield);
    talk.hear(yielded_line);
    CHECK(all_of(talk) == texts{"program_protocol: line 1 is a yielded without any checkpoint"});
  }
  SECTION("with something said after it") {
    jsonl_talk talk{resumed()};
    (void)talk.words_for(boundary_order::yield);
    talk.hear("{\"type\":\"delta\",\"text\":\"a\"}\n" + yielded_line);
    CHECK(all_of(talk).back() == "program_protocol: line 2 is a yielded that does not follow a checkpoint");
  }
}

TEST_CASE("jsonl: a cancelled program leaves what it did", "[jsonl]") {
  jsonl_talk talk{fresh()};
  CHECK(talk.words_for(boundary_order::cancel) == "{\"type\":\"cancel\"}\n");
  talk.hear("{\"type\":\"tool_call\",\"id\":\"c\",\"name\":\"f\"}\n{\"type\":\"cancelled\"}\n");
  CHECK(all_of(talk).back() == "last word");
  CHECK(brief(talk.conclude(exit_0)) == R"(cancelled; tool_call {"id":"c","name":"f","arguments":null})");
}

TEST_CASE("jsonl: the first line tells the program all about its slice", "[jsonl]") {
  CHECK(jsonl_talk{fresh()}.opening(fresh())
      == R"({"type":"start","version":1,"run":"t1","slice":1,"attempt":0,"session":"s1","execution":"e1","epoch":7,)"
         R"("input":"hello","options":null,"steers":[],"checkpoint":null})"
         "\n");
  CHECK(jsonl_talk{resumed()}.opening(resumed()).find(R"("slice":2,"attempt":1)") != std::string::npos);
  CHECK(jsonl_talk{resumed()}.opening(resumed()).find(R"("checkpoint":{"at":5}})") != std::string::npos);
}

TEST_CASE("jsonl: a program that ends without a last word failed; a stranger's signal is worth a retry", "[jsonl]") {
  struct row {
    program_end end;
    const char* means;
  };
  using manner = program_end::manner;
  const auto t = GENERATE(values<row>({
      {{manner::exited, 3, std::nullopt, false}, "program_exit: the program exited with code 3 without a result"},
      {{manner::signalled, 9, std::nullopt, false},
          "program_exit (retryable): the program was killed by signal 9 without a result"},
      {{manner::signalled, 15, std::nullopt, true},
          "program_exit: the program was killed by signal 15 without a result"},
  }));
  jsonl_talk talk{fresh()};
  talk.hear_end();
  CHECK(all_of(talk).empty());
  CHECK(brief(talk.conclude(t.end)) == t.means);
}

TEST_CASE("plain: lines are notes, the whole is the result", "[plain]") {
  plain_talk talk;
  talk.hear("one\ntw");
  CHECK(all_of(talk) == texts{R"(delta "one\n")"});
  talk.hear("o\nthree");
  CHECK(all_of(talk) == texts{R"(delta "two\n")"});
  talk.hear_end();
  CHECK(all_of(talk) == texts{R"(delta "three")"});
  CHECK(brief(talk.conclude(exit_0)) == R"(completed "one\ntwo\nthree")");
}

TEST_CASE("plain: what is no UTF-8 is repaired, what is comes through whole", "[plain]") {
  plain_talk talk;
  talk.hear("a\xff"
            "b\n");
  talk.hear(std::string(plain_talk::piece_max - 1, 'x') + "\xc3\xa4\n");
  const auto said = all_of(talk);
  REQUIRE(said.size() == 3);
  CHECK(said[0]
      == "delta \"a\xef\xbf\xbd"
         "b\\n\"");
  CHECK(said[2] == "delta \"\xc3\xa4\\n\"");
}

TEST_CASE("plain: the exit code decides", "[plain]") {
  using manner = program_end::manner;
  const auto concludes = [](program_end end) { return brief(plain_talk{}.conclude(end)); };
  CHECK(concludes({manner::exited, 0, std::nullopt, false}) == R"(completed "")");
  CHECK(concludes({manner::exited, 1, std::nullopt, false}) == "program_exit: the program exited with code 1");
  CHECK(concludes({manner::exited, 75, std::nullopt, false})
      == "program_exit (retryable): the program exited with code 75");
  CHECK(concludes({manner::signalled, 11, std::nullopt, false}) == "program_exit: the program was killed by signal 11");
}

TEST_CASE("plain: text goes to stdin as it is, other input as JSON", "[plain]") {
  auto r = fresh();
  CHECK(plain_talk{}.opening(r) == "hello");
  r.input.input = value::object{{"a", value::array{1, true}}};
  CHECK(plain_talk{}.opening(r) == R"({"a":[1,true]})");
  r.input.input = {};
  CHECK(plain_talk{}.opening(r).empty());
}

TEST_CASE("lines come out whole, however they came in", "[lines]") {
  const std::string text = "a\n\nbcd\nef";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    line_splitter lines;
    texts taken;
    for (std::size_t at = 0; at < text.size(); at += size) {
      lines.put(std::string_view{text}.substr(at, size));
      while (const auto line = lines.take())
        taken.emplace_back(*line);
    }
    CHECK(taken == texts{"a\n", "\n", "bcd\n"});
    CHECK(lines.size() == 2);
    CHECK(lines.take_rest() == "ef");
  }
}

TEST_CASE("live notes keep to their rate: text is joined, other data is left out", "[live]") {
  std::vector<live_note> came;
  live_feed feed{[&](live_note n) { came.push_back(std::move(n)); }};
  for (std::size_t i = 0; i < live_feed::per_window + 3; ++i)
    feed.offer({"delta", "x"});
  CHECK(came.size() == live_feed::per_window);
  for (std::size_t i = 0; i < live_feed::per_window + 3; ++i)
    feed.offer({"progress", 1});
  // What was held came before the first of the others, in the order in which it was said.
  CHECK(came.size() == 2 * live_feed::per_window + 1);
  CHECK(*came[live_feed::per_window].data.as<std::string>() == "xxx");
  feed.turn();
  CHECK_FALSE(feed.is_open());

  came.clear();
  const std::string big(live_feed::held_max / 2, 'y');
  for (std::size_t i = 0; i < live_feed::per_window + 5; ++i)
    feed.offer({"stderr", big});
  CHECK(feed.is_open());
  feed.turn();
  CHECK(came.size() == live_feed::per_window + 1);
  CHECK(came.back().data.as<std::string>()->size() == live_feed::held_max);
}
