#include "messages/digest.hpp"

#include <openssl/sha.h>

#include <array>

namespace baton {
namespace {

using sha256 = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

sha256 sha256_of(std::string_view bytes) {
  sha256 digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

std::uint64_t big_endian(const sha256& digest, std::size_t from) {
  std::uint64_t n = 0;
  for (std::size_t i = from; i < from + 8; ++i) n = n << 8U | digest[i];
  return n;
}

} // namespace

body_digest digest_of_body(std::string_view payload) { return {big_endian(sha256_of(payload), 0)}; }

id_hash hash_of_id(message_kind kind, const task_id& id) {
  const auto digest = sha256_of((kind == message_kind::task ? "t:" : "c:") + id.text());
  return {big_endian(digest, 0), big_endian(digest, 8)};
}

std::string sha256_hex(std::string_view bytes) {
  static constexpr std::string_view hex = "0123456789abcdef";
  std::string text;
  for (const auto byte : sha256_of(bytes)) {
    text.push_back(hex[byte >> 4U]);
    text.push_back(hex[byte & 15U]);
  }
  return text;
}

} // namespace baton
