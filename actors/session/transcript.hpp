// What a run leaves: entries of the transcript, and the letter of one that failed. Private to the session machine.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "actors/session/draft.hpp"

namespace baton::session {

/// What is kept of a failure's text beside the transcript.
[[nodiscard]] std::string stored_error(std::string_view text);
void stamp(std::vector<entry>& entries, const task_id& run, instant at);
/// What the slice adds to the transcript, the turn's input before it if it is not stored yet.
[[nodiscard]] std::vector<entry> with_input(const draft& d, std::vector<entry> added);
/// The tool calls without a result, by their ids.
[[nodiscard]] std::map<std::string, entry> open_calls(const std::vector<entry>& entries);
/// Every call gets exactly one result, so that a model provider accepts the transcript.
void close_open_calls(std::vector<entry>& entries, std::string_view because);
/// Of a run that was not completed.
void add_last_words(const draft& d, std::vector<entry>& entries, const final_end& end);

[[nodiscard]] outbox_item dead_letter_item(const draft& d, const run_record& run, const final_end& end);
[[nodiscard]] dead_letter letter_of(const state& s, const outbox_item& item);

} // namespace baton::session
