#include "actors/session/machine.hpp"

#include <algorithm>

#include "actors/session/delayed.hpp"
#include "actors/session/draft.hpp"
#include "actors/session/transcript.hpp"

namespace baton::session {
namespace {

/// What the log still owes to the world is ordered again.
void on_loaded(draft& d, const loaded& in) {
  if (in.after_crash && stored_run(d.durable()) != nullptr) take_over(d);
  if (!in.open_acks.empty()) d.happened(acks_were_left_open{in.open_acks});
  for (const auto& item : d.durable().outbox) {
    // That of a delayed turn has what its task said, which is read back first.
    if (was_delayed(d.durable(), hash_of_id(message_kind::task, item.run))) continue;
    d.order(bury{message_kind::task, letter_of(d.now(), item), item.id});
  }
  take_up_delayed(d);
}

void on_outbox_delivered(draft& d, const outbox_delivered& in) {
  const auto& outbox = d.durable().outbox;
  const auto found = std::ranges::find(outbox, in.item, &outbox_item::id);
  if (found == outbox.end()) return;
  const auto run = found->run;
  const auto owed = d.hand().ack_after.find(in.item);
  const auto message = owed == d.hand().ack_after.end() ? std::optional<stream_seq>{} : owed->second;
  const open_ack open{message_kind::task, found->message, hash_of_id(message_kind::task, run)};
  d.happened(outbox_was_delivered{in.item, run, d.time()});
  if (message) {
    settle_ack(d, open.kind, *message, open.id);
  } else if (!was_delayed(d.durable(), open.id) && open.seq != stream_seq{}) {
    // After a restart: it is still to come.
    d.happened(acks_were_left_open{{open}});
  }
  let_kept_wakes_go(d);
  take_put_off(d);
  proceed(d);
}

/// An owner before is done with this very message, and had no confirmation.
bool is_own(const draft& d, const held_task& message) {
  const auto is_it = [&](const open_ack& open) { return open.kind == message_kind::task && open.seq == message.seq; };
  return std::ranges::any_of(d.hand().maybe_open, is_it);
}

/// Messages come in order, so those before this one that have not come again are not in the queue any more.
void pass(draft& d, message_kind kind, stream_seq seq) {
  const auto is_passed = [&](const open_ack& open) { return open.kind == kind && open.seq <= seq; };
  if (std::ranges::any_of(d.hand().maybe_open, is_passed)) d.happened(queue_was_passed{kind, seq});
  if (kind == message_kind::task) pass_joined(d, seq);
}

void on_timer(draft& d, const timer_fired& in) {
  switch (in.timer) {
    case timer::retry_due:
      // If it fired too early, by a clock that was set back, it is set again.
      d.happened(retry_was_timed{});
      return proceed(d);
    case timer::settle_over: return on_settle_over(d, in.execution);
    case timer::early: return drop_old_early(d);
    case timer::delayed: return on_delayed_timer(d);
    case timer::debounce:
      d.happened(turn_was_timed{});
      return proceed(d);
  }
}

void on_gone(draft& d, message_place place) {
  const auto& joined = d.durable().busy.joined;
  if (std::ranges::find(joined, place, &joined_message::place) != joined.end()) return d.happened(joined_is_gone{place});
  if (place.kind == message_kind::task) stub_is_gone(d, place.seq);
  d.happened(read_back_has_failed{place});
}

void on_task_read_back(draft& d, held_task message) {
  const message_place place{message_kind::task, message.seq};
  const auto& joined = d.durable().busy.joined;
  const auto expected = std::ranges::find(joined, place, &joined_message::place);
  const auto* stubbed = d.hand().backlog.find(message.seq);
  // Another message in its place: its own is gone.
  const auto id = hash_of_id(message_kind::task, message.task.id);
  if (expected != joined.end() && expected->id != id) return on_gone(d, place);
  if (stubbed != nullptr && stubbed->id != id) return on_gone(d, place);
  if (meets_joined(d, message, true) || cancel_read_back(d, message)) return;
  if (d.hand().backlog.find(message.seq) != nullptr && std::holds_alternative<phases::deleted>(d.durable().phase)) {
    d.happened(stub_was_taken{message.seq});
    return refuse(d, message, {reason::deleted, {}});
  }
  d.happened(read_back_has_come{std::move(message)});
}

void on_drain(draft& d) {
  d.happened(drain_was_asked{});
  const auto& execution = d.hand().execution;
  if (!execution) return;
  if (execution->at == in_flight::stage::queued) {
    d.order(free_slot{execution->id});
    d.happened(execution_was_dropped{});
    return;
  }
  // A cancel goes further than a yield: it stands.
  if (execution->asked) return;
  d.order(ask_execution{execution->id, boundary_order::yield});
  d.happened(execution_was_asked{boundary_order::yield});
}

void on_yield_wanted(draft& d, const yield_wanted& in) {
  const auto& execution = d.hand().execution;
  const bool runs = execution && execution->id == in.execution && execution->at == in_flight::stage::launched;
  if (!runs || execution->asked) return;
  d.order(ask_execution{execution->id, boundary_order::yield});
  d.happened(execution_was_asked{boundary_order::yield});
}

} // namespace

decided advance(state& s, input in, const context& with) {
  draft d{s, with};
  std::visit(overloaded{[&](const loaded& l) { on_loaded(d, l); },
                        [&](task_arrived& t) {
                          if (t.message.after_crash) take_over(d);
                          const bool came_before = is_own(d, t.message);
                          pass(d, message_kind::task, t.message.seq);
                          admit(d, std::move(t.message), t.crowded, came_before);
                          proceed(d);
                        },
                        [&](control_arrived& c) {
                          pass(d, message_kind::control, c.message.seq);
                          on_control(d, std::move(c.message));
                          proceed(d);
                        },
                        [&](task_read_back& t) {
                          on_task_read_back(d, std::move(t.message));
                          proceed(d);
                        },
                        [&](control_read_back& c) {
                          if (!meets_joined(d, c.message, true)) on_gone(d, {message_kind::control, c.message.seq});
                          proceed(d);
                        },
                        [&](delayed_was_read& r) { on_delayed_read(d, std::move(r)); },
                        [&](const delayed_was_unreadable& r) { on_delayed_unreadable(d, r); },
                        [&](const message_was_gone& m) {
                          on_gone(d, m.place);
                          proceed(d);
                        },
                        [&](const slot_granted& g) { on_slot(d, g); },
                        [&](const slice_grew_old& g) { on_old_slice(d, g); },
                        [&](boundary_reached& b) { on_boundary(d, std::move(b)); },
                        [&](slice_ended& e) { on_slice_end(d, std::move(e)); },
                        [&](const timer_fired& t) { on_timer(d, t); },
                        [&](const refusal_buried& b) { refusal_is_buried(d, b); },
                        [&](const outbox_delivered& o) { on_outbox_delivered(d, o); },
                        [&](const ack_confirmed& a) {
                          d.happened(ack_was_confirmed{a.kind, a.seq});
                          take_put_off(d);
                          proceed(d);
                        },
                        [&](const drain_asked&) { on_drain(d); },
                        [&](const yield_wanted& y) { on_yield_wanted(d, y); },
                        [&](const wake_fired& w) { on_wake_fired(d, w); },
                        [&](const wake_stored& w) { on_wake_stored(d, w); }, [&](const wake_removed& w) { on_wake_removed(d, w); }},
             in);
  return std::move(d).finish();
}

stepped step(state before, input in, const context& with) {
  auto made = advance(before, std::move(in), with);
  return {std::move(before), std::move(made.events), std::move(made.effects)};
}

} // namespace baton::session
