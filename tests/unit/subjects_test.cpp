#include "messages/subjects.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace baton;

TEST_CASE("a stored subject gives back partition and session", "[subjects]") {
  const auto s = session_id::parse("chat_7-b").value();
  const auto parsed = subjects::parse_stored(subjects::log({7}, s));
  REQUIRE(parsed);
  CHECK(parsed->partition == partition_id{7});
  CHECK(parsed->session == s);
}

TEST_CASE("a stored subject whose last token is no session id still names its partition", "[subjects]") {
  const auto parsed = subjects::parse_stored("baton.task.3.not~ok");
  REQUIRE(parsed);
  CHECK(parsed->partition == partition_id{3});
  CHECK_FALSE(parsed->session);
}

TEST_CASE("foreign subjects are not taken for stored ones", "[subjects]") {
  CHECK_FALSE(subjects::parse_stored("baton.task.x.s1"));
  CHECK_FALSE(subjects::parse_stored("baton.live.3.s1"));
  CHECK_FALSE(subjects::parse_stored("other.task.3.s1"));
  CHECK_FALSE(subjects::parse_stored("baton.task.3"));
  CHECK_FALSE(subjects::parse_stored(""));
}

TEST_CASE("session ids hold only what is safe in a subject", "[ids]") {
  CHECK(session_id::parse("A-z_09"));
  CHECK_FALSE(session_id::parse(""));
  CHECK_FALSE(session_id::parse("a.b"));
  CHECK_FALSE(session_id::parse("a b"));
  CHECK_FALSE(session_id::parse("*"));
  CHECK(session_id::parse(std::string(128, 'x')));
  CHECK_FALSE(session_id::parse(std::string(129, 'x')));
}

TEST_CASE("a storage transform gives back its number of partitions, a foreign one nothing", "[subjects]") {
  CHECK(subjects::task_storage(32) == "baton.task.{{partition(32,1)}}.{{wildcard(1)}}");
  CHECK(subjects::partitions_in(subjects::task_storage(32)) == 32U);
  CHECK(subjects::partitions_in(subjects::control_storage(7)) == 7U);
  CHECK_FALSE(subjects::partitions_in("baton.task.{{partition(32,2)}}.{{wildcard(1)}}"));
  CHECK_FALSE(subjects::partitions_in("baton.task.{{partition(,1)}}.{{wildcard(1)}}"));
  CHECK_FALSE(subjects::partitions_in("baton.task.{{partition(0,1)}}.{{wildcard(1)}}"));
  CHECK_FALSE(subjects::partitions_in("baton.other.{{partition(32,1)}}.{{wildcard(1)}}"));
}
