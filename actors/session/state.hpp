// What a session is at one moment. `head` is durable: it changes only by durable events, and is what each commit stores.
// `hand` is memory: messages that are still in the queue, and the execution under way; losing it costs a redelivery.
#pragma once

#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "actors/session/backlog.hpp"
#include "messages/commit.hpp"
#include "messages/control.hpp"
#include "messages/slice.hpp"
#include "messages/task.hpp"

namespace baton::session {

/// Admitted, not acknowledged.
struct held_task {
  baton::task task;
  stream_seq seq;
  instant stored_at;
  /// Was in the queue when the partition was taken from a node that died.
  bool after_crash = false;
  /// Of its payload in the queue.
  std::size_t bytes = 0;
  /// A run was under way when it came.
  bool has_waited = false;
  /// It does not start before: further ones may be merged into it until then.
  std::optional<instant> ready_at{};
};

struct held_control {
  baton::control control;
  stream_seq seq;
  instant stored_at{};
  /// Was in the queue when the partition was taken: it may have been delivered before turns that are older.
  bool before_open = false;
};

/// A message that is to join the run of this turn.
struct waiting_steer {
  std::variant<held_task, held_control> message;
  task_id into;
};

/// A cancel of a turn that waits, and of which something is to be read back before it ends.
struct pending_cancel {
  held_control message;
  task_id run;
};

/// A cancel or a steer that came before its turn.
struct early_message {
  held_control message;
  /// Empty: it meant the run that was under way, whose task is still to come after a restart.
  task_id run;
  instant until;
};

/// A refused message: answered and acknowledged once its dead letter is stored.
struct pending_refusal {
  task_id id;
  std::string reply_to;
  baton::encoding encoding = baton::encoding::msgpack;
  refusal why;
  /// What must stay in the ledger until the acknowledgement is confirmed.
  id_hash kept;
};

/// The execution of the run in hand.
struct in_flight {
  enum class stage : std::uint8_t {
    /// Asked for a slot.
    queued,
    /// Running; a report from it will come.
    launched,
  };
  execution_id id;
  stage at = stage::queued;
  /// The log knows of this slice.
  bool stored = false;
  /// Nothing runs any more before the log knows (after a crash).
  bool store_first = false;
  std::optional<boundary_order> asked;
  /// Stored ones of this slice.
  std::uint32_t boundaries = 0;
};

/// What is under way about turns that wait for their time; they themselves stand in the head.
struct delayed_in_hand {
  struct message {
    stream_seq seq;
    id_hash id;
  };
  /// Their turns are in the log: acknowledged once the wake is stored.
  std::vector<message> before_wake;
  /// Commits that are being read for the tasks in them.
  std::set<stream_seq> reading;
  /// Of turns that have ended, and were answered in this life: they stay as long as the outbox owes something, since nothing else
  /// would bring the session back.
  std::set<wake_key> kept_wakes;
  /// Nothing is owed for these any more, and their wakes are being removed; then the head forgets them.
  std::set<id_hash> leaving;
  /// A wake fired early, by a clock that was set back.
  bool is_timed = false;
  /// A delete: carried out when the head knows of no delayed turn any more. Nothing else starts until then.
  std::optional<held_control> removal;
};

struct hand {
  /// The message of the run under way. Absent after a restart, until it is delivered again.
  std::optional<held_task> current;
  /// The run under way; `head.phase` has it too once it is stored.
  std::optional<run_record> run;
  std::optional<in_flight> execution;
  /// When the timer of a `retry_wait` fires, if it is set.
  std::optional<instant> retry_timer;
  std::list<held_task> queue;
  session::backlog backlog;
  /// No task that came in this life has a higher one.
  stream_seq highest_task;
  /// Asked for, not answered.
  std::set<message_place> reading;
  /// In the order in which they came; tasks among them are not in `queue`.
  std::vector<waiting_steer> steers;
  /// What `head.busy.joined` says that has come: its words; none if it is gone from its queue.
  std::map<message_place, std::optional<steer_input>> joined;
  /// The turn that others give way to has come in this life, and so have all before it.
  bool saw_replacing = false;
  /// When the timer of a turn that is not ready fires, if it is set.
  std::optional<instant> debounce_timer;
  /// Cancels of the run in hand: answered when it has ended.
  std::vector<held_control> cancels;
  std::vector<early_message> early;
  std::vector<pending_cancel> pending_cancels;
  /// Wait, in order, until fewer acknowledgements are open. They are not acknowledged, so `source.credit` bounds them.
  std::list<held_control> put_off;
  /// Settled, acknowledgement not confirmed: not evicted from the ledger.
  std::map<stream_seq, id_hash> unconfirmed_tasks;
  std::map<stream_seq, id_hash> unconfirmed_controls;
  /// Settled by an earlier owner, who had no confirmation: not evicted from the ledger before they have come, or been passed.
  std::vector<open_ack> maybe_open;
  /// Refused: being buried, then acknowledged.
  std::map<stream_seq, pending_refusal> refused_tasks;
  std::map<stream_seq, pending_refusal> refused_controls;
  delayed_in_hand delayed;
  /// Settled messages that are acknowledged when this outbox item is confirmed.
  std::map<std::string, stream_seq> ack_after;
  /// No new slices: the node drains.
  bool draining = false;
};

struct state {
  session_id id;
  partition_id partition;
  node_id node;
  baton::epoch epoch;
  baton::head head;
  /// Of the last commit. Zero: none.
  stream_seq last;
  commit_number number;
  baton::epoch last_epoch;
  node_id last_node;
  session::hand hand;
};

/// The run that the log knows of and that has not ended; nullptr if there is none.
[[nodiscard]] const run_record* stored_run(const head& h);
[[nodiscard]] message_place place_of(const waiting_steer& s);
/// Nothing in hand, nothing owed: the actor may end, and nothing is lost.
[[nodiscard]] bool is_quiet(const state& s);
/// No execution runs and none is about to.
[[nodiscard]] bool runs_nothing(const state& s);

} // namespace baton::session
