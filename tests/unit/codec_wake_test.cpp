#include <catch2/catch_test_macros.hpp>

#include <string>

#include "messages/codec.hpp"
#include "messages/subjects.hpp"

using namespace baton;

namespace {

std::string packed(value::object fields) { return codec::encode_value(value{std::move(fields)}, encoding::msgpack); }

reason fault_of(std::string_view bytes) {
  const auto read = codec::decode_wake(bytes);
  REQUIRE_FALSE(read);
  return read.error().why;
}

} // namespace

TEST_CASE("a wake comes back as it was stored, with what a newer node added left out", "[codec][wake]") {
  const wake w{instant{milliseconds{1'700'000'000'123}}, "a delayed turn"};
  const auto same = codec::decode_wake(codec::encode_wake(w));
  REQUIRE(same);
  CHECK(*same == w);
  const auto more = packed({{"schema", 1}, {"due", 1'700'000'000'123}, {"what", "a delayed turn"}, {"later", value::array{1, 2}}});
  const auto read = codec::decode_wake(more);
  REQUIRE(read);
  CHECK(*read == w);
}

TEST_CASE("what is no wake is not taken for one", "[codec][wake]") {
  CHECK(fault_of("") == reason::not_decodable);
  CHECK(fault_of("no wake") == reason::not_decodable);
  CHECK(fault_of(packed({{"due", 1}})) == reason::missing_field);
  CHECK(fault_of(packed({{"schema", 1}})) == reason::missing_field);
  CHECK(fault_of(packed({{"schema", 2}, {"due", 1}})) == reason::unknown_version);
  CHECK(fault_of(packed({{"schema", 1}, {"due", "soon"}})) == reason::wrong_type);
  value deep{1};
  for (int i = 0; i < 10; ++i) deep = value::array{deep};
  CHECK(fault_of(packed({{"schema", 1}, {"due", 1}, {"x", deep}})) == reason::too_deep);
  CHECK(fault_of(packed({{"schema", 1}, {"due", 1}, {"x", std::string(wake_bytes_max, 'x')}})) == reason::too_large);
  value::array many;
  for (int i = 0; i < 100; ++i) many.emplace_back(i);
  CHECK(fault_of(packed({{"schema", 1}, {"due", 1}, {"x", many}})) == reason::too_many_values);
}

TEST_CASE("what a wake says of itself is cut to its limit", "[codec][wake]") {
  const auto read = codec::decode_wake(codec::encode_wake({instant{}, std::string(1'000, 'x')}));
  REQUIRE(read);
  CHECK(read->what.size() == wake_what_bytes_max);
}

TEST_CASE("a wake's subject gives back partition, session and key", "[subjects][wake]") {
  const auto session = session_id::parse("Chat_7").value();
  const auto key = wake_key::parse("t-0a_f").value();
  const auto subject = subjects::wake({7}, session, key);
  CHECK(subject == "baton.wake.7.Chat_7.t-0a_f");
  const auto parsed = subjects::parse_wake(subject);
  REQUIRE(parsed);
  CHECK(parsed->partition == partition_id{7});
  CHECK(parsed->session == session);
  CHECK(parsed->key == key);
  CHECK(subjects::wakes_of({7}) == "baton.wake.7.*.*");
  for (const auto* other : {"baton.wake.7.s1", "baton.wake.7.s1.k.k", "baton.wake.x.s1.k", "baton.wake.7.s~1.k", "baton.log.7.s1.k", "baton.wake.7.s1.K"})
    CHECK_FALSE(subjects::parse_wake(other));
}

TEST_CASE("a wake's key is short, and one token of a subject in lower case", "[ids][wake]") {
  CHECK(wake_key::parse("a-z_09"));
  CHECK(wake_key::parse(std::string(64, 'x')));
  for (const auto& bad : {std::string{}, std::string{"A"}, std::string{"a.b"}, std::string{"*"}, std::string{">"}, std::string{" "}, std::string(65, 'x')})
    CHECK_FALSE(wake_key::parse(bad));
}
