#include "messages/codec.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <string_view>

#include "tests/unit/codec_generator.hpp"

using namespace baton;
using namespace std::string_literals;

namespace {

/// As they stand in a message: `Baton-Event: <line>` and a line end.
std::size_t bytes_as_headers(const std::vector<std::string>& lines) {
  std::size_t bytes = 0;
  for (const auto& line : lines)
    bytes += line.size() + "Baton-Event: \r\n"s.size();
  return bytes;
}

event event_of_size(std::size_t size) {
  event e;
  e.kind = event_kind::run_failed;
  e.at = instant{milliseconds{1'000}};
  e.epoch = {7};
  const auto bare = codec::encode_events({e}).front().size() + R"(,"code":"")"s.size();
  e.code = std::string(size - bare, 'c');
  return e;
}

} // namespace

TEST_CASE("any event comes back from its line as it was", "[codec][event]") {
  test::codec_generator make{41};
  for (int i = 0; i < 2'000; ++i) {
    const auto e = make.any_event();
    const auto lines = codec::encode_events({e});
    REQUIRE(lines.size() == 1);
    const auto read = codec::decode_event(lines.front());
    INFO(lines.front());
    REQUIRE(read);
    REQUIRE(*read == e);
  }
}

TEST_CASE("an event says only what is set", "[codec][event]") {
  event e;
  CHECK(codec::encode_events({e}).front() == R"({"kind":"session_taken","at":0})");
  e = {.kind = event_kind::run_retry_scheduled,
      .at = instant{milliseconds{1'767'323'045'678}},
      .epoch = {42},
      .run = task_id::parse("t1").value(),
      .execution = execution_id::parse("e9").value(),
      .slice = {2},
      .attempt = 1,
      .code = "program_exit",
      .due = instant{milliseconds{1'767'323'047'678}},
      .count = 0};
  CHECK(codec::encode_events({e}).front()
      == R"({"kind":"run_retry_scheduled","run":"t1","execution":"e9","epoch":42,"at":1767323045678,)"
         R"("slice":2,"attempt":1,"code":"program_exit","due":1767323047678})");
}

TEST_CASE("an event stays within its header, whatever it holds", "[codec][event]") {
  event e;
  e.code = "a\r\nX-Header: b\x01\x7f\"\\ \xff";
  const auto line = codec::encode_events({e}).front();
  CHECK(std::none_of(line.begin(), line.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }));
  CHECK(codec::decode_event(line)->code == "a\r\nX-Header: b\x01\x7f\"\\ \xEF\xBF\xBD");
}

TEST_CASE("events are counted, not lost, when they do not fit", "[codec][event]") {
  // 48 KiB hold 96 headers of 512 bytes.
  const auto header = event_of_size(512 - "Baton-Event: \r\n"s.size());
  const auto exactly = codec::encode_events(std::vector(96, header));
  CHECK(exactly.size() == 96);
  CHECK(bytes_as_headers(exactly) == event_bytes_max);
  CHECK(codec::decode_event(exactly.back())->kind == event_kind::run_failed);

  const auto beyond = codec::encode_events(std::vector(97, header));
  CHECK(bytes_as_headers(beyond) <= event_bytes_max);
  const auto last = codec::decode_event(beyond.back());
  REQUIRE(last);
  CHECK(last->kind == event_kind::events_omitted);
  CHECK(last->count == 97 - (beyond.size() - 1));
  CHECK(last->at == header.at);
  CHECK(last->epoch == header.epoch);
  CHECK(beyond.size() == 96);

  const auto many = codec::encode_events(std::vector(100'000, header));
  CHECK(bytes_as_headers(many) <= event_bytes_max);
  CHECK(codec::decode_event(many.back())->count == 100'000 - (many.size() - 1));
}

TEST_CASE("one event that is too large is counted too", "[codec][event]") {
  const auto lines = codec::encode_events({event_of_size(event_bytes_max)});
  REQUIRE(lines.size() == 1);
  CHECK(codec::decode_event(lines.front())->count == 1);
  CHECK(codec::encode_events({}).empty());
}

TEST_CASE("lines that are no events are refused", "[codec][event]") {
  const auto why = [](std::string_view line) {
    const auto read = codec::decode_event(line);
    REQUIRE_FALSE(read);
    return read.error().why;
  };
  CHECK(why("") == reason::not_decodable);
  CHECK(why("[]") == reason::wrong_type);
  CHECK(why("{}") == reason::missing_field);
  CHECK(why(R"({"kind":"run_sung"})") == reason::unknown_kind);
  CHECK(why(R"({"kind":7})") == reason::wrong_type);
  CHECK(why(R"({"kind":"run_failed","run":"a b"})") == reason::wrong_type);
  CHECK(why(R"({"kind":"run_failed","epoch":-1})") == reason::wrong_type);
  CHECK(why(R"({"kind":"run_failed","attempt":4294967296})") == reason::wrong_type);
  CHECK(why(R"({"kind":"run_failed","at":"now"})") == reason::wrong_type);
  CHECK(why(R"({"kind":"run_failed","at":9223372036854775807})") == reason::wrong_type);
  CHECK(why("{\"kind\":\"run_failed\",\"x\":" + std::string(20, '[')) == reason::too_deep);
  CHECK(why("{\"kind\":\"run_failed\",\"code\":\"" + std::string(event_bytes_max, 'x') + "\"}") == reason::too_large);
  CHECK(codec::decode_event(R"({"kind":"run_failed","later":{"x":[1]}})")->kind == event_kind::run_failed);
}

TEST_CASE("any answer comes back in the encoding of the request", "[codec][answer]") {
  test::codec_generator make{42};
  for (int i = 0; i < 1'000; ++i) {
    const auto a = make.any_answer(false);
    for (const auto as : {encoding::msgpack, encoding::json}) {
      const auto read = codec::decode_answer(codec::encode_answer(a, as));
      INFO("answer " << i << ": " << (read ? "" : read.error().detail));
      REQUIRE(read);
      REQUIRE(*read == a);
    }
  }
}

TEST_CASE("an answer reads as a sentence", "[codec][answer]") {
  const auto to = task_id::parse("t1").value();
  CHECK(codec::encode_answer({.to = to, .verdict = verdict::accepted, .why = {}, .body = {}}, encoding::json)
      == R"({"to":"t1","verdict":"accepted"})");
  CHECK(codec::encode_answer(
            {.to = to, .verdict = verdict::refused, .why = refusal{reason::too_large, "tenant"}, .body = value{1}},
            encoding::json)
      == R"({"to":"t1","verdict":"refused","reason":"too_large","detail":"tenant","body":1})");
}

TEST_CASE("payloads that are no answers are refused", "[codec][answer]") {
  const auto why = [](std::string_view bytes) {
    const auto read = codec::decode_answer(bytes);
    REQUIRE_FALSE(read);
    return read.error().why;
  };
  CHECK(why("") == reason::not_decodable);
  CHECK(why("[]") == reason::wrong_type);
  CHECK(why("{}") == reason::missing_field);
  CHECK(why(R"({"verdict":"maybe"})") == reason::wrong_type);
  CHECK(why(R"({"verdict":"refused","reason":"mood"})") == reason::wrong_type);
  CHECK(why(R"({"verdict":"refused","reason":7})") == reason::wrong_type);
  CHECK(why(R"({"verdict":"refused","to":"a b"})") == reason::wrong_type);
  CHECK(codec::decode_answer(R"({"verdict":"expired","later":1})")->verdict == verdict::expired);
}

TEST_CASE("any dead letter comes back as it was", "[codec][dead]") {
  test::codec_generator make{43};
  for (int i = 0; i < 1'000; ++i) {
    const auto d = make.any_dead_letter();
    const auto bytes = codec::encode_dead_letter(d);
    const auto read = codec::decode_dead_letter(bytes);
    INFO("dead letter " << i << ": " << (read ? "" : read.error().detail));
    REQUIRE(read);
    REQUIRE(*read == d);
    for (std::size_t size = 0; i < 20 && size < bytes.size(); ++size)
      REQUIRE_FALSE(codec::decode_dead_letter(bytes.substr(0, size)));
  }
}

TEST_CASE("a dead letter keeps its payload up to the limit and cuts what is beyond", "[codec][dead]") {
  dead_letter d;
  d.payload = std::string(dead_payload_max, '\xff');
  CHECK(*codec::decode_dead_letter(codec::encode_dead_letter(d)) == d);
  d.payload.push_back('x');
  const auto cut = codec::decode_dead_letter(codec::encode_dead_letter(d));
  REQUIRE(cut);
  CHECK(cut->payload == std::string(dead_payload_max, '\xff'));
  CHECK(cut->payload_cut);
}

TEST_CASE("what came in bad text can still be buried and read", "[codec][dead]") {
  dead_letter d;
  d.id = "\xff\xfe";
  d.subject = "a.\x80";
  const auto read = codec::decode_dead_letter(codec::encode_dead_letter(d));
  REQUIRE(read);
  CHECK(read->id == "\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(read->subject == "a.\xEF\xBF\xBD");
}

TEST_CASE("payloads that are no dead letters are refused", "[codec][dead]") {
  const auto why = [](const value& v) {
    const auto read = codec::decode_dead_letter(codec::encode_value(v, encoding::msgpack));
    REQUIRE_FALSE(read);
    return read.error().why;
  };
  CHECK(why(value::array{}) == reason::wrong_type);
  CHECK(why(value::object{}) == reason::missing_field);
  CHECK(why(value::object{{"reason", "mood"}}) == reason::wrong_type);
  CHECK(why(value::object{{"reason", "deleted"}, {"payload", "text"}}) == reason::wrong_type);
  CHECK(why(value::object{{"reason", "deleted"}, {"session", "a.b"}}) == reason::wrong_type);
  CHECK(why(value::object{{"reason", "deleted"}, {"seq", -1}}) == reason::wrong_type);
}
