#include "messages/codec.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>
#include <string>

#include "tests/unit/codec_generator.hpp"

using namespace baton;
using namespace std::string_literals;

namespace {

constexpr codec::decode_limits limits{};

expected<codec::decoded_value, refusal> decoded(std::string_view bytes) { return codec::decode_value(bytes, limits); }

/// Why a payload was refused; fails if it was not.
refusal refused(std::string_view bytes, const codec::decode_limits& within = limits) {
  const auto read = codec::decode_value(bytes, within);
  REQUIRE_FALSE(read);
  return read.error();
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }
std::string packed_nested(std::size_t depth) { return std::string(depth - 1, '\x91') + '\x90'; }

} // namespace

TEST_CASE("any value comes back from msgpack as it was", "[codec][value]") {
  test::codec_generator make{1};
  for (int i = 0; i < 3'000; ++i) {
    const auto v = make.any_value(5);
    const auto read = codec::decode_value(
        codec::encode_value(v, encoding::msgpack), {.bytes_max = 1U << 24U, .depth_max = 8, .values_max = 100'000});
    INFO("value " << i);
    REQUIRE(read);
    REQUIRE(read->value == v);
    REQUIRE(read->encoding == encoding::msgpack);
  }
}

TEST_CASE("any object without bytes comes back from JSON as it was", "[codec][value]") {
  test::codec_generator make{2};
  for (int i = 0; i < 3'000; ++i) {
    const auto v = make.any_object(5, false);
    const auto read = codec::decode_value(
        codec::encode_value(v, encoding::json), {.bytes_max = 1U << 24U, .depth_max = 8, .values_max = 100'000});
    INFO("value " << i);
    REQUIRE(read);
    REQUIRE(read->value == v);
    REQUIRE(read->encoding == encoding::json);
  }
}

TEST_CASE("bytes stand in JSON as base64", "[codec][value]") {
  const auto text = [](std::string data) { return codec::encode_value(value::bytes{std::move(data)}, encoding::json); };
  // RFC 4648, section 10.
  CHECK(text("") == R"("")");
  CHECK(text("f") == R"("Zg==")");
  CHECK(text("fo") == R"("Zm8=")");
  CHECK(text("foo") == R"("Zm9v")");
  CHECK(text("foob") == R"("Zm9vYg==")");
  CHECK(text("fooba") == R"("Zm9vYmE=")");
  CHECK(text("foobar") == R"("Zm9vYmFy")");
  CHECK(text("\xfb\xff\x00"s) == R"("+/8A")");
}

TEST_CASE("JSON is told apart by its first byte", "[codec][value]") {
  CHECK(decoded("{}")->encoding == encoding::json);
  CHECK(decoded(" \t\r\n[]")->encoding == encoding::json);
  CHECK(decoded("\x80")->encoding == encoding::msgpack);
  // Text and numbers alone are msgpack, of which these are the first byte.
  CHECK(decoded("5")->value == value{53});
  CHECK(refused("\"text\"").why == reason::not_decodable);
}

TEST_CASE("the two numbers whose byte would be taken for JSON are written otherwise", "[codec][value]") {
  for (const int n : {int{'['}, int{'{'}, '[' + 1, int{' '}, 0, 127, 128}) {
    const auto read = decoded(codec::encode_value(n, encoding::msgpack));
    REQUIRE(read);
    CHECK(read->value == value{n});
  }
}

TEST_CASE("numbers keep their kind", "[codec][value]") {
  const auto only = [](std::string_view bytes) { return decoded(bytes)->value.as<value::array>()->front(); };
  CHECK(only("[5]") == value{5});
  CHECK(only("[5.0]") == value{5.0});
  CHECK(only("[-1]") == value{-1});
  CHECK(only("[9223372036854775807]") == value{std::numeric_limits<std::int64_t>::max()});
  CHECK(only("[9223372036854775808]") == value{std::uint64_t{1} << 63U});
  CHECK(only("[18446744073709551615]") == value{std::numeric_limits<std::uint64_t>::max()});
  CHECK(only("[18446744073709551616]") == value{18446744073709551616.0});
  CHECK(only("[-9223372036854775808]") == value{std::numeric_limits<std::int64_t>::min()});
  CHECK(only("\x91\xca\x3f\x80\x00\x00"s) == value{1.0});
  CHECK(only("\x91\xd3\x00\x00\x00\x00\x00\x00\x00\x07"s) == value{7});
}

TEST_CASE("numbers that are not finite do not pass, and are written as null", "[codec][value]") {
  CHECK(refused("[1e999]").why == reason::not_decodable);
  CHECK(refused("[NaN]").why == reason::not_decodable);
  CHECK(refused("\xca\x7f\x80\x00\x00"s).why == reason::wrong_type);
  CHECK(refused("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"s).why == reason::wrong_type);
  for (const auto d : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    CHECK(codec::encode_value(value::array{d}, encoding::json) == "[null]");
    CHECK(codec::encode_value(value::array{d}, encoding::msgpack) == "\x91\xc0");
  }
}

TEST_CASE("depth is allowed up to the limit and refused one beyond", "[codec][value]") {
  CHECK(decoded(nested(32)));
  CHECK(refused(nested(33)).why == reason::too_deep);
  CHECK(decoded(packed_nested(32)));
  CHECK(refused(packed_nested(33)) == refusal{reason::too_deep, "deeper than 32"});
  CHECK(refused(std::string(1'000'000, '['), {.bytes_max = 2'000'000}).why == reason::too_deep);
  CHECK(refused(std::string(1'000'000, '\x91'), {.bytes_max = 2'000'000}).why == reason::too_deep);
  CHECK(refused(std::string(1'000'000, '\x81'), {.bytes_max = 2'000'000}).why == reason::wrong_type);
}

TEST_CASE("values are counted, keys and containers included", "[codec][value]") {
  const codec::decode_limits five{.values_max = 5};
  CHECK(codec::decode_value(R"({"a":[1,2]})", five));
  CHECK(refused(R"({"a":[1,2,3]})", five) == refusal{reason::too_many_values, "more than 5 values"});
  CHECK(codec::decode_value("\x81\xa1\x61\x92\x01\x02", five));
  CHECK(refused("\x81\xa1\x61\x93\x01\x02\x03", five) == refusal{reason::too_many_values, "more than 5 values"});

  value::array items(65'535, value{1});
  CHECK(decoded(codec::encode_value(items, encoding::msgpack)));
  CHECK(decoded(codec::encode_value(items, encoding::json)));
  items.emplace_back(1);
  CHECK(refused(codec::encode_value(items, encoding::msgpack)).why == reason::too_many_values);
  CHECK(refused(codec::encode_value(items, encoding::json)).why == reason::too_many_values);
}

TEST_CASE("bytes are allowed up to the limit and refused one beyond", "[codec][value]") {
  const auto text = [](std::size_t size) { return codec::encode_value(std::string(size - 5, 'x'), encoding::msgpack); };
  CHECK(decoded(text(256 * 1024)));
  CHECK(refused(text(256 * 1024 + 1)) == refusal{reason::too_large, "more than 262144 bytes"});
  const auto json = [](std::size_t size) { return "[\"" + std::string(size - 4, 'x') + "\"]"; };
  CHECK(decoded(json(256 * 1024)));
  CHECK(refused(json(256 * 1024 + 1)).why == reason::too_large);
}

TEST_CASE("what is only claimed is refused before room is made for it", "[codec][value]") {
  CHECK(refused("\xdd\xff\xff\xff\xff"s).why == reason::too_many_values);
  CHECK(refused("\xdf\xff\xff\xff\xff"s).why == reason::too_many_values);
  CHECK(refused("\xdf\x80\x00\x00\x00"s).why == reason::too_many_values);
  CHECK(refused("\xdd\x00\x00\xff\xff"s).why == reason::not_decodable);
  CHECK(refused("\xdb\xff\xff\xff\xff"s).why == reason::not_decodable);
  CHECK(refused("\xc6\xff\xff\xff\xff"s).why == reason::not_decodable);
  std::string claims;
  for (int i = 0; i < 32; ++i)
    claims += "\xdc\xff\xff";
  CHECK(refused(claims).why == reason::too_many_values);
  claims.clear();
  for (int i = 0; i < 32; ++i)
    claims += "\xdc\x07\xd0";
  CHECK(refused(claims).why == reason::not_decodable);
}

TEST_CASE("extensions are refused", "[codec][value]") {
  CHECK(refused("\xd4\x01\x00"s) == refusal{reason::wrong_type, "a msgpack extension"});
  CHECK(refused("\xd6\xff\x00\x00\x00\x00"s).why == reason::wrong_type);
  CHECK(refused("\xc7\x00\x05"s).why == reason::wrong_type);
  CHECK(refused("\x91\xc8\x00\x01\x05\x00"s).why == reason::wrong_type);
}

TEST_CASE("keys are text and never repeated", "[codec][value]") {
  CHECK(refused("\x81\x01\x02").why == reason::wrong_type);
  CHECK(refused("\x81\xc0\x02").why == reason::wrong_type);
  CHECK(refused("\x81\xc4\x01\x61\x02"s).why == reason::wrong_type);
  CHECK(refused("\x81\x90\x02").why == reason::wrong_type);
  CHECK(refused("\x81\x80\x02").why == reason::wrong_type);
  CHECK(refused("\x82\xa1\x61\x01\xa1\x61\x01") == refusal{reason::not_decodable, "a key is repeated"});
  CHECK(refused(R"({"a":1,"b":2,"a":3})") == refusal{reason::not_decodable, "a key is repeated"});
  CHECK(refused(R"([{"b":{"a":1,"\u0061":3}}])").why == reason::not_decodable);
  CHECK(decoded(R"([{"a":{"a":1}},{"a":1}])"));
}

TEST_CASE("a key is found to be repeated however many there are", "[codec][value]") {
  value::object fields;
  for (int i = 0; i < 15'000; ++i)
    fields.emplace_back("key" + std::to_string(i), i);
  CHECK(decoded(codec::encode_value(fields, encoding::json)));
  fields.emplace_back("key17", 1);
  CHECK(refused(codec::encode_value(fields, encoding::msgpack)).why == reason::not_decodable);
}

TEST_CASE("text must be UTF-8", "[codec][value]") {
  for (const auto& text : {"\x80"s, "\xc3"s, "\xc0\xaf"s, "\xc1\xbf"s, "\xe0\x80\x80"s, "\xe0\x9f\xbf"s,
           "\xed\xa0\x80"s, "\xed\xbf\xbf"s, "\xf0\x8f\xbf\xbf"s, "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s, "\xff"s,
           "\xe6\xbc"s, "1234567\xff"s, "\xf0\x9f\x98"s}) {
    INFO("text of " << text.size() << " bytes");
    const auto header = static_cast<char>(0xa0 + text.size());
    CHECK(refused(header + text).why == reason::not_decodable);
    CHECK(refused("\x81"s + header + text + "\x01").why == reason::not_decodable);
    CHECK(refused("[\"" + text + "\"]").why == reason::not_decodable);
  }
  for (const auto& text :
      {"\xc2\x80"s, "\xe0\xa0\x80"s, "\xed\x9f\xbf"s, "\xee\x80\x80"s, "\xf0\x90\x80\x80"s, "\xf4\x8f\xbf\xbf"s}) {
    CHECK(decoded(static_cast<char>(0xa0 + text.size()) + text)->value == value{text});
    CHECK(decoded("[\"" + text + "\"]"));
  }
  CHECK(refused(R"(["\ud800"])").why == reason::not_decodable);
}

TEST_CASE("text that is not UTF-8 is mended when it is written", "[codec][value]") {
  const value broken{value::object{{"k\xff",
      "a\xe6\xbc"
      "b\xff"}}};
  const value mended{value::object{{"k\xEF\xBF\xBD",
      "a\xEF\xBF\xBD\xEF\xBF\xBD"
      "b\xEF\xBF\xBD"}}};
  for (const auto as : {encoding::json, encoding::msgpack}) {
    const auto read = decoded(codec::encode_value(broken, as));
    REQUIRE(read);
    CHECK(read->value == mended);
  }
}

TEST_CASE("nothing may follow the value, and nothing may be cut off", "[codec][value]") {
  CHECK(refused("").why == reason::not_decodable);
  CHECK(refused("   ").why == reason::not_decodable);
  CHECK(refused("{}x").why == reason::not_decodable);
  CHECK(refused("{}{}").why == reason::not_decodable);
  CHECK(refused("{}\0"s).why == reason::not_decodable);
  CHECK(refused("{}\0{}"s).why == reason::not_decodable);
  CHECK(refused("{\"a\0\":1}"s).why == reason::not_decodable);
  CHECK(decoded(R"({"a\u0000":1})"));
  CHECK(refused("\xc0\xc0") == refusal{reason::not_decodable, "bytes after the end"});
  CHECK(refused("\xc1").why == reason::not_decodable);
  CHECK(refused("// c\n{}").why == reason::not_decodable);
  CHECK(refused("{} // c").why == reason::not_decodable);
  CHECK(refused("{'a':1}").why == reason::not_decodable);
  CHECK(refused("\xEF\xBB\xBF{}").why == reason::not_decodable);
}

TEST_CASE("every cut of a payload is refused", "[codec][value]") {
  test::codec_generator make{3};
  for (int i = 0; i < 40; ++i) {
    const auto v = make.any_object(4, false);
    for (const auto as : {encoding::json, encoding::msgpack}) {
      const auto whole = codec::encode_value(v, as);
      const auto step = 1 + whole.size() / 2'000;
      for (std::size_t size = 0; size < whole.size(); size += step)
        REQUIRE_FALSE(decoded(whole.substr(0, size)));
    }
  }
}

TEST_CASE("damaged payloads are read or refused, never more", "[codec][value]") {
  test::codec_generator make{4};
  std::size_t refusals = 0;
  for (int i = 0; i < 2'000; ++i) {
    auto bytes = codec::encode_value(make.any_object(4), i % 2 == 0 ? encoding::json : encoding::msgpack);
    if (bytes.size() > 5'000) continue;
    for (auto count = 1 + make.below(4); count > 0; --count)
      bytes[make.below(bytes.size())] = static_cast<char>(make.below(256));
    const auto read = decoded(bytes);
    if (!read) {
      ++refusals;
      continue;
    }
    // What was accepted is within the rules, so it can be written and read again.
    const auto again =
        codec::decode_value(codec::encode_value(read->value, encoding::msgpack), {.bytes_max = 1U << 20U});
    REQUIRE(again);
    REQUIRE(again->value == read->value);
  }
  CHECK(refusals > 100);
}
