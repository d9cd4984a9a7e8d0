// What a shell needs of turns that wait for their `not_before`: where they lie in the log, and the task that lies there. Pure.
#pragma once

#include <optional>
#include <vector>

#include "actors/session/state.hpp"
#include "messages/dead_letter.hpp"

namespace baton::session {

/// nullptr: no turn that was delayed, and has not ended, has this id.
[[nodiscard]] const spilled_turn* find_delayed(const head& h, id_hash id);
[[nodiscard]] bool is_delayed(const head& h, const task_id& id);
/// The commit that `h` stands in is stored at `seq`: the turn that it brought, if it did, lies there.
void settle_delayed(head& h, stream_seq seq);

/// How a delayed task stands in the transcript: hidden from people and runners.
[[nodiscard]] entry entry_of_delayed(const held_task& message, instant now);
[[nodiscard]] bool holds_delayed(const entry& e);
/// The letter of a run whose message is not in the queue any more: with what `requeue` publishes again.
[[nodiscard]] dead_letter with_payload(dead_letter letter, const task& of);
/// The delayed task among what a commit added, as it was admitted. Nothing: there is none that can be read.
[[nodiscard]] std::optional<held_task> delayed_task_in(const std::vector<entry>& entries);

} // namespace baton::session
