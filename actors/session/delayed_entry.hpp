// Of turns that wait for their `not_before`, what a shell needs too: which the head knows, and the entry of the log that holds
// the task of one. Pure.
#pragma once

#include <optional>
#include <vector>

#include "actors/session/machine.hpp"
#include "actors/session/state.hpp"
#include "messages/dead_letter.hpp"

namespace baton::session {

/// What follows its end may not all be done yet; until it is, the head knows of it, and the ledger keeps its id.
[[nodiscard]] bool has_ended(const head& h, const spilled_turn& turn);
/// nullptr: no turn that was delayed, and has not ended, has this id.
[[nodiscard]] const spilled_turn* find_delayed(const head& h, id_hash id);
[[nodiscard]] bool is_delayed(const head& h, const task_id& id);
/// Whether or not it has ended.
[[nodiscard]] bool was_delayed(const head& h, id_hash id);
/// The commit that `h` stands in is stored at `seq`: the turn that it brought, if it did, lies there.
void settle_delayed(head& h, stream_seq seq);

/// How a delayed task stands in the transcript: hidden from people and runners.
[[nodiscard]] entry entry_of_delayed(const held_task& message, instant now);
/// The letter of a run whose message is not in the queue any more: with what `requeue` publishes again.
[[nodiscard]] dead_letter with_payload(dead_letter letter, const task& of);
/// The delayed task among what a commit added, as it was admitted. Nothing: there is none that can be read.
[[nodiscard]] std::optional<held_task> delayed_task_in(const std::vector<entry>& entries);
/// What can be told of the turn that the commit at `stored` brought, if its task cannot be read.
[[nodiscard]] delayed_was_unreadable left_of_delayed(stream_seq stored, const std::vector<entry>& entries);

} // namespace baton::session
