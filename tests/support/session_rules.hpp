// What must hold for one session whatever happens to it: DESIGN's rules 1-5 and 7-9, checked from outside. It is told what
// was published, decided, stored, buried and removed, keeps its own books, and shares no code with the machine but `evolve_head`.
// A broken rule throws `rule_broken`, whose text names it. One thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "actors/session/events.hpp"

namespace baton::support {

struct rule_broken : std::logic_error {
  using std::logic_error::logic_error;
};

class session_rules {
public:
  explicit session_rules(session::limits limits) : limits_{std::move(limits)} {}

  void task_was_published(const task& t, stream_seq seq);
  /// Somebody removed it from the queue, or from the log, behind the session's back: nothing is owed for it.
  void task_was_taken_away(stream_seq seq) { taken_away_.insert(seq); }
  void control_was_published(const control& c, stream_seq seq);
  /// A new owner, or the same one anew, has read the head.
  void life_began(const session::state& loaded, bool after_crash);
  /// Before anything of `made` is stored or performed.
  void step_was_made(const session::state& before, const session::input& in, const session::stepped& made);
  void commit_was_stored(const commit& c, const std::vector<session::event>& events);
  /// `refused`: of a message that was never a run.
  void letter_was_stored(const dead_letter& letter, message_kind kind, bool refused);

  /// After all faults have stopped and every wish was granted: nothing waits, and every task has its one final record.
  void all_has_ended(const session::state& last, const std::set<stream_seq>& tasks_left) const;
  [[nodiscard]] std::size_t final_records(stream_seq task) const;
  [[nodiscard]] const std::vector<entry>& transcript() const noexcept { return transcript_; }

private:
  struct published {
    task_id id;
    body_digest digest;
    value input;
    std::optional<instant> not_before{};
  };

  void note_refusals(const std::vector<session::event>& events);
  void check_replay(const session::state& before, const session::stepped& made) const;
  void check_stale(const session::state& before, const session::input& in, const session::stepped& made) const;
  void check_executions(const session::state& before, const session::stepped& made) const;
  void check_launch(const session::state& before, const session::stepped& made, const slice_request& request) const;
  void check_joined(const session::state& next, const slice_request& request) const;
  void check_order(const session::stepped& made, stream_seq starting) const;
  /// What is due goes first, in the order of its time.
  void check_delays(const session::state& next) const;
  void check_acks(const session::stepped& made) const;
  void check_task_ack(const session::stepped& made, stream_seq seq) const;
  void check_control_ack(const session::stepped& made, stream_seq seq) const;
  void check_limits(const session::state& next) const;
  /// When something has come into it: it shrinks only then.
  void check_ledger(const session::state& next) const;
  void check_takeover(const std::vector<session::event>& events);
  void check_final(const session::run_has_ended& e, bool is_rolled_up) const;
  /// The first with this id.
  [[nodiscard]] stream_seq message_of(id_hash id) const;
  void forget_joined(message_place place);
  void add_final(stream_seq message, const task_id& run);
  enum class twin : std::uint8_t { any, that_ran, that_ended };
  /// Another message with the same id and body.
  [[nodiscard]] bool has_twin(stream_seq seq, twin which) const;

  session::limits limits_;
  std::map<stream_seq, published> tasks_;
  std::map<stream_seq, published> controls_;
  std::set<stream_seq> taken_away_;
  /// Refused by a decision: such a message never starts a run.
  std::set<stream_seq> refused_;
  std::map<stream_seq, std::size_t> finals_;
  std::map<stream_seq, std::size_t> refusal_letters_;
  std::set<stream_seq> control_letters_;
  std::set<stream_seq> failure_letters_;
  std::set<stream_seq> failed_;
  /// By the run that they have joined.
  std::map<task_id, std::set<stream_seq>> joined_;
  std::set<std::pair<message_kind, task_id>> joined_ids_;
  std::vector<entry> transcript_;
  bool is_deleted_ = false;
  /// Of the life under way.
  bool owes_takeover_ = false;
  std::map<epoch, std::size_t> takeovers_in_;
};

} // namespace baton::support
