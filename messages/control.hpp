// What may arrive on baton.control.<session>: never behind turns, never counted as backlog. Each gets an answer on `reply_to`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "messages/ids.hpp"
#include "messages/reason.hpp"
#include "messages/task.hpp"

namespace baton {

/// End a run, queued or running. Without `run`: the one that is running, else nothing to cancel.
struct cancel {
  std::optional<task_id> run;
  std::string by;
  std::string because;
  friend bool operator==(const cancel&, const cancel&) = default;
};

/// A character may take up to four bytes.
inline constexpr std::size_t title_characters_max = 256;

/// Change what people may name or mark. What is absent stays.
struct edit {
  std::optional<std::string> title;
  /// If given, the title changes only if it still has this version.
  std::optional<std::uint64_t> title_version;
  std::optional<bool> pinned;
  /// Labels to set; an empty text removes the label.
  baton::labels labels;
  std::string by;
  friend bool operator==(const edit&, const edit&) = default;
};

/// Delete the session: its contents go, a tombstone stays.
struct remove {
  std::string by;
  friend bool operator==(const remove&, const remove&) = default;
};

/// Say something to a run at its next safe boundary. Without `run`: to the one that is under way, else nothing to steer. One
/// that comes too late is a conflict: a turn with `when_busy` "steer" would become the next turn instead.
struct steer {
  std::optional<task_id> run;
  /// Text, or an array of parts, as a turn's.
  value input;
  std::string by;
  friend bool operator==(const steer&, const steer&) = default;
};

/// Stop waiting for what may never come: a slice that runs is killed and counts as lost, a run that waits for its next attempt goes
/// on at once, a session that was set aside for its errors is tried again. Loses nothing.
struct unstick {
  std::string by;
  friend bool operator==(const unstick&, const unstick&) = default;
};

struct control {
  task_id id;
  std::string traceparent;
  std::string reply_to;
  baton::encoding encoding = baton::encoding::msgpack;
  body_digest digest;
  std::variant<cancel, edit, remove, steer, unstick> what;
  friend bool operator==(const control&, const control&) = default;
};

/// How the answer to a task or a control message begins; `refused` carries a reason, `conflict` the current value.
enum class verdict : std::uint8_t { accepted, duplicate, conflict, unknown, expired, refused };

struct answer {
  task_id to;
  baton::verdict verdict = baton::verdict::accepted;
  std::optional<refusal> why;
  /// For a turn: its final outcome (`{"status": …, "result": …}`); for a conflict: the current value. Null otherwise.
  value body;
  friend bool operator==(const answer&, const answer&) = default;
};

} // namespace baton
