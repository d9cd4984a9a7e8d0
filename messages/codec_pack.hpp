// Writes msgpack straight into a buffer, without a tree between. Private to messages/codec*.
// Each thread has one buffer, so a `packed` must not be begun inside another.
#pragma once

#include <msgpack.hpp>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "messages/codec_text.hpp"
#include "messages/ids.hpp"
#include "messages/instant.hpp"
#include "messages/value.hpp"

namespace baton::codec {

/// Where the next byte goes.
inline char* write_big_endian(char* to, std::uint64_t n) {
  if constexpr (std::endian::native == std::endian::little) n = __builtin_bswap64(n);
  std::memcpy(to, &n, sizeof n);
  return to + sizeof n;
}

/// Bytes that grow at the end; what they were is kept when they are cleared.
class pack_bytes {
public:
  [[nodiscard]] char* data() { return held_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  void clear() { size_ = 0; }
  void write(const char* bytes, std::size_t count) { std::memcpy(grow(count), bytes, count); }
  /// `count` more bytes, to be filled before the next call.
  [[nodiscard]] char* grow(std::size_t count) {
    if (count > room_ - size_) make_room(count);
    size_ += count;
    return held_.get() + size_ - count;
  }

private:
  void make_room(std::size_t count) {
    room_ = std::max(2 * room_, size_ + count);
    auto larger = std::make_unique_for_overwrite<char[]>(room_);
    std::memcpy(larger.get(), held_.get(), size_);
    held_ = std::move(larger);
  }

  std::size_t room_ = 8'192;
  std::size_t size_ = 0;
  std::unique_ptr<char[]> held_ = std::make_unique_for_overwrite<char[]>(room_);
};

class pack_writer {
public:
  explicit pack_writer(pack_bytes& to) : to_(to), pack_(to) {}

  [[nodiscard]] std::size_t size() const { return to_.size(); }

  void put(bool b) { b ? pack_.pack_true() : pack_.pack_false(); }
  void put(std::uint64_t n) { pack_.pack_uint64(n); }
  void put(std::uint32_t n) { pack_.pack_uint32(n); }
  void put(std::int64_t n) { pack_.pack_int64(n); }
  void put(instant at) { put(static_cast<std::int64_t>(at.time_since_epoch().count())); }
  template <class Tag>
  void put(number_id<Tag> n) {
    put(n.value);
  }
  template <class Rule>
  void put(const text_id<Rule>& id) {
    raw_text(id.text());
  }
  void put(std::string_view text) {
    std::string repaired;
    raw_text(as_utf8(text, repaired));
  }
  void put(const std::string& text) { put(std::string_view{text}); }
  void put(const char*) = delete;
  void put_bytes(std::string_view data) {
    pack_.pack_bin(static_cast<std::uint32_t>(data.size()));
    pack_.pack_bin_body(data.data(), static_cast<std::uint32_t>(data.size()));
  }
  /// Room for `size` bytes; valid until the next call, and to be filled by then.
  [[nodiscard]] char* open_bytes(std::size_t size) {
    pack_.pack_bin(static_cast<std::uint32_t>(size));
    return to_.grow(size);
  }
  void open_array(std::size_t items) { pack_.pack_array(static_cast<std::uint32_t>(items)); }
  void open_map(std::size_t fields) { pack_.pack_map(static_cast<std::uint32_t>(fields)); }
  void put(const value& v) {
    std::visit([this](const auto& held) { put_held(held); }, v.of());
  }

  /// A map whose number of fields, at most 15, is known only when all are written.
  class map {
  public:
    explicit map(pack_writer& out) : out_(out), at_(out.to_.size()) { out.to_.write("\x80", 1); }
    map(const map&) = delete;
    map& operator=(const map&) = delete;
    ~map() {
      assert(fields_ <= 15);
      out_.to_.data()[at_] = static_cast<char>(0x80U | fields_);
    }

    /// The value must follow.
    template <std::size_t N>
    pack_writer& key(const char (&name)[N]) {
      static_assert(N <= 32, "a key is written as a short text");
      ++fields_;
      const char header = static_cast<char>(0xA0U | (N - 1));
      out_.to_.write(&header, 1);
      out_.to_.write(name, N - 1);
      return out_;
    }
    template <std::size_t N, class T>
    void field(const char (&name)[N], const T& held) {
      key(name).put(held);
    }
    /// Only if it is not what a reader assumes when the field is missing.
    template <std::size_t N, class T>
    void field_unless_default(const char (&name)[N], const T& held) {
      if (!(held == T{})) field(name, held);
    }

  private:
    pack_writer& out_;
    std::size_t at_;
    unsigned fields_ = 0;
  };

private:
  void raw_text(std::string_view text) {
    pack_.pack_str(static_cast<std::uint32_t>(text.size()));
    pack_.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
  }
  void put_held(value::null) { pack_.pack_nil(); }
  void put_held(bool b) { put(b); }
  void put_held(std::int64_t n) { put(n); }
  void put_held(std::uint64_t n) { put(n); }
  /// By hand: msgpack's own packer turns a double without a fraction into a whole number.
  void put_held(double d) {
    if (!std::isfinite(d)) {
      pack_.pack_nil();
      return;
    }
    char* at = to_.grow(1 + sizeof d);
    *at++ = '\xcb';
    write_big_endian(at, std::bit_cast<std::uint64_t>(d));
  }
  void put_held(const std::string& text) { put(text); }
  void put_held(const value::bytes& b) { put_bytes(b.data); }
  void put_held(const value::array& items) {
    open_array(items.size());
    for (const auto& item : items)
      put(item);
  }
  void put_held(const value::object& fields) {
    open_map(fields.size());
    for (const auto& [name, held] : fields) {
      put(name);
      put(held);
    }
  }

  pack_bytes& to_;
  msgpack::packer<pack_bytes> pack_;
};

/// This thread's buffer, empty. What one very large record needed is not kept for ever.
inline pack_bytes& pack_buffer() {
  static constexpr std::size_t kept_max = 1024 * 1024;
  thread_local pack_bytes buffer;
  if (buffer.size() > kept_max) buffer = pack_bytes{};
  buffer.clear();
  return buffer;
}

/// What `write` writes.
template <class Write>
[[nodiscard]] std::string packed(Write write) {
  auto& buffer = pack_buffer();
  pack_writer out{buffer};
  write(out);
  return {buffer.data(), buffer.size()};
}

} // namespace baton::codec
