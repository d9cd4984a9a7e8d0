// What a session's head keeps of messages that came while a run was under way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "messages/ids.hpp"
#include "messages/instant.hpp"

namespace baton {

/// Messages of a session that wait to join a run, or have joined one and may be needed again.
inline constexpr std::size_t joined_max = 16;
inline constexpr std::size_t decided_max = 16;

/// A message that has become part of another turn's run. It is settled, and stays in its queue as long as the run may need it
/// again.
struct joined_message {
  enum class manner : std::uint8_t {
    /// Merged into the turn before it started: needed until the run ends.
    merged,
    /// Injected at a boundary: needed until a checkpoint has it.
    injected,
  };
  message_place place;
  id_hash id;
  /// Of the turn's id.
  id_hash into;
  manner how = manner::merged;
  friend bool operator==(const joined_message&, const joined_message&) = default;
};

/// A turn that waits and whose policy has been applied: when it comes again, it simply waits.
struct decided_message {
  id_hash id;
  /// It does not give way to those that replace what waits: it was to join the run.
  bool stays = false;
  friend bool operator==(const decided_message&, const decided_message&) = default;
};

/// What `when_busy` has decided, as far as it still matters.
struct busy_record {
  /// In the order of their joining; at most `joined_max`.
  std::vector<joined_message> joined;
  /// At most `decided_max`: the oldest is forgotten first.
  std::vector<decided_message> decided;
  /// Turns before this one that were stored no later give way to it as soon as they come up; 0: none.
  stream_seq replaced_until;
  instant replaced_at;
  task_id replaced_by;
  friend bool operator==(const busy_record&, const busy_record&) = default;
};

} // namespace baton
