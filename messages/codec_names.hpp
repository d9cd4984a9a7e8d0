// How closed lists are written in stored records, beside those that carry their own texts (reasons, event kinds). What is
// stored stays readable only if no row ever changes its meaning. Private to messages/codec*.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "messages/closed_list.hpp"
#include "messages/control.hpp"
#include "messages/entry.hpp"
#include "messages/head.hpp"

namespace baton::codec {

/// In the order of the enumeration. A settlement's place is also its byte in the ledger.
inline constexpr auto settlement_names = std::to_array<name_row<settlement>>({
    {settlement::completed, "completed"},
    {settlement::failed, "failed"},
    {settlement::cancelled, "cancelled"},
    {settlement::applied, "applied"},
    {settlement::refused, "refused"},
    {settlement::joined, "joined"},
});
inline constexpr auto entry_kind_names = std::to_array<name_row<entry_kind>>({
    {entry_kind::user, "user"},
    {entry_kind::assistant, "assistant"},
    {entry_kind::tool_call, "tool_call"},
    {entry_kind::tool_result, "tool_result"},
    {entry_kind::note, "note"},
});
inline constexpr auto verdict_names = std::to_array<name_row<verdict>>({
    {verdict::accepted, "accepted"},
    {verdict::duplicate, "duplicate"},
    {verdict::conflict, "conflict"},
    {verdict::unknown, "unknown"},
    {verdict::expired, "expired"},
    {verdict::refused, "refused"},
});

static_assert(in_order(settlement_names) && in_order(entry_kind_names) && in_order(verdict_names));

} // namespace baton::codec
