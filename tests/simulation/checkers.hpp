// What must hold, judged from outside: from what producers were told, what the broker accepted, stored and removed, which slices
// ran, which answers were sent. Shares no code with Baton but the codec; the rules of one session's decisions are those of
// tests/support/session_rules. A broken rule throws `support::rule_broken`.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/session/events.hpp"
#include "tests/simulation/broker.hpp"
#include "tests/support/session_rules.hpp"

namespace baton::simulation {

class checkers final : public broker::watcher {
public:
  checkers(world& in, session::limits limits) : world_(in), limits_(std::move(limits)) {}
  broker* at = nullptr;

  // ---- from the broker
  void accepted(message_kind kind, stream_seq seq, const session_id& session, const broker::message& m) override;
  void removed(message_kind kind, stream_seq seq) override;
  void logged(const session_id& session, const broker::log_record& stored) override;
  void letter_stored(const std::string& dedupe, const std::string& body, bool is_repeated) override;

  // ---- from the shells
  /// Its owner has read the head.
  void session_began(const session::state& loaded, bool after_crash);
  /// Whether this state is the newest there is of its session: only then is a decision held against the books.
  [[nodiscard]] bool is_newest(const session::state& s) const;
  void step_was_made(const session::state& before, const session::input& in, const session::stepped& made);
  /// What the shell is about to append, with what led there.
  void will_append(const commit& c, const std::vector<session::event>& events);
  void slice_began(const process& in, const slice_request& request);
  void slice_is_over(const execution_id& execution);
  void answered(const std::string& reply_to, const answer& a);
  void inputs_wait(std::size_t waiting, std::size_t most) const;

  // ---- at the end
  /// Nothing is left in the queues, everything has its one end, everybody who asked was answered.
  void all_has_ended(const std::map<session_id, session::state>& in_memory) const;
  [[nodiscard]] std::uint64_t runs_ended() const noexcept { return runs_ended_; }
  [[nodiscard]] std::uint64_t tasks() const noexcept { return tasks_; }
  [[nodiscard]] std::uint64_t commits() const noexcept { return commits_; }
  /// Whether a slice of that process may still run: by its lease, as the world knows it.
  std::function<bool(const process&)> may_work;

private:
  struct accepted_message {
    session_id session;
    task_id id;
    body_digest digest;
    std::string reply_to;
    bool is_readable = false;
    std::size_t letters = 0;
  };
  struct of_session {
    explicit of_session(const session::limits& l) : rules(l) {}
    support::session_rules rules;
    baton::epoch epoch;
    commit_number number;
    /// Ids of tasks with a final public event, or that have joined a run; and those whose letter is stored.
    std::set<task_id> ended;
    std::set<task_id> failed;
    std::set<task_id> failure_buried;
    std::map<baton::epoch, node_id> owners;
    baton::epoch began;
  };
  struct running {
    const process* in = nullptr;
    session_id session;
    baton::epoch epoch;
  };
  using place = std::pair<message_kind, stream_seq>;
  of_session& of(const session_id& session);
  void check_order_of_commits(of_session& s, const commit& c);
  void note_public(of_session& s, const std::vector<event>& events);
  [[nodiscard]] bool is_settled(const accepted_message& m, stream_seq seq) const;
  void check_told_task(const std::vector<stream_seq>& asking, const answer& a) const;

  world& world_;
  session::limits limits_;
  std::map<session_id, of_session> sessions_;
  std::map<place, accepted_message> messages_;
  std::map<std::string, std::pair<commit, std::vector<session::event>>> appending_;
  std::map<execution_id, running> slices_;
  std::map<std::string, std::size_t> answers_;
  /// Messages by where their answer goes: more than one if somebody sent the same again.
  std::map<std::string, std::vector<stream_seq>> asked_;
  std::uint64_t runs_ended_ = 0;
  std::uint64_t tasks_ = 0;
  std::uint64_t commits_ = 0;
};

} // namespace baton::simulation
