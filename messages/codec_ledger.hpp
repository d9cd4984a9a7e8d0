// The ledger as it is stored: one run of bytes, because all of it is rewritten with each commit. Each item is the id's hash
// (16 bytes), the body's digest (8) and the settlement (1); numbers are big endian. Open acknowledgements likewise: the kind of
// message (1), its sequence (8), its id's hash (16). Delayed turns likewise: the id's hash (16), the body's digest (8), the sequence
// of the commit that holds them (8), milliseconds (8). Private to messages/codec*.
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

/// `from` holds at least eight bytes more after `offset`.
inline std::uint64_t read_big_endian(std::string_view from, std::size_t offset) {
  std::uint64_t n = 0;
  from.copy(reinterpret_cast<char*>(&n), sizeof n, offset);
  return std::endian::native == std::endian::little ? __builtin_bswap64(n) : n;
}

/// Where what comes next goes, as of all that write here.
inline char* write_hash(char* to, id_hash id) { return write_big_endian(write_big_endian(to, id.high), id.low); }
[[nodiscard]] inline id_hash read_hash(std::string_view from, std::size_t offset) {
  return {.high = read_big_endian(from, offset), .low = read_big_endian(from, offset + 8)};
}

/// A kind (1) and a sequence (8).
inline constexpr std::size_t place_bytes = 1 + 8;
inline char* write_place(char* to, message_place place) {
  *to++ = place.kind == message_kind::task ? 't' : 'c';
  return write_big_endian(to, place.seq.value);
}
/// Nothing: of an unknown kind.
[[nodiscard]] inline std::optional<message_place> read_place(std::string_view from) {
  if (from[0] != 't' && from[0] != 'c') return std::nullopt;
  return message_place{from[0] == 't' ? message_kind::task : message_kind::control, {read_big_endian(from, 1)}};
}

inline char* write_ledger_item(char* to, const ledger_item& item) {
  to = write_hash(to, item.id);
  to = write_big_endian(to, item.digest.value);
  *to++ = static_cast<char>(item.ended);
  return to;
}

/// Nothing, if the bytes are no whole number of items, or an item ended in a way that is not known.
[[nodiscard]] inline std::optional<std::vector<ledger_item>> read_ledger(std::string_view bytes) {
  if (bytes.size() % ledger_item_bytes != 0) return std::nullopt;
  std::vector<ledger_item> items;
  items.reserve(bytes.size() / ledger_item_bytes);
  for (; !bytes.empty(); bytes.remove_prefix(ledger_item_bytes)) {
    const auto ended = static_cast<unsigned char>(bytes[ledger_item_bytes - 1]);
    if (ended >= settlement_names.size()) return std::nullopt;
    items.push_back({.id = read_hash(bytes, 0),
        .digest = {read_big_endian(bytes, 16)},
        .ended = static_cast<settlement>(ended)});
  }
  return items;
}

using joined_manner = joined_message::manner;
inline constexpr std::size_t joined_message_bytes = place_bytes + 16 + 16 + 1;
static_assert(head_parts::joined_item_bytes == joined_message_bytes);

inline char* write_joined(char* to, const joined_message& one) {
  to = write_hash(write_hash(write_place(to, one.place), one.id), one.into);
  *to++ = one.how == joined_manner::merged ? 'm' : 'i';
  return to;
}

/// Nothing, if the bytes are no whole number of them, or one is of an unknown kind.
[[nodiscard]] inline std::optional<std::vector<joined_message>> read_joined(std::string_view bytes) {
  if (bytes.size() % joined_message_bytes != 0) return std::nullopt;
  std::vector<joined_message> all;
  for (; !bytes.empty(); bytes.remove_prefix(joined_message_bytes)) {
    const auto place = read_place(bytes);
    const auto how = bytes[joined_message_bytes - 1];
    if (!place || (how != 'm' && how != 'i')) return std::nullopt;
    all.push_back({.place = *place,
        .id = read_hash(bytes, place_bytes),
        .into = read_hash(bytes, place_bytes + 16),
        .how = how == 'm' ? joined_manner::merged : joined_manner::injected});
  }
  return all;
}

inline constexpr std::size_t decided_message_bytes = 16 + 1;
static_assert(head_parts::decided_item_bytes == decided_message_bytes);

inline char* write_decided(char* to, const decided_message& one) {
  to = write_hash(to, one.id);
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
    all.push_back({.id = read_hash(bytes, 0), .stays = kind == 's'});
  }
  return all;
}

using head_parts::spilled_item_bytes;
static_assert(spilled_item_bytes == 16 + 8 + 8 + 8);

inline char* write_spilled(char* to, const spilled_turn& turn) {
  to = write_big_endian(write_hash(to, turn.id), turn.digest.value);
  to = write_big_endian(to, turn.stored.value);
  return write_big_endian(to, static_cast<std::uint64_t>(turn.not_before.time_since_epoch().count()));
}

/// Nothing, if the bytes are no whole number of them.
[[nodiscard]] inline std::optional<std::vector<spilled_turn>> read_spilled(std::string_view bytes) {
  if (bytes.size() % spilled_item_bytes != 0) return std::nullopt;
  std::vector<spilled_turn> all;
  for (; !bytes.empty(); bytes.remove_prefix(spilled_item_bytes)) {
    all.push_back({.id = read_hash(bytes, 0),
        .digest = {read_big_endian(bytes, 16)},
        .stored = {read_big_endian(bytes, 24)},
        .not_before = instant{milliseconds{static_cast<std::int64_t>(read_big_endian(bytes, 32))}}});
  }
  return all;
}

inline constexpr std::size_t open_ack_bytes = place_bytes + 16;

inline char* write_open_ack(char* to, const open_ack& open) {
  return write_hash(write_place(to, {open.kind, open.seq}), open.id);
}

/// Nothing, if the bytes are no whole number of them, or one is of an unknown kind.
[[nodiscard]] inline std::optional<std::vector<open_ack>> read_open_acks(std::string_view bytes) {
  if (bytes.size() % open_ack_bytes != 0) return std::nullopt;
  std::vector<open_ack> all;
  for (; !bytes.empty(); bytes.remove_prefix(open_ack_bytes)) {
    const auto place = read_place(bytes);
    if (!place) return std::nullopt;
    all.push_back({.kind = place->kind, .seq = place->seq, .id = read_hash(bytes, place_bytes)});
  }
  return all;
}

} // namespace baton::codec
