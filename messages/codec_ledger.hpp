// The ledger as it is stored: one run of bytes, because all of it is rewritten with each commit. Each item is the id's hash
// (16 bytes), the body's digest (8) and the settlement (1); numbers are big endian. Open acknowledgements likewise: the kind of
// message (1), its sequence (8), its id's hash (16). Private to messages/codec*.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "messages/codec_names.hpp"
#include "messages/codec_pack.hpp"
#include "messages/commit.hpp"

namespace baton::codec {

using head_parts::ledger_item_bytes;
static_assert(ledger_item_bytes == 16 + 8 + 1);

/// Where the next item goes.
inline char* write_ledger_item(char* to, const ledger_item& item) {
  to = write_big_endian(to, item.id.high);
  to = write_big_endian(to, item.id.low);
  to = write_big_endian(to, item.digest.value);
  *to++ = static_cast<char>(item.ended);
  return to;
}

/// `from` holds at least eight bytes more after `offset`.
inline std::uint64_t read_big_endian(std::string_view from, std::size_t offset) {
  std::uint64_t n = 0;
  from.copy(reinterpret_cast<char*>(&n), sizeof n, offset);
  return std::endian::native == std::endian::little ? __builtin_bswap64(n) : n;
}

/// Nothing, if the bytes are no whole number of items, or an item ended in a way that is not known.
[[nodiscard]] inline std::optional<std::vector<ledger_item>> read_ledger(std::string_view bytes) {
  if (bytes.size() % ledger_item_bytes != 0) return std::nullopt;
  std::vector<ledger_item> items;
  items.reserve(bytes.size() / ledger_item_bytes);
  for (; !bytes.empty(); bytes.remove_prefix(ledger_item_bytes)) {
    const auto ended = static_cast<unsigned char>(bytes[ledger_item_bytes - 1]);
    if (ended >= settlement_names.size()) return std::nullopt;
    items.push_back({.id = {.high = read_big_endian(bytes, 0), .low = read_big_endian(bytes, 8)},
        .digest = {read_big_endian(bytes, 16)},
        .ended = static_cast<settlement>(ended)});
  }
  return items;
}

using joined_manner = joined_message::manner;
inline constexpr std::size_t joined_message_bytes = 1 + 8 + 16 + 16 + 1;
static_assert(head_parts::joined_item_bytes == joined_message_bytes);

inline char* write_joined(char* to, const joined_message& one) {
  *to++ = one.place.kind == message_kind::task ? 't' : 'c';
  to = write_big_endian(to, one.place.seq.value);
  to = write_big_endian(to, one.id.high);
  to = write_big_endian(to, one.id.low);
  to = write_big_endian(to, one.into.high);
  to = write_big_endian(to, one.into.low);
  *to++ = one.how == joined_manner::merged ? 'm' : 'i';
  return to;
}

/// Nothing, if the bytes are no whole number of them, or one is of an unknown kind.
[[nodiscard]] inline std::optional<std::vector<joined_message>> read_joined(std::string_view bytes) {
  if (bytes.size() % joined_message_bytes != 0) return std::nullopt;
  std::vector<joined_message> all;
  for (; !bytes.empty(); bytes.remove_prefix(joined_message_bytes)) {
    const auto kind = bytes[0];
    const auto how = bytes[joined_message_bytes - 1];
    if ((kind != 't' && kind != 'c') || (how != 'm' && how != 'i')) return std::nullopt;
    all.push_back({.place = {kind == 't' ? message_kind::task : message_kind::control, {read_big_endian(bytes, 1)}},
        .id = {.high = read_big_endian(bytes, 9), .low = read_big_endian(bytes, 17)},
        .into = {.high = read_big_endian(bytes, 25), .low = read_big_endian(bytes, 33)},
        .how = how == 'm' ? joined_manner::merged : joined_manner::injected});
  }
  return all;
}

inline constexpr std::size_t decided_message_bytes = 16 + 1;
static_assert(head_parts::decided_item_bytes == decided_message_bytes);

inline char* write_decided(char* to, const decided_message& one) {
  to = write_big_endian(to, one.id.high);
  to = write_big_endian(to, one.id.low);
  *to++ = one.stays ? 's' : 'g';
  return to;
}

/// Nothing, if the bytes are no whole number of them, or one is of an unknown kind.
[[nodiscard]] inline std::optional<std::vector<decided_message>> read_decided(std::string_view bytes) {
  if (bytes.size() % decided_message_bytes != 0) return std::nullopt;
  std::vector<decided_message> all;
  for (; !bytes.empty(); bytes.remove_prefix(decided_message_bytes)) {
    const auto kind = bytes[decided_message_bytes - 1];
    if (kind != 's' && kind != 'g') return std::nullopt;
    all.push_back({.id = {.high = read_big_endian(bytes, 0), .low = read_big_endian(bytes, 8)}, .stays = kind == 's'});
  }
  return all;
}

inline constexpr std::size_t open_ack_bytes = 1 + 8 + 16;

inline char* write_open_ack(char* to, const open_ack& open) {
  *to++ = open.kind == message_kind::task ? 't' : 'c';
  to = write_big_endian(to, open.seq.value);
  to = write_big_endian(to, open.id.high);
  return write_big_endian(to, open.id.low);
}

/// Nothing, if the bytes are no whole number of them, or one is of an unknown kind.
[[nodiscard]] inline std::optional<std::vector<open_ack>> read_open_acks(std::string_view bytes) {
  if (bytes.size() % open_ack_bytes != 0) return std::nullopt;
  std::vector<open_ack> all;
  for (; !bytes.empty(); bytes.remove_prefix(open_ack_bytes)) {
    if (bytes[0] != 't' && bytes[0] != 'c') return std::nullopt;
    all.push_back({.kind = bytes[0] == 't' ? message_kind::task : message_kind::control,
        .seq = {read_big_endian(bytes, 1)},
        .id = {.high = read_big_endian(bytes, 9), .low = read_big_endian(bytes, 17)}});
  }
  return all;
}

} // namespace baton::codec
