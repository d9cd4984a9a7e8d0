#include "messages/codec.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

#include "messages/digest.hpp"
#include "tests/unit/codec_generator.hpp"

using namespace baton;
using namespace std::string_literals;

namespace {

const std::vector<std::string> reply_prefixes{"", "replies.", "team.answers"};
constexpr std::string_view traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

codec::arrival from_queue(std::string_view trace_header = {}) {
  return {.seq = {42},
      .stored_at = instant{milliseconds{1'767'323'045'678}},
      .traceparent = trace_header,
      .reply_prefixes = &reply_prefixes};
}

expected<task, refusal> decoded(std::string_view payload) { return codec::decode_task(payload, from_queue(), {}); }

/// A task with `more` fields beside those that it needs.
std::string with(const std::string& more) { return R"({"input":"hi","runner":"echo",)" + more + "}"; }

task accepted(const std::string& more) {
  auto t = decoded(with(more));
  INFO(more << ": " << (t ? "" : t.error().detail));
  REQUIRE(t);
  return *t;
}

refusal refused_payload(std::string_view payload) {
  const auto t = decoded(payload);
  REQUIRE_FALSE(t);
  return t.error();
}

reason refused(const std::string& more) {
  INFO(more);
  return refused_payload(with(more)).why;
}

std::string text_of(std::size_t size) { return "\"" + std::string(size, 'x') + "\""; }

} // namespace

TEST_CASE("a task needs an input and a runner, and nothing else", "[codec][task]") {
  const auto payload = R"({"input":"hi","runner":"echo"})"s;
  const auto t = decoded(payload);
  REQUIRE(t);
  CHECK(t->id.text() == "s42-1767323045678");
  CHECK(t->tenant.empty());
  CHECK(t->priority == 0);
  CHECK(t->labels.empty());
  CHECK_FALSE(t->deadline);
  CHECK(t->traceparent.empty());
  CHECK(t->reply_to.empty());
  CHECK(t->encoding == encoding::json);
  CHECK(t->digest == digest_of_body(payload));
  CHECK(std::get<turn>(t->what) == turn{.input = "hi", .runner = "echo", .options = {}});
  CHECK(refused_payload(R"({"runner":"echo"})") == refusal{reason::missing_field, "input"});
  CHECK(refused_payload(R"({"input":null,"runner":"echo"})") == refusal{reason::missing_field, "input"});
  CHECK(refused_payload(R"({"input":"hi"})") == refusal{reason::missing_field, "runner"});
  CHECK(refused_payload(R"({"input":"hi","runner":""})") == refusal{reason::missing_field, "runner"});
}

TEST_CASE("a payload that is no map is not decodable", "[codec][task]") {
  for (const auto& payload :
      {""s, "[]"s, "[{}]"s, "\x90"s, "\xc0"s, "hello"s, "\x05"s, "\xa2hi"s, "{"s, "\x81"s, "{}{}"s}) {
    CHECK(refused_payload(payload).why == reason::not_decodable);
  }
}

TEST_CASE("what a client encodes is what a node decodes, in both encodings", "[codec][task]") {
  test::codec_generator make{11};
  for (int i = 0; i < 1'000; ++i) {
    const auto t = make.any_task(false);
    for (const auto as : {encoding::msgpack, encoding::json}) {
      const auto payload = codec::encode_task(t, as);
      auto expected_task = t;
      expected_task.encoding = as;
      expected_task.digest = digest_of_body(payload);
      const auto read = codec::decode_task(payload, from_queue(), {.bytes_max = 1U << 24U});
      INFO("task " << i << ": " << (read ? "" : read.error().detail));
      REQUIRE(read);
      REQUIRE(*read == expected_task);
    }
  }
}

TEST_CASE("bytes pass through msgpack unchanged", "[codec][task]") {
  task t;
  t.id = task_id::parse("t1").value();
  t.what = turn{.input = value::array{value::bytes{"\x00\xff"s}}, .runner = "echo", .options = {}};
  const auto read = decoded(codec::encode_task(t, encoding::msgpack));
  REQUIRE(read);
  CHECK(read->what == t.what);
  const auto as_json = decoded(codec::encode_task(t, encoding::json));
  REQUIRE(as_json);
  CHECK(std::get<turn>(as_json->what).input == value{value::array{"AP8="}});
}

TEST_CASE("every field of a task refuses every type but its own", "[codec][task]") {
  struct field {
    const char* name;
    std::string fitting;
  };
  const std::vector<std::string> samples{
      "true", "7", "-7", "1.5", "1e300", "18446744073709551615", "\"\\u0001 text\"", "[]", "{}"};
  const std::vector<field> fields{{"id", ""}, {"kind", ""}, {"version", ""}, {"tenant", "\"\\u0001 text\""},
      {"labels", "{}"}, {"deadline", "7"}, {"traceparent", "\"\\u0001 text\""}, {"reply_to", ""}, {"options", "{}"},
      {"when_busy", ""}, {"priority", "7"}};
  for (const auto& [name, fitting] : fields) {
    for (const auto& sample : samples) {
      const auto payload = with("\""s + name + "\":" + sample);
      INFO(payload);
      const auto t = decoded(payload);
      REQUIRE(t.has_value() == (sample == fitting));
      if (t) continue;
      CHECK(t.error().detail.starts_with(name));
      CHECK(t.error().detail.find("text\"") == std::string::npos);
      if (sample.front() != '"' && name != "version"s) CHECK(t.error().why == reason::wrong_type);
    }
    CHECK(decoded(with("\""s + name + "\":null")));
  }
  for (const auto* input : {"true", "7", "1.5", "{}"}) {
    CHECK(refused_payload(R"({"runner":"echo","input":)"s + input + "}")
        == refusal{reason::wrong_type, "input: neither text nor an array"});
  }
  for (const auto* runner : {"true", "7", "1.5", "{}", "[]"}) {
    CHECK(refused_payload(R"({"input":"hi","runner":)"s + runner + "}").why == reason::wrong_type);
  }
}

TEST_CASE("a task's id is checked", "[codec][task]") {
  CHECK(accepted(R"("id":"a.B-9_:z")").id.text() == "a.B-9_:z");
  CHECK(accepted("\"id\":" + text_of(64)).id.text().size() == 64);
  CHECK(refused("\"id\":" + text_of(65)) == reason::invalid_task_id);
  CHECK(refused(R"("id":"")") == reason::invalid_task_id);
  CHECK(refused(R"("id":"a b")") == reason::invalid_task_id);
  CHECK(refused(R"("id":"a/b")") == reason::invalid_task_id);
  CHECK(refused(R"("id":7)") == reason::wrong_type);
}

TEST_CASE("only version 1 is read", "[codec][task]") {
  accepted(R"("version":1)");
  accepted(R"("version":1.0)");
  CHECK(refused(R"("version":0)") == reason::unknown_version);
  CHECK(refused(R"("version":2)") == reason::unknown_version);
  CHECK(refused(R"("version":"1")") == reason::wrong_type);
  // What a newer version means by its other fields is not known: the version is told first.
  CHECK(refused(R"("version":2,"id":7,"kind":"later")") == reason::unknown_version);
}

TEST_CASE("kinds are known, planned or unknown", "[codec][task]") {
  accepted(R"("kind":"turn")");
  CHECK(refused(R"("kind":"follow_up")") == reason::not_supported);
  CHECK(refused(R"("kind":"schedule_due")") == reason::not_supported);
  CHECK(refused(R"("kind":"")") == reason::unknown_kind);
  CHECK(refused(R"("kind":"Turn")") == reason::unknown_kind);
  CHECK(refused(R"("kind":"cancel")") == reason::unknown_kind);
  CHECK(refused(R"("kind":"steer")") == reason::unknown_kind);
}

TEST_CASE("a turn says what becomes of it while a run is under way", "[codec][task]") {
  CHECK(std::get<turn>(accepted(R"("tenant":"a")").what).when_busy == busy_policy::enqueue);
  for (const auto& policy : busy_policies) {
    const auto t = accepted(R"("when_busy":")"s + std::string{policy.text} + "\"");
    CHECK(std::get<turn>(t.what).when_busy == policy.is);
  }
  CHECK(refused(R"("when_busy":7)") == reason::wrong_type);
  CHECK(refused(R"("when_busy":"later")") == reason::unknown_policy);
  CHECK(refused(R"("when_busy":"")") == reason::unknown_policy);
}

TEST_CASE("a turn for later says when, in milliseconds or RFC 3339", "[codec][task]") {
  CHECK(accepted(R"("not_before":9999999999999)").not_before == instant{milliseconds{9'999'999'999'999}});
  CHECK(accepted(R"("not_before":"2030-01-01T00:00:00Z")").not_before == instant{milliseconds{1'893'456'000'000}});
  CHECK_FALSE(accepted(R"("not_before":null)").not_before);
  for (const auto* when : {"\"\"", "\"soon\"", "true", "{}", "1.5", "-1"}) {
    CHECK(refused("\"not_before\":"s + when) == reason::wrong_type);
  }
  CHECK(accepted(R"("not_before":1000,"when_busy":"enqueue")").not_before == instant{milliseconds{1'000}});
}

TEST_CASE("a turn for later goes with no other policy, and with no deadline before it", "[codec][task]") {
  for (const auto& policy : busy_policies) {
    if (policy.is == busy_policy::enqueue) continue;
    CHECK(refused("\"not_before\":1000,\"when_busy\":\""s + std::string{policy.text} + "\"") == reason::invalid_not_before);
  }
  CHECK(refused(R"("not_before":1000,"deadline":999)") == reason::invalid_not_before);
  CHECK(refused(R"("not_before":1000,"deadline":1000)") == reason::invalid_not_before);
  CHECK(accepted(R"("not_before":1000,"deadline":1001)").deadline == instant{milliseconds{1'001}});
}

TEST_CASE("a deadline is milliseconds or RFC 3339", "[codec][task]") {
  const auto ms = [](const std::string& json) {
    return accepted("\"deadline\":" + json).deadline.value().time_since_epoch().count();
  };
  CHECK(ms("0") == 0);
  CHECK(ms("1767323045678") == 1'767'323'045'678);
  CHECK(ms("1767323045678.0") == 1'767'323'045'678);
  CHECK(ms("253402300799999") == 253'402'300'799'999);
  CHECK(ms(R"("1970-01-01T00:00:00Z")") == 0);
  CHECK(ms(R"("2026-01-02T03:04:05Z")") == 1'767'323'045'000);
  CHECK(ms(R"("2026-01-02t03:04:05.6z")") == 1'767'323'045'600);
  CHECK(ms(R"("2026-01-02 03:04:05.678999999Z")") == 1'767'323'045'678);
  CHECK(ms(R"("2026-01-02T05:34:05+02:30")") == 1'767'323'045'000);
  CHECK(ms(R"("2026-01-01T22:04:05-05:00")") == 1'767'323'045'000);
  CHECK(ms(R"("2024-02-29T00:00:00Z")") == 1'709'164'800'000);
  CHECK(ms(R"("2016-12-31T23:59:60Z")") == 1'483'228'800'000);
  CHECK(ms(R"("9999-12-31T23:59:59.999Z")") == 253'402'300'799'999);
  for (const auto* wrong :
      {"-1", "253402300800000", "18446744073709551615", "1e300", "0.5", "\"\"", "\"now\"", "\"1767323045678\"",
          "\"2026-01-02\"", "\"2026-01-02T03:04:05\"", "\"2026-01-02T03:04Z\"", "\"2026-13-02T03:04:05Z\"",
          "\"2026-02-29T03:04:05Z\"", "\"2026-01-00T03:04:05Z\"", "\"2026-01-02T24:00:00Z\"",
          "\"2026-01-02T03:60:05Z\"", "\"2026-01-02T03:04:61Z\"", "\"2026-01-02T03:04:05.Z\"",
          "\"2026-01-02T03:04:05+24:00\"", "\"2026-01-02T03:04:05+0200\"", "\"2026-01-02T03:04:05Z \"",
          "\"1969-12-31T23:59:59Z\"", "\"1970-01-01T00:00:00+00:01\"", "\"9999-12-31T23:59:59-00:01\"",
          "\"26-01-02T03:04:05Z\"", "\"2026-1-2T3:4:5Z\"", "\"+026-01-02T03:04:05Z\""}) {
    CHECK(refused("\"deadline\":"s + wrong) == reason::wrong_type);
  }
}

TEST_CASE("a priority is a whole number from 0 to 9", "[codec][task]") {
  CHECK(accepted("\"priority\":0").priority == 0);
  CHECK(accepted("\"priority\":9").priority == priority_max);
  CHECK(accepted("\"priority\":3.0").priority == 3);
  for (const auto* wrong : {"10", "-1", "0.5", "256", "1e300", "\"3\"", "true"}) {
    CHECK(refused("\"priority\":"s + wrong) == reason::wrong_type);
  }
}

TEST_CASE("names are allowed up to their limit and refused one beyond", "[codec][task]") {
  CHECK(accepted("\"tenant\":" + text_of(64)).tenant.size() == 64);
  CHECK(refused("\"tenant\":" + text_of(65)) == reason::too_large);
  CHECK(decoded(R"({"input":"","runner":)" + text_of(64) + "}"));
  CHECK(refused_payload(R"({"input":"","runner":)" + text_of(65) + "}")
      == refusal{reason::too_large, "runner: more than 64 bytes"});
}

TEST_CASE("labels are allowed up to their limits and refused one beyond", "[codec][task]") {
  const auto many = [](int count) {
    std::string pairs;
    for (int i = 0; i < count; ++i)
      pairs += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":\"v\"";
    return "\"labels\":{" + pairs + "}";
  };
  CHECK(accepted(many(32)).labels.size() == 32);
  CHECK(refused(many(33)) == reason::too_many_labels);
  accepted("\"labels\":{" + text_of(64) + ":" + text_of(256) + "}");
  CHECK(refused("\"labels\":{" + text_of(65) + ":\"\"}") == reason::too_large);
  CHECK(refused("\"labels\":{\"k\":" + text_of(257) + "}") == reason::too_large);
  CHECK(refused(R"("labels":{"k":7})") == reason::wrong_type);
  CHECK(refused(R"("labels":{"k":null})") == reason::wrong_type);
  CHECK(refused(R"("labels":{"":"v"})") == reason::wrong_type);
  CHECK(accepted(R"("labels":{"k":""})").labels == labels{{"k", ""}});
}

TEST_CASE("labels are allowed up to their size together", "[codec][task]") {
  const auto large = [](std::size_t last) {
    std::string pairs;
    for (char key = 'a'; key < 'h'; ++key)
      pairs += "\""s + key + "\":" + text_of(255) + ",";
    return "\"labels\":{" + pairs + "\"h\":" + text_of(last) + "}";
  };
  CHECK(bytes_of(accepted(large(255)).labels) == labels_bytes_max);
  CHECK(refused(large(256)) == reason::too_large);
}

TEST_CASE("an answer goes only where it is allowed to", "[codec][task]") {
  for (const auto* subject : {"_INBOX.x", "_INBOX.a.b.c", "replies.x", "team.answers", "team.answers.x"}) {
    CHECK(accepted("\"reply_to\":\""s + subject + "\"").reply_to == subject);
  }
  for (const auto* subject : {"_INBOX", "_INBOX.", "_INBOXES.x", "_inbox.x", "replies", "replies.", "team.answersx",
           "team", "other.x", "$JS.API.x", "_INBOX.*", "_INBOX.>", "_INBOX.a*", "_INBOX.a b", "_INBOX.a\\tb",
           "_INBOX.a\\r\\nPUB", "_INBOX..a", "_INBOX.a.", ".x", "_INBOX.é", "_INBOX.\\u0000", "_INBOX.\\u007f"}) {
    CHECK(refused("\"reply_to\":\""s + subject + "\"") == reason::reply_not_allowed);
  }
  CHECK(accepted("\"reply_to\":\"_INBOX." + std::string(249, 'x') + "\"").reply_to.size() == 256);
  CHECK(refused("\"reply_to\":\"_INBOX." + std::string(250, 'x') + "\"") == reason::too_large);
  CHECK(accepted(R"("reply_to":"")").reply_to.empty());
  auto nowhere_else = from_queue();
  nowhere_else.reply_prefixes = nullptr;
  CHECK(codec::decode_task(with(R"("reply_to":"_INBOX.x")"), nowhere_else, {}));
  CHECK_FALSE(codec::decode_task(with(R"("reply_to":"replies.x")"), nowhere_else, {}));
}

TEST_CASE("the trace comes from the header, else from the body, else begins here", "[codec][task]") {
  const std::string other = "00-11111111111111111111111111111111-2222222222222222-00";
  const auto body = with("\"traceparent\":\"" + other + "\"");
  CHECK(codec::decode_task(body, from_queue(traceparent), {})->traceparent == traceparent);
  CHECK(codec::decode_task(body, from_queue(), {})->traceparent == other);
  CHECK(codec::decode_task(body, from_queue("rubbish"), {})->traceparent == other);
  for (const auto& wrong : {""s, "x"s, std::string{traceparent} + "\\r\\nX: y", std::string{traceparent.substr(1)},
           "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"s}) {
    CHECK(accepted("\"traceparent\":\"" + wrong + "\"").traceparent.empty());
  }
}

TEST_CASE("unknown fields are ignored, a program and its arguments among them", "[codec][task]") {
  const auto t = accepted(R"("program":"/bin/sh","args":["-c","x"],"command":{"a":[1,{"b":null}]},"later":1.5)");
  CHECK(std::get<turn>(t.what) == turn{.input = "hi", .runner = "echo", .options = {}});
}

TEST_CASE("a refusal names the field, never what stands in it", "[codec][task]") {
  const std::string secret = "s3cr3t";
  for (const auto& payload : {with("\"tenant\":\"" + std::string(60, ' ') + secret + "\""),
           with("\"kind\":\"" + secret + "\""), with("\"when_busy\":\"" + secret + "\""),
           with("\"id\":\"" + secret + " !\""), with("\"reply_to\":\"" + secret + "\""),
           with("\"deadline\":\"" + secret + "\""), with("\"labels\":{\"" + secret + "\":1}"),
           with("\"" + secret + "\":1,\"" + secret + "\":1"), "{\"" + secret, secret}) {
    INFO(payload);
    CHECK(refused_payload(payload).detail.find(secret) == std::string::npos);
  }
}

TEST_CASE("every cut of a task is refused", "[codec][task]") {
  test::codec_generator make{12};
  for (int i = 0; i < 20; ++i) {
    const auto t = make.any_task(false);
    for (const auto as : {encoding::msgpack, encoding::json}) {
      const auto payload = codec::encode_task(t, as);
      for (std::size_t size = 0; size < payload.size(); size += 1 + payload.size() / 2'000) {
        REQUIRE_FALSE(decoded(payload.substr(0, size)));
      }
    }
  }
}

TEST_CASE("damaged tasks are read or refused, never more", "[codec][task]") {
  test::codec_generator make{13};
  std::size_t read_ones = 0;
  for (int i = 0; i < 3'000; ++i) {
    auto payload = codec::encode_task(make.any_task(true), i % 2 == 0 ? encoding::json : encoding::msgpack);
    if (payload.size() > 5'000) continue;
    for (auto count = 1 + make.below(3); count > 0; --count)
      payload[make.below(payload.size())] = static_cast<char>(make.below(256));
    const auto t = decoded(payload);
    if (!t) continue;
    ++read_ones;
    REQUIRE(decoded(codec::encode_task(*t, encoding::msgpack)));
  }
  CHECK(read_ones > 10);
}
