// A decision while it is being made: each event is applied as it is added, so that what follows sees its effect.
// Private to the session machine.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/session/delayed_entry.hpp"
#include "actors/session/events.hpp"
#include "messages/overloaded.hpp"

namespace baton::session {

class draft {
public:
  draft(state& s, const context& with) : state_(s), with_(with) {}

  [[nodiscard]] const state& now() const noexcept { return state_; }
  [[nodiscard]] const head& durable() const noexcept { return state_.head; }
  [[nodiscard]] const session::hand& hand() const noexcept { return state_.hand; }
  [[nodiscard]] const context& with() const noexcept { return with_; }
  [[nodiscard]] instant time() const noexcept { return with_.now; }

  [[nodiscard]] const std::vector<event>& events_so_far() const noexcept { return events_; }

  void happened(event e) {
    evolve(state_, e);
    events_.push_back(std::move(e));
  }
  void order(effect e) { effects_.push_back(std::move(e)); }
  /// Performed after all that was ordered without `last`: the acknowledgements.
  void order_last(effect e) { last_.push_back(std::move(e)); }

  [[nodiscard]] decided finish() && {
    effects_.insert(effects_.end(), std::make_move_iterator(last_.begin()), std::make_move_iterator(last_.end()));
    return {std::move(events_), std::move(effects_)};
  }

private:
  state& state_;
  const context& with_;
  std::vector<event> events_;
  std::vector<effect> effects_;
  std::vector<effect> last_;
};

using baton::overloaded;

/// What a refusal says of control messages of which a session holds no more.
inline constexpr std::string_view too_many_waiting_detail = "steers, and cancels of turns that wait";
/// What a refusal says when it is the labels' size.
inline constexpr std::string_view labels_together = "the session's labels together";

// ---- admission.cpp
/// `is_own`: an owner before had settled this very message, or put its turn into the log, and had no confirmation.
void admit(draft& d, held_task message, bool crowded, bool is_own);
/// Whether one more turn may wait in memory: of a session that waits alone always, so that it can go on. `crowded`: the
/// partition's owner holds much already.
[[nodiscard]] bool has_room(const hand& h, const limits& l, const held_task& message, bool crowded);
/// Buries a message, then answers and acknowledges it; with a record in the ledger if it might be admitted another time.
void refuse(draft& d, const held_task& message, refusal why);
void refuse(draft& d, const held_control& message, refusal why);
/// Why this very message was refused before, if that is on record.
[[nodiscard]] std::optional<refusal> recorded_refusal(const head& h, message_kind kind, stream_seq seq);
void refusal_is_buried(draft& d, const refusal_buried& in);
void settle_ack(draft& d, message_kind kind, stream_seq seq, id_hash id);
[[nodiscard]] const ledger_item* find_settled(const head& h, id_hash id);
/// The oldest items that must leave the ledger so that `coming` find room; never one whose acknowledgement is open.
[[nodiscard]] std::vector<id_hash> room_for(const state& s, std::size_t coming);
/// At least `most` ids must stay in the ledger.
[[nodiscard]] bool is_ledger_crowded(const draft& d, std::size_t most);
/// Too many acknowledgements are open, and some will be confirmed in this life: what could settle more waits for them.
[[nodiscard]] bool is_held_up(const draft& d);
/// The turn in memory that waits under this id, in the queue or to join a run; nullptr: none does.
[[nodiscard]] const held_task* find_waiting(const hand& h, const task_id& id);
[[nodiscard]] answer answer_to(const task_id& id, verdict v, value body = {});
[[nodiscard]] value final_status(settlement ended, const value& result = {}, std::string_view code = {}, std::string_view text = {});

// ---- size.cpp
/// Of an entry with this content, about: what is large becomes a blob.
[[nodiscard]] std::size_t stored_size(const value& content);
/// Into one commit.
[[nodiscard]] bool fits(const std::vector<entry>& entries, const limits& l);
/// For more entries in the same commit.
[[nodiscard]] std::size_t room_left(const std::vector<entry>& entries, const limits& l);

// ---- run.cpp
/// Starts what may start now: the run that is to go on, else the next turn.
void proceed(draft& d);
/// A turn may start, or the run in hand have its next slice.
[[nodiscard]] bool may_start(const draft& d);
/// A delayed turn that was read back: the run in hand from now on.
void take_up(draft& d, held_task delayed);
/// After an unclean end of the owner before: fences it, and counts the attempt that it cut off.
void take_over(draft& d);
void on_slot(draft& d, const slot_granted& in);
void on_old_slice(draft& d, const slice_grew_old& in);
void on_boundary(draft& d, boundary_reached in);
void on_slice_end(draft& d, slice_ended in);
void on_settle_over(draft& d, const execution_id& execution);
struct final_end {
  /// As it is recorded, where that differs from the run in hand.
  std::optional<run_record> run;
  settlement ended = settlement::completed;
  std::optional<reason> code;
  std::string text;
  value result;
  std::vector<entry> entries;
  /// There is nothing to acknowledge, and no input to show.
  bool message_is_gone = false;
};
/// Ends the run in hand.
void end_run(draft& d, final_end end);
/// Ends the run in hand as the oldest of its cancels asked.
void end_cancelled(draft& d, std::vector<entry> entries);

// ---- busy.cpp
/// Turns in memory that have not started, those that wait to join a run among them: they may still become turns.
[[nodiscard]] std::size_t held_turns(const hand& h);
/// What the task's `when_busy` asks for; true if the task is dealt with, else it waits for its turn.
bool apply_policy(draft& d, held_task& message, bool crowded);
/// If it does not wait as a turn after all, what was to join its run is told so.
void turn_was_admitted(draft& d, const task_id& id);
/// It is a message that has joined a run and was delivered again, or read back; true if it is dealt with.
bool meets_joined(draft& d, const held_task& message, bool is_read_back = false);
bool meets_joined(draft& d, const held_control& message, bool is_read_back = false);
/// Tasks up to this one have come, as far as they are still in the queue.
void pass_joined(draft& d, stream_seq seq);
void on_steer(draft& d, held_control message);
/// Waits to join this run, if not too many do.
void keep_steer(draft& d, held_control message, const task_id& run);
/// Something waits to join the run in hand, and may.
[[nodiscard]] bool has_steers(const draft& d);
/// Makes what waits part of the run in hand, at the boundary that was stored last; as much as `room` bytes hold.
std::vector<steer_input> inject(draft& d, std::size_t room);
/// Something that is part of this turn is still to be read back, and is asked for.
bool waits_for_joined(draft& d, const task_id& turn);
/// What has joined the run in this way, and is still needed.
[[nodiscard]] std::vector<steer_input> joined_words(const state& s, const task_id& run, joined_message::manner how);
/// A checkpoint of the run in hand has these.
void release_heard(draft& d, const std::vector<task_id>& heard);
/// Whether it ran or not: what has joined it is released; what still waits to join it becomes a turn, or is told that it is
/// too late.
void turn_is_over(draft& d, const task_id& turn, settlement ended);
/// The same of a stub, whose id is not known.
void turn_is_over(draft& d, id_hash turn, settlement ended);
/// A task has come that is not before this one: if it is the one that others give way to, they all have.
void see_replacing(draft& d, stream_seq seq);
/// What waits to join this run is told that it cannot.
void refuse_steers(draft& d, const task_id& run, const value& status);
/// It gives way to a newer turn.
[[nodiscard]] bool gives_way(const draft& d, const held_task& waiting);
/// Settles turns that gave way to a newer one, some at a time.
void drop_replaced(draft& d);
/// The first turn that waits may start; if not, a timer is set.
bool is_front_ready(draft& d);

// ---- control.cpp
/// Somebody wants the run in hand to end.
[[nodiscard]] bool is_stopped(const draft& d);
/// Ends the run in hand because of its cancels, or of the turn that stopped it: told to stop if it runs, at once if it does not.
void end_stopped(draft& d);
/// A turn that waits ends without having started.
void end_waiting(draft& d, const held_task& waiting, const std::vector<held_control>& by, std::optional<reason> code = {});
/// The cancels that were put aside for this run; they are no more.
std::vector<held_control> take_pending(draft& d, const task_id& run);
/// The tombstone: the run under way ends cancelled, waiting tasks are refused (those beyond memory as they are read back), the
/// contents go.
void remove_session(draft& d, const held_control& message);
/// A message that has come before its turn.
void keep_early(draft& d, held_control message, const task_id& run);
/// It names no run, and none is known to be under way: one may be, if its task has not come again yet.
void meant_none(draft& d, held_control message);
/// What waits for whatever run was under way: this turn, the first that comes, if it is older; else there was none.
void aim_early(draft& d, const held_task& first);
/// Answers a message that changes nothing. A session that the log does not know needs no record of that.
void settle_without_effect(draft& d, const held_control& message, verdict v, value body = {});
/// A stub was read back; if a cancel waits for it, that is carried out, or waits on.
bool cancel_read_back(draft& d, const held_task& message);
/// The cancels that waited for something to be read back, as far as it was.
void carry_out_pending(draft& d);
/// A stub is gone from the queue: what waits for it is answered.
void stub_is_gone(draft& d, stream_seq seq);
void on_control(draft& d, held_control message);
/// Carries out what was put off, as far as there is room again.
void take_put_off(draft& d);
/// Early messages about this task are early no more. A cancel among them is carried out; true if the task is settled by it.
bool cancel_if_asked_early(draft& d, const held_task& message);
/// The same for the run whose message has just come again.
void cancel_resumed_if_asked_early(draft& d);
void drop_old_early(draft& d);
/// What the ledger says of the cancels of a run that ends.
[[nodiscard]] std::vector<ledger_item> settled_controls(const std::vector<held_control>& cancels);
/// Answers and acknowledges the cancels of the run that has just ended.
void settle_cancels(draft& d, const std::vector<held_control>& cancels, settlement ended);

} // namespace baton::session
