#include "messages/digest.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace baton {
namespace {

using sha256 = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

struct free_context {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

/// Looking the algorithm up and making a context cost more than the digest of a short text: both are kept.
sha256 sha256_of(std::string_view bytes) {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, free_context> context{EVP_MD_CTX_new()};
  sha256 digest{};
  const bool done = EVP_DigestInit_ex2(context.get(), algorithm, nullptr) == 1
      && EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1
      && EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1;
  // Without digests nothing that is stored can be trusted: an OpenSSL without SHA-256 is no ground to run on.
  if (!done) std::abort();
  return digest;
}

std::uint64_t big_endian(const sha256& digest, std::size_t from) {
  std::uint64_t n = 0;
  for (std::size_t i = from; i < from + 8; ++i)
    n = n << 8U | digest[i];
  return n;
}

} // namespace

body_digest digest_of_body(std::string_view payload) { return {big_endian(sha256_of(payload), 0)}; }

id_hash hash_of_id(message_kind kind, const task_id& id) {
  const auto digest = sha256_of((kind == message_kind::task ? "t:" : "c:") + id.text());
  return {big_endian(digest, 0), big_endian(digest, 8)};
}

id_hash hash_of_refusal(message_kind kind, stream_seq seq, reason why, std::string_view detail) {
  auto text = (kind == message_kind::task ? "r:t:" : "r:c:") + std::to_string(seq.value);
  text.append(":").append(to_text(why)).append(":").append(detail);
  const auto digest = sha256_of(text);
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
