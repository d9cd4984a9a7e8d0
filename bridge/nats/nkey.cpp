#include "bridge/nats/nkey.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <memory>
#include <vector>

namespace baton::nats {
namespace {

constexpr std::string_view base32_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t seed_size = 32;
/// Two bytes of prefix, the seed, two of checksum.
constexpr std::size_t encoded_seed_size = 2 + seed_size + 2;
constexpr std::uint8_t seed_prefix = 18U << 3U; // 'S'
constexpr std::uint8_t user_prefix = 20U << 3U; // 'U'

std::optional<std::vector<std::uint8_t>> from_base32(std::string_view text) {
  std::vector<std::uint8_t> bytes;
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const auto at = base32_letters.find(c);
    if (at == std::string_view::npos) return std::nullopt;
    held = held << 5U | static_cast<std::uint32_t>(at);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<std::uint8_t>(held >> bits));
  }
  return bytes;
}

std::string to_base32(const std::vector<std::uint8_t>& bytes) {
  std::string text;
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (const auto byte : bytes) {
    held = held << 8U | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text.push_back(base32_letters[held >> bits & 31U]);
    }
  }
  if (bits > 0) text.push_back(base32_letters[held << (5 - bits) & 31U]);
  return text;
}

/// CRC-16/XMODEM, as NKeys append it.
std::uint16_t crc16(const std::uint8_t* bytes, std::size_t size) {
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i < size; ++i) {
    crc ^= static_cast<std::uint32_t>(bytes[i]) << 8U;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc & 0x8000U) != 0 ? crc << 1U ^ 0x1021U : crc << 1U;
    crc &= 0xFFFFU;
  }
  return static_cast<std::uint16_t>(crc);
}

struct free_key {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};

} // namespace

std::optional<std::string> public_nkey(std::string_view seed) {
  const auto raw = from_base32(seed);
  if (!raw || raw->size() != encoded_seed_size) return std::nullopt;
  const auto& bytes = *raw;
  const auto sum = static_cast<std::uint16_t>(bytes[encoded_seed_size - 2] | bytes[encoded_seed_size - 1] << 8U);
  if (sum != crc16(bytes.data(), encoded_seed_size - 2)) return std::nullopt;
  const auto kind = static_cast<std::uint8_t>((bytes[0] & 7U) << 5U | bytes[1] >> 3U);
  if ((bytes[0] & 0xF8U) != seed_prefix || kind != user_prefix) return std::nullopt;

  const std::unique_ptr<EVP_PKEY, free_key> key{
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes.data() + 2, seed_size)};
  std::vector<std::uint8_t> encoded(1 + seed_size);
  encoded[0] = user_prefix;
  std::size_t size = seed_size;
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), encoded.data() + 1, &size) != 1) return std::nullopt;
  const auto checksum = crc16(encoded.data(), encoded.size());
  encoded.push_back(static_cast<std::uint8_t>(checksum & 0xFFU));
  encoded.push_back(static_cast<std::uint8_t>(checksum >> 8U));
  return to_base32(encoded);
}

expected<std::string, std::string> public_nkey_of_seed_file(const std::string& path) {
  std::ifstream file{path};
  if (!file) return unexpected{"cannot read the NKey seed file " + path};
  for (std::string line; std::getline(file, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' '))
      line.pop_back();
    if (!line.starts_with("SU")) continue;
    if (auto key = public_nkey(line)) return std::move(*key);
    break;
  }
  return unexpected{"the NKey seed file " + path + " holds no user seed (a line that begins with SU)"};
}

} // namespace baton::nats
