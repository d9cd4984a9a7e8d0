#include "bridge/nats/whole_values.hpp"

#include <limits>
#include <utility>
#include <variant>

#include "bridge/nats/blobs.hpp"
#include "messages/codec.hpp"

namespace baton::nats {
namespace {

/// Stored by ourselves, within the limits of what came in: only a bound.
constexpr codec::decode_limits whole_limits{
    .bytes_max = std::numeric_limits<std::size_t>::max(), .depth_max = 64, .values_max = 16'777'216};

/// The checkpoint of the run under way; nullptr if there is none. Head: `head` or `const head`.
template <class Head>
auto checkpoint_in(Head& h) -> decltype(&*std::get_if<phases::running>(&h.phase)->run.last_checkpoint) {
  const auto of = [](auto* at) {
    return at != nullptr && at->run.last_checkpoint ? &*at->run.last_checkpoint : nullptr;
  };
  if (auto* point = of(std::get_if<phases::running>(&h.phase))) return point;
  if (auto* point = of(std::get_if<phases::retry_wait>(&h.phase))) return point;
  return of(std::get_if<phases::yielded>(&h.phase));
}

bool may_be_over(const value& v, std::size_t& left) {
  const auto take = [&](std::size_t n) {
    if (n > left) return true;
    left -= n;
    return false;
  };
  if (const auto* text = v.as<std::string>()) return take(text->size() + 5);
  if (const auto* raw = v.as<value::bytes>()) return take(raw->data.size() + 5);
  if (const auto* items = v.as<value::array>()) {
    if (take(5)) return true;
    for (const auto& item : *items) {
      if (may_be_over(item, left)) return true;
    }
    return false;
  }
  if (const auto* fields = v.as<value::object>()) {
    if (take(5)) return true;
    for (const auto& [name, held] : *fields) {
      if (take(name.size() + 5) || may_be_over(held, left)) return true;
    }
    return false;
  }
  return take(9);
}

/// Moves `content` out if it is larger than `most` bytes when encoded.
void take_if_large(value& content, std::optional<blob_ref>& blob, std::size_t most, bool is_checkpoint,
    std::vector<large_value>& into) {
  auto left = most;
  if (!may_be_over(content, left)) return;
  auto bytes = codec::encode_value(content, encoding::msgpack);
  if (bytes.size() <= most) return;
  blob = blob_of(bytes);
  content = {};
  into.push_back({*blob, std::move(bytes), is_checkpoint});
}

} // namespace

std::vector<large_value> take_large_values(commit& c) {
  std::vector<large_value> large;
  for (auto& e : c.entries)
    take_if_large(e.content, e.blob, inline_max, false, large);
  if (auto* point = checkpoint_in(c.head)) take_if_large(point->state, point->blob, checkpoint_inline_max, true, large);
  return large;
}

std::optional<blob_ref> next_missing(const commit& c) {
  for (const auto& e : c.entries) {
    if (e.blob) return e.blob;
  }
  return std::nullopt;
}

std::optional<blob_ref> missing_checkpoint(const commit& c) {
  const auto* point = checkpoint_in(c.head);
  return point == nullptr ? std::nullopt : point->blob;
}

bool put_back(commit& c, const blob_ref& ref, std::string_view bytes) {
  auto decoded = codec::decode_value(bytes, whole_limits);
  if (!decoded) return false;
  for (auto& e : c.entries) {
    if (e.blob != ref) continue;
    e.content = decoded->value;
    e.blob.reset();
  }
  return true;
}

bool put_back_checkpoint(commit& c, std::string_view bytes) {
  auto decoded = codec::decode_value(bytes, whole_limits);
  auto* point = checkpoint_in(c.head);
  if (!decoded || point == nullptr) return false;
  point->state = std::move(decoded->value);
  point->blob.reset();
  return true;
}

} // namespace baton::nats
