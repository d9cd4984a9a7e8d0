#include <optional>

#include "actors/session/events.hpp"

namespace baton::session {
namespace {

baton::event about_run(event_kind kind, const run_record& run, instant at) {
  baton::event e;
  e.kind = kind;
  e.at = at;
  e.run = run.id;
  e.execution = run.execution;
  e.slice = run.slice;
  e.attempt = run.attempts;
  return e;
}

/// The disposition of a turn that simply waited for its turn.
baton::event told_if_it_waited(baton::event e, const run_record& run) {
  if (run.has_waited) e.disposition = disposition::queued;
  return e;
}

baton::event about_session(event_kind kind, instant at) {
  baton::event e;
  e.kind = kind;
  e.at = at;
  return e;
}

baton::event about_message(const task_id& id, disposition as, const task_id& other, instant at) {
  auto e = about_session(event_kind::message_disposed, at);
  e.run = id;
  e.disposition = as;
  e.other = other;
  return e;
}

event_kind kind_of(settlement ended) {
  switch (ended) {
    case settlement::completed: return event_kind::run_completed;
    case settlement::cancelled: return event_kind::run_cancelled;
    case settlement::failed:
    case settlement::applied:
    case settlement::refused:
    case settlement::joined: break;
  }
  return event_kind::run_failed;
}

/// Adds what a durable event makes public and what it adds to the transcript.
struct storing {
  commit& into;

  void operator()(const session_was_taken& e) const {
    auto taken = about_session(event_kind::session_taken, e.at);
    if (e.cut_off) taken = about_run(event_kind::session_taken, *e.cut_off, e.at);
    into.events.push_back(std::move(taken));
  }
  void operator()(const slice_was_started& e) const {
    into.events.push_back(told_if_it_waited(about_run(event_kind::slice_started, e.run, e.at), e.run));
    add(e.entries);
  }
  void operator()(const checkpoint_was_stored& e) const {
    into.events.push_back(about_run(event_kind::checkpoint_stored, e.run, e.at));
    add(e.entries);
  }
  void operator()(const run_was_yielded& e) const {
    into.events.push_back(about_run(event_kind::run_yielded, e.run, e.at));
    add(e.entries);
  }
  void operator()(const execution_was_lost& e) const {
    auto lost = about_run(event_kind::execution_lost, e.run, e.at);
    lost.execution = e.lost;
    lost.code = to_text(reason::execution_lost);
    into.events.push_back(std::move(lost));
  }
  void operator()(const retry_was_scheduled& e) const {
    auto retry = about_run(event_kind::run_retry_scheduled, e.run, e.at);
    retry.code = to_text(e.code);
    retry.due = e.due;
    into.events.push_back(std::move(retry));
  }
  void operator()(const retry_was_hastened& e) const {
    auto retry = about_run(event_kind::run_retry_scheduled, e.run, e.at);
    retry.due = e.at;
    into.events.push_back(std::move(retry));
  }
  void operator()(const run_has_ended& e) const {
    auto ended = told_if_it_waited(about_run(kind_of(e.ended), e.run, e.at), e.run);
    if (e.code) ended.code = to_text(*e.code);
    into.events.push_back(std::move(ended));
    into.traceparent = e.traceparent;
    add(e.entries);
  }
  void operator()(const message_was_disposed& e) const { into.events.push_back(about_message(e.id, e.as, e.other, e.at)); }
  void operator()(const message_has_joined& e) const {
    const auto as = e.joined.how == joined_message::manner::merged ? disposition::merged : disposition::injected;
    auto joined = about_message(e.id, as, e.into, e.at);
    joined.slice = e.slice;
    joined.boundary = e.boundary;
    into.events.push_back(std::move(joined));
    add(e.entries);
  }
  void operator()(const joined_were_released&) const {}
  void operator()(const joined_were_undone&) const {}
  void operator()(const run_was_noted&) const {}
  void operator()(const turns_were_replaced&) const {}
  void operator()(const replacing_was_done&) const {}
  void operator()(const turn_was_delayed& e) const {
    auto delayed = about_message(e.run, disposition::delayed, {}, e.at);
    delayed.due = e.turn.not_before;
    into.events.push_back(std::move(delayed));
    into.entries.push_back(e.task);
  }
  void operator()(const delayed_was_let_go&) const {}
  void operator()(const outbox_was_delivered& e) const {
    auto delivered = about_session(event_kind::dead_letter_confirmed, e.at);
    delivered.run = e.run;
    into.events.push_back(std::move(delivered));
  }
  void operator()(const session_was_edited& e) const { into.events.push_back(about_session(event_kind::session_edited, e.at)); }
  void operator()(const control_was_settled&) const {}
  void operator()(const refusal_was_recorded&) const {}
  void operator()(const session_was_deleted& e) const {
    if (e.run) into.events.push_back(about_run(event_kind::run_cancelled, *e.run, e.at));
    into.events.push_back(about_session(event_kind::session_deleted, e.at));
    into.rolls_up = true;
  }
  template <class InHandOnly>
  void operator()(const InHandOnly&) const {}

  void add(const std::vector<entry>& entries) const { into.entries.insert(into.entries.end(), entries.begin(), entries.end()); }
};

} // namespace

std::optional<commit> commit_of(const state& after, const std::vector<event>& events) {
  std::optional<commit> made;
  for (const auto& e : events) {
    if (!is_durable(e)) continue;
    if (!made) {
      made.emplace();
      made->session = after.id;
      made->node = after.node;
      made->epoch = after.epoch;
      made->number = next(after.number);
      made->head = after.head;
      made->open_acks = after.hand.maybe_open;
      for (const auto& [seq, id] : after.hand.unconfirmed_tasks) made->open_acks.push_back({message_kind::task, seq, id});
      for (const auto& [seq, id] : after.hand.unconfirmed_controls) made->open_acks.push_back({message_kind::control, seq, id});
    }
    std::visit(storing{*made}, e);
  }
  if (!made) return made;
  for (auto& e : made->events) e.epoch = after.epoch;
  if (made->rolls_up) made->entries.clear();
  // A commit that ends a run belongs to that run's trace, though the next one may be in hand already.
  if (made->traceparent.empty() && after.hand.current) made->traceparent = after.hand.current->task.traceparent;
  return made;
}

} // namespace baton::session
