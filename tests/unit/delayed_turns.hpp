// Turns for later by hand, for the tests of the session machine.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/session/delayed_entry.hpp"
#include "actors/session/draft.hpp"
#include "messages/codec.hpp"
#include "tests/support/session_driver.hpp"
#include "tests/support/session_names.hpp"

namespace baton::support {

using names = std::vector<std::string>;

inline task_options in(const session_driver& s, std::int64_t ms) {
  return {.not_before = s.time() + milliseconds{ms}, .reply_to = "_INBOX.a"};
}

/// Delivered, its wake stored, its message acknowledged.
inline stream_seq delay(session_driver& s, std::string_view id, std::int64_t ms) {
  const auto seq = s.task(id, in(s, ms));
  s.carry_out_wake_order();
  s.confirm_acks();
  return seq;
}

inline void come_due(session_driver& s, std::int64_t ms) {
  s.advance(milliseconds{ms});
  REQUIRE(s.fire_wake());
  s.answer_log_read();
}

inline void carry_out_wakes(session_driver& s) {
  while (s.wakes().has_order()) s.carry_out_wake_order();
}

/// The task that a letter has.
inline std::optional<task_id> task_in(const dead_letter& letter) {
  const auto read = codec::decode_task(letter.payload, {}, {});
  return read ? std::optional{read->id} : std::nullopt;
}

inline bool has_ordered(const session_driver& s, std::string_view effect) {
  return std::ranges::any_of(s.last_effects(), [&](const session::effect& e) { return name_of(e) == effect; });
}

inline id_hash hash(std::string_view id) { return hash_of_id(message_kind::task, id_of(id)); }

inline std::string status_of(const session_driver& s, std::size_t nth) {
  const auto* status = s.answers().at(nth).answer.body.find("status");
  return status == nullptr ? std::string{} : *status->as<std::string>();
}

inline std::size_t visible_entries(const session_driver& s) {
  const auto& all = s.rules().transcript();
  return static_cast<std::size_t>(std::ranges::count_if(all, [](const entry& e) { return !e.hidden; }));
}

} // namespace baton::support
