#include "messages/codec.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

#include "messages/digest.hpp"
#include "tests/unit/codec_generator.hpp"

using namespace baton;
using namespace std::string_literals;

namespace {

const codec::arrival from_queue{
    .seq = {42}, .stored_at = instant{milliseconds{1'000}}, .traceparent = {}, .reply_prefixes = nullptr};

control accepted(std::string_view payload) {
  const auto c = codec::decode_control(payload, from_queue, {});
  INFO(payload << ": " << (c ? "" : c.error().detail));
  REQUIRE(c);
  return *c;
}

refusal refused(std::string_view payload) {
  const auto c = codec::decode_control(payload, from_queue, {});
  INFO(payload);
  REQUIRE_FALSE(c);
  return c.error();
}

std::string text_of(std::size_t size) { return "\"" + std::string(size, 'x') + "\""; }

} // namespace

TEST_CASE("what a client asks is what a node is asked, in both encodings", "[codec][control]") {
  test::codec_generator make{21};
  for (int i = 0; i < 1'000; ++i) {
    const auto c = make.any_control();
    for (const auto as : {encoding::msgpack, encoding::json}) {
      const auto payload = codec::encode_control(c, as);
      auto expected_control = c;
      expected_control.encoding = as;
      expected_control.digest = digest_of_body(payload);
      REQUIRE(accepted(payload) == expected_control);
    }
  }
}

TEST_CASE("a control message says what it is", "[codec][control]") {
  CHECK(refused("{}") == refusal{reason::missing_field, "kind"});
  CHECK(refused(R"({"kind":null})") == refusal{reason::missing_field, "kind"});
  CHECK(refused(R"({"kind":7})").why == reason::wrong_type);
  for (const auto* planned : {"tool_result", "auth_result", "job_done", "child_done"}) {
    CHECK(refused("{\"kind\":\""s + planned + "\"}").why == reason::not_supported);
  }
  for (const auto* unknown : {"", "turn", "follow_up", "schedule_due", "Cancel", "remove"}) {
    CHECK(refused("{\"kind\":\""s + unknown + "\"}").why == reason::unknown_kind);
  }
  CHECK(refused(R"({"kind":"cancel","version":2})").why == reason::unknown_version);
  CHECK(refused("[]").why == reason::not_decodable);
}

TEST_CASE("a steer says something, and to whom", "[codec][control]") {
  const auto to_whom = std::get<steer>(accepted(R"({"kind":"steer","run":"t1","input":"left","by":"ann"})").what);
  CHECK(to_whom == steer{task_id::parse("t1"), "left", "ann"});
  CHECK(std::get<steer>(accepted(R"({"kind":"steer","input":["a","b"]})").what) == steer{std::nullopt, value::array{"a", "b"}, ""});
  CHECK(refused(R"({"kind":"steer"})") == refusal{reason::missing_field, "input"});
  CHECK(refused(R"({"kind":"steer","input":7})").why == reason::wrong_type);
  CHECK(refused(R"({"kind":"steer","input":"x","run":"a b"})").why == reason::invalid_task_id);
}

TEST_CASE("common fields are checked as in a task", "[codec][control]") {
  CHECK(accepted(R"({"kind":"cancel"})").id.text() == "s42-1000");
  CHECK(accepted(R"({"kind":"cancel","id":"c1"})").id.text() == "c1");
  CHECK(refused(R"({"kind":"cancel","id":"c 1"})").why == reason::invalid_task_id);
  CHECK(accepted(R"({"kind":"cancel","reply_to":"_INBOX.x"})").reply_to == "_INBOX.x");
  CHECK(refused(R"({"kind":"cancel","reply_to":"other"})").why == reason::reply_not_allowed);
  CHECK(refused(R"({"kind":"delete","not_before":"2030-01-01T00:00:00Z"})").why == reason::not_supported);
  CHECK(refused(R"({"kind":"delete","traceparent":7})").why == reason::wrong_type);
}

TEST_CASE("a cancel may name its run, who and why", "[codec][control]") {
  const auto all = accepted(R"({"kind":"cancel","run":"t1","by":"ann","reason":"enough"})");
  CHECK(std::get<cancel>(all.what) == cancel{task_id::parse("t1"), "ann", "enough"});
  CHECK(std::get<cancel>(accepted(R"({"kind":"cancel"})").what) == cancel{});
  CHECK(refused(R"({"kind":"cancel","run":"t 1"})") == refusal{reason::invalid_task_id, "run"});
  CHECK(refused(R"({"kind":"cancel","run":""})").why == reason::invalid_task_id);
  CHECK(refused(R"({"kind":"cancel","run":7})").why == reason::wrong_type);
  CHECK(refused(R"({"kind":"cancel","by":7})").why == reason::wrong_type);
  CHECK(refused(R"({"kind":"cancel","reason":[]})").why == reason::wrong_type);
  accepted("{\"kind\":\"cancel\",\"by\":" + text_of(128) + ",\"reason\":" + text_of(1'024) + "}");
  CHECK(refused("{\"kind\":\"cancel\",\"by\":" + text_of(129) + "}").why == reason::too_large);
  CHECK(refused("{\"kind\":\"cancel\",\"reason\":" + text_of(1'025) + "}").why == reason::too_large);
}

TEST_CASE("an edit changes something", "[codec][control]") {
  const auto all =
      accepted(R"({"kind":"edit","title":"T","title_version":3,"pinned":true,"labels":{"a":"b","c":""},"by":"ann"})");
  CHECK(std::get<edit>(all.what) == edit{"T", 3, true, {{"a", "b"}, {"c", ""}}, "ann"});
  CHECK(std::get<edit>(accepted(R"({"kind":"edit","title":""})").what).title == "");
  CHECK(std::get<edit>(accepted(R"({"kind":"edit","pinned":false})").what).pinned == false);
  accepted(R"({"kind":"edit","labels":{"a":""}})");
  CHECK(refused(R"({"kind":"edit"})").why == reason::missing_field);
  CHECK(refused(R"({"kind":"edit","by":"ann","title_version":3})").why == reason::missing_field);
  CHECK(refused(R"({"kind":"edit","labels":{},"title":null})").why == reason::missing_field);
}

TEST_CASE("an edit's fields have types and limits", "[codec][control]") {
  CHECK(refused(R"({"kind":"edit","title":7})").why == reason::wrong_type);
  CHECK(refused(R"({"kind":"edit","title":"T","title_version":-1})").why == reason::wrong_type);
  CHECK(refused(R"({"kind":"edit","title":"T","title_version":"1"})").why == reason::wrong_type);
  CHECK(refused(R"({"kind":"edit","pinned":1})").why == reason::wrong_type);
  CHECK(refused(R"({"kind":"edit","labels":[]})").why == reason::wrong_type);
  accepted("{\"kind\":\"edit\",\"title\":" + text_of(256) + "}");
  CHECK(refused("{\"kind\":\"edit\",\"title\":" + text_of(257) + "}")
      == refusal{reason::too_large, "title: more than 256 characters"});
  std::string umlauts;
  for (int i = 0; i < 256; ++i)
    umlauts += "ü";
  accepted("{\"kind\":\"edit\",\"title\":\"" + umlauts + "\"}");
  CHECK(refused("{\"kind\":\"edit\",\"title\":\"" + umlauts + "x\"}").why == reason::too_large);
  CHECK(refused("{\"kind\":\"edit\",\"pinned\":true,\"labels\":{" + text_of(65) + ":\"\"}}").why == reason::too_large);
}

TEST_CASE("a delete may say who", "[codec][control]") {
  CHECK(std::get<baton::remove>(accepted(R"({"kind":"delete","by":"ann","title":7})").what) == baton::remove{"ann"});
  CHECK(std::get<baton::remove>(accepted(R"({"kind":"delete"})").what) == baton::remove{});
  CHECK(refused(R"({"kind":"delete","by":false})").why == reason::wrong_type);
  CHECK(refused("{\"kind\":\"delete\",\"by\":" + text_of(129) + "}").why == reason::too_large);
}
