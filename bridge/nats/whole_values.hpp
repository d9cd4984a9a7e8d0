// Which values of a commit are too large to stand in it, and how they come back. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/commit.hpp"

namespace baton::nats {

/// A value that was taken out of a commit, where `ref` stands in its place.
struct large_value {
  blob_ref ref;
  std::string bytes;
  bool is_checkpoint = false;
};

/// Replaces what is too large (entry contents over `inline_max`, the checkpoint over `checkpoint_inline_max`) by references;
/// returns each value, which must be stored before the commit.
[[nodiscard]] std::vector<large_value> take_large_values(commit& c);
/// The next content of an entry that is only referred to; nothing: the entries are whole.
[[nodiscard]] std::optional<blob_ref> next_missing(const commit& c);
/// Puts the bytes of `ref` back in all entries that name it. False: they are no value.
[[nodiscard]] bool put_back(commit& c, const blob_ref& ref, std::string_view bytes);
/// The checkpoint that is only referred to; nothing: it stands in the head, or there is none.
[[nodiscard]] std::optional<blob_ref> missing_checkpoint(const commit& c);
[[nodiscard]] bool put_back_checkpoint(commit& c, std::string_view bytes);

} // namespace baton::nats
