// The world around one session machine, by hand and in one thread: producers, the queue, the log, dead letters, slots and a
// runner. It plays the shell: step, store the commit, perform. Nothing happens by itself: what the machine ordered waits
// until a verb carries it out. Each step is held against `session_rules`; verbs throw `rule_broken`, or `cannot` when there is
// nothing that the verb could be about.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/session/events.hpp"
#include "tests/support/session_rules.hpp"
#include "tests/support/session_wakes.hpp"
#include "tests/support/session_words.hpp"

namespace baton::support {

class session_driver {
public:
  explicit session_driver(session::limits limits = usual_limits());
  [[nodiscard]] static session::limits usual_limits();

  // ---- producers
  /// Only into the queue.
  stream_seq publish(std::string_view id, const task_options& how = {});
  stream_seq publish_control(
      std::string_view id, control_body what, const std::string& reply_to = "_INBOX.control");
  /// Published, and all that is due delivered.
  stream_seq task(std::string_view id, const task_options& how = {});
  stream_seq control(std::string_view id, control_body what);
  /// Of the run with this id; empty: of whatever runs.
  stream_seq cancel_run(std::string_view id, std::string_view run);
  /// Removes a task from the queue as an operator would.
  void take_away(stream_seq task);

  // ---- the queue
  bool deliver_next(message_kind kind);
  void deliver();
  /// Once more, though nobody lost it.
  void redeliver(message_kind kind, stream_seq seq);
  [[nodiscard]] bool has_to_ack(message_kind kind, stream_seq seq) const { return acks_.contains({kind, seq}); }
  void confirm_ack(message_kind kind, stream_seq seq);
  void confirm_acks();
  /// The acknowledgement reaches the queue; its confirmation is lost until `confirm_ack`.
  void ack_reaches(message_kind kind, stream_seq seq) { queue_.erase({kind, seq}); }
  [[nodiscard]] bool is_in_queue(message_kind kind, stream_seq seq) const { return queue_.contains({kind, seq}); }
  void answer_read_back();

  // ---- the slots and the runner
  void grant();
  void boundary(std::vector<entry> entries = {}, std::optional<value> checkpoint = {});
  void grew_old();
  void end(outcome how, std::vector<entry> entries = {}, std::optional<value> checkpoint = {});
  /// grant, then end.
  void run(outcome how) {
    grant();
    end(std::move(how));
  }
  /// What an execution that is over says too late.
  void report_late(const execution_id& old);

  // ---- dead letters, time
  /// The oldest letter is stored; without `confirmed` nobody hears of it.
  void store_letter(bool confirmed = true);
  void store_letters();
  /// Some letter that is stored is confirmed, perhaps once more; `which` chooses.
  void confirm_letter_again(std::size_t which);
  /// All timers that become due on the way fire.
  void advance(milliseconds by);
  void drain();
  void carry_out_wake_order();
  bool fire_wake();
  void lose_wakes() { wakes_.lose_all(); }
  /// The task of a delayed turn comes back out of the log; or it does not, and this is left of its entry.
  void answer_log_read();
  void answer_log_read_unreadable(const std::vector<entry>& left = {});
  /// The supervisor would like the slot back.
  void want_yield();

  // ---- faults
  void crash_and_reload(life next = after_a_crash);
  /// In the next step that makes a commit: before it is stored, or after it with the first `performed` effects done.
  void crash_in_next_commit(bool is_stored, std::size_t performed = 0, life next = after_a_crash);
  /// Everything is answered until nothing more happens; then `session_rules::all_has_ended`.
  void settle();

  void take(session::input in);
  void forget_last() {
    last_events_.clear();
    last_effects_.clear();
  }

  // ---- to look at
  [[nodiscard]] const session::state& now() const noexcept { return state_; }
  [[nodiscard]] const head& stored() const noexcept { return stored_; }
  [[nodiscard]] const std::vector<commit>& log() const noexcept { return log_; }
  [[nodiscard]] const session_rules& rules() const noexcept { return rules_; }
  [[nodiscard]] instant time() const noexcept { return now_; }
  /// The slice that runs; nullptr if none does.
  [[nodiscard]] const slice_request* running() const { return running_ ? &*running_ : nullptr; }
  /// A slot is wanted and not granted yet.
  [[nodiscard]] bool has_wish() const { return wish_ && !wish_->is_granted; }
  [[nodiscard]] const std::vector<session::event>& last_events() const noexcept { return last_events_; }
  [[nodiscard]] const std::vector<session::effect>& last_effects() const noexcept { return last_effects_; }
  [[nodiscard]] const std::map<std::string, dead_letter>& letters() const noexcept { return letters_; }
  [[nodiscard]] const std::vector<session::send_answer>& answers() const noexcept { return answers_; }
  /// Orders to the slice that runs, oldest first.
  [[nodiscard]] const std::vector<boundary_order>& asked() const noexcept { return asked_; }
  /// What was said to the slice that runs at its boundaries, oldest first.
  [[nodiscard]] const std::vector<steer_input>& steered() const noexcept { return steered_; }
  [[nodiscard]] bool is_aborted() const noexcept { return is_aborted_; }
  [[nodiscard]] const std::vector<execution_id>& old_executions() const noexcept { return old_; }
  [[nodiscard]] const std::set<std::pair<message_kind, stream_seq>>& open_acks() const noexcept { return acks_; }
  [[nodiscard]] const std::vector<session::bury>& open_letters() const noexcept { return burials_; }
  /// Names of the events and effects that there were at all.
  [[nodiscard]] const std::set<std::string_view>& seen() const noexcept { return seen_; }
  [[nodiscard]] bool has_read_back() const { return !read_back_.empty(); }
  [[nodiscard]] bool has_log_read() const { return !log_reads_.empty(); }
  [[nodiscard]] const session_wakes& wakes() const noexcept { return wakes_; }
  /// The next one due; nothing if none is set.
  [[nodiscard]] std::optional<instant> next_timer() const;
  [[nodiscard]] std::size_t undelivered(message_kind kind) const;
  /// In the queue, delivered in this life, neither settled nor lost since.
  [[nodiscard]] std::vector<std::pair<message_kind, stream_seq>> delivered() const;
  /// How the run ended, by its public event in the log: `run_completed`, …; empty if it has not.
  [[nodiscard]] std::string ending_of(std::string_view run) const;
  /// Reasons of the stored letters about this message.
  [[nodiscard]] std::vector<reason> refusals_of(stream_seq seq) const;
  /// Runs in the order in which their first slices started.
  [[nodiscard]] const std::vector<std::string>& started() const noexcept { return started_; }
  /// Verdicts that were sent about this id, oldest first.
  [[nodiscard]] std::vector<verdict> verdicts_on(std::string_view id) const;

  std::uint32_t chance = 0;
  /// The runner hears what is said to the run.
  bool hears = true;
  /// Sees each step, before anything of it is stored or performed; for scenarios to print.
  std::function<void(const session::input&, const session::stepped&)> on_step;

private:
  struct queued {
    std::variant<baton::task, baton::control> body;
    instant stored_at;
    bool is_delivered = false;
    bool after_crash = false;
    std::size_t bytes = 0;
    bool crowded = false, before_open = false;
  };
  struct wanted { execution_id execution; bool is_granted = false; };
  struct planned_crash { bool is_stored; std::size_t performed; life next; };
  struct performing;

  void store(commit c);
  void perform(const std::vector<session::effect>& effects);
  void end_execution();
  void check_slots() const;
  void hand_over(message_kind kind, stream_seq seq, queued& message);
  bool settle_once();
  [[nodiscard]] const execution_id& current() const;

  session::limits limits_;
  session_rules rules_;
  session::state state_;
  instant now_{milliseconds{1'700'000'000'000}};
  head stored_;
  std::vector<commit> log_;

  std::map<std::pair<message_kind, stream_seq>, queued> queue_;
  stream_seq last_seq_;
  std::set<std::pair<message_kind, stream_seq>> acks_;
  std::set<message_place> read_back_;
  std::optional<wanted> wish_;
  std::optional<slice_request> running_;
  std::vector<boundary_order> asked_;
  std::vector<steer_input> steered_;
  bool is_aborted_ = false;
  std::vector<execution_id> old_;
  std::vector<session::bury> burials_;
  std::map<std::string, dead_letter> letters_;
  std::vector<session::set_timer> timers_;
  session_wakes wakes_;
  std::deque<stream_seq> log_reads_;
  std::vector<session::send_answer> answers_;
  std::set<std::string> awaited_; // Tasks whose producers wait for an answer.
  std::vector<std::string> started_;
  std::vector<session::event> last_events_;
  std::vector<session::effect> last_effects_;
  std::set<std::string_view> seen_;
  std::optional<planned_crash> planned_;
  std::uint64_t executions_made_ = 0;
  std::uint64_t nodes_made_ = 1;
};

} // namespace baton::support
