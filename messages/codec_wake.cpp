#include "messages/codec.hpp"
#include "messages/codec_fields.hpp"
#include "messages/codec_pack.hpp"
#include "messages/codec_tree.hpp"

namespace baton::codec {
namespace {

/// Small and flat; a newer node may add a few fields.
constexpr decode_limits wake_limits{.bytes_max = wake_bytes_max, .depth_max = 4, .values_max = 64};

} // namespace

std::string encode_wake(const wake& w) {
  return packed([&](pack_writer& out) {
    pack_writer::map to{out};
    to.field("schema", wake_schema);
    to.field("due", w.due);
    to.field("what", stored_text(w.what, wake_what_bytes_max));
  });
}

expected<wake, refusal> decode_wake(std::string_view bytes) {
  auto tree = parse_msgpack(bytes, wake_limits, text_rule::utf8);
  if (!tree) return unexpected{std::move(tree).error()};
  std::optional<refusal> fault;
  fields from{*tree, fault, "wake"};
  std::uint32_t schema = 0;
  from.require("schema");
  from.read("schema", schema);
  if (!fault && schema != wake_schema) from.fail(reason::unknown_version, "schema");
  wake w;
  from.require("due");
  from.read("due", w.due);
  from.read("what", w.what, wake_what_bytes_max);
  if (fault) return unexpected{*std::move(fault)};
  return w;
}

} // namespace baton::codec
