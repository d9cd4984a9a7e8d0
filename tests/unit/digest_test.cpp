#include "messages/digest.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <thread>
#include <vector>

#include "messages/subjects.hpp"

using namespace baton;

TEST_CASE("digests are SHA-256", "[digest]") {
  // FIPS 180-2, appendix B.
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
      == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_hex(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("a body's digest is the first eight bytes, big endian", "[digest]") {
  CHECK(digest_of_body("abc") == body_digest{0xba7816bf8f01cfea});
  CHECK(digest_of_body("") == body_digest{0xe3b0c44298fc1c14});
}

TEST_CASE("an id's hash tells tasks from control messages", "[digest]") {
  const auto id = task_id::parse("order-1").value();
  // printf 't:order-1' | sha256sum
  CHECK(hash_of_id(message_kind::task, id) == id_hash{0x5071b1db5049fcf3, 0x1b01a7f6f34f2460});
  CHECK(hash_of_id(message_kind::control, id) == id_hash{0x746a3d54a31bdaf2, 0x7d177ae48aae318b});
}

TEST_CASE("digests may be computed on any thread", "[digest]") {
  std::vector<std::string> found(4);
  std::vector<std::thread> threads;
  for (auto& each : found) {
    threads.emplace_back([&each] {
      for (int i = 0; i < 200; ++i)
        each = sha256_hex("abc");
    });
  }
  for (auto& thread : threads)
    thread.join();
  for (const auto& each : found)
    CHECK(each == sha256_hex("abc"));
}

TEST_CASE("the partition is FNV-1a over the session, as the server computes it", "[subjects]") {
  constexpr std::uint64_t all = std::uint64_t{1} << 32U;
  const auto hash = [](const char* text) { return subjects::partition_of(session_id::parse(text).value(), all).value; };
  // The test vectors of the FNV reference code.
  CHECK(hash("a") == 0xe40c292c);
  CHECK(hash("b") == 0xe70c2de5);
  CHECK(hash("foo") == 0xa9f37ed7);
  CHECK(hash("foob") == 0x3f5076ef);
  CHECK(hash("fooba") == 0x39aaa18a);
  CHECK(hash("foobar") == 0xbf9cf968);
  CHECK(subjects::partition_of(session_id::parse("foobar").value(), 32) == partition_id{0xbf9cf968 % 32});
  CHECK(subjects::partition_of(session_id::parse("foobar").value(), 1) == partition_id{0});
}
