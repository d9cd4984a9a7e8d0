#include "actors/session/actor.hpp"

#include <caf/send.hpp>
#include <utility>

#include "actors/crash_point.hpp"
#include "actors/session/draft.hpp"

namespace baton::actors {

namespace {

bool is_from_partition(const session::input& in) {
  return std::holds_alternative<session::task_arrived>(in) || std::holds_alternative<session::control_arrived>(in) ||
         std::holds_alternative<session::drain_asked>(in) || std::holds_alternative<session::wake_fired>(in) ||
         std::holds_alternative<session::wake_stored>(in) || std::holds_alternative<session::wake_removed>(in);
}

} // namespace

/// Carries out one effect. Exhaustive: a new effect does not compile without its line here.
struct performing {
  session_actor& self;
  const services& with;

  void operator()(session::want_slot& e) const {
    self.holds_slot_ = e.execution;
    self.send(self.at_.supervisor, slot_wanted{e.execution, caf::actor_cast<caf::actor>(&self), std::move(e.on)});
  }
  void operator()(const session::free_slot& e) const {
    if (self.holds_slot_ == e.execution) self.holds_slot_ = {};
    self.send(self.at_.supervisor, slot_freed{e.execution});
  }
  void operator()(session::launch& e) const {
    crash_point("slice.before_launch");
    self.send(self.at_.supervisor, launch_wanted{std::move(e.request)});
  }
  void operator()(session::answer_boundary& e) const {
    crash_point("checkpoint.stored");
    self.send(self.at_.supervisor, boundary_answered{e.execution, std::move(e.answer)});
  }
  void operator()(const session::ask_execution& e) const {
    self.send(self.at_.supervisor, execution_asked{e.execution, e.order});
  }
  void operator()(session::abort_execution& e) const {
    self.send(self.at_.supervisor, execution_aborted{e.execution, std::move(e.because)});
  }
  void operator()(const session::acknowledge& e) const {
    crash_point("ack.before");
    const auto me = caf::actor_cast<caf::actor>(&self);
    with.source->acknowledge(self.at_.partition, e.kind, e.seq, [me, kind = e.kind, seq = e.seq] {
      crash_point("ack.confirmed");
      caf::anon_send(me, session_input{session::ack_confirmed{kind, seq}});
    });
  }
  void operator()(const session::lighten& e) const { with.source->lighten(self.at_.partition, e.message.kind, e.message.seq); }
  void operator()(const session::read_back& e) const { self.perform_read_back(e.message); }
  void operator()(const session::send_answer& e) const {
    crash_point("answer.before");
    with.events->answer(e.reply_to, e.as, e.answer);
  }
  void operator()(const session::bury& e) const { self.perform_bury(e); }
  void operator()(session::want_wake& e) const {
    self.send(self.at_.owner, wake_wanted{self.at_.id, std::move(e.key), std::move(e.wake)});
  }
  void operator()(session::unwant_wake& e) const {
    self.send(self.at_.owner, wake_unwanted{self.at_.id, std::move(e.key)});
  }
  void operator()(const session::read_delayed& e) const { self.perform_read_delayed(e.stored); }
  void operator()(const session::set_timer& e) const {
    const auto wait = std::max(e.due - with.clock->now(), milliseconds{0});
    self.delayed_send(&self, wait, session_input{session::timer_fired{e.timer, e.execution}});
  }
};

session_actor::session_actor(caf::actor_config& config, std::shared_ptr<const services> with, place at)
    : caf::event_based_actor(config), with_(std::move(with)), at_(std::move(at)) {
  state_.id = at_.id;
  state_.partition = at_.partition;
  state_.node = with_->node;
  state_.epoch = at_.epoch;
}

/// A callback for a port: whatever it is called with comes to this actor as a Message.
template <class Message>
auto session_actor::posting() {
  return [me = caf::actor_cast<caf::actor>(this)](auto result) { caf::anon_send(me, Message{std::move(result)}); };
}

caf::behavior session_actor::make_behavior() {
  with_->metrics->count(counter::sessions_activated);
  load();
  return {
      [this](session_input& in) {
        if (is_from_partition(in.in)) from_partition_ += 1;
        take(std::move(in.in));
      },
      [this](last_came& came) { on_loaded(came); },
      [this](const append_came& came) { on_appended(came.result); },
      [this](append_checked& came) { on_checked(came); },
      [this](append_again) { check(); },
      [this](const bury_again& again) { perform_bury(again.what); },
      [this](const read_back_again& again) { perform_read_back(again.message); },
      [this](const read_delayed_again& again) { perform_read_delayed(again.stored); },
      [this](const idle_probe& probe) {
        if (busy_ || !waiting_.empty() || probe.count != from_partition_ || !session::is_quiet(state_)) return;
        send(at_.owner, session_idle{at_.id, probe.count});
      },
  };
}

void session_actor::load() { with_->log->read_last(at_.partition, at_.id, posting<last_came>()); }

void session_actor::on_loaded(last_came& came) {
  if (!came.result) {
    if (came.result.error() == log_failure::unreadable) return give_up("its log cannot be read");
    // The broker is away. What waits stays unacknowledged; ask again until it is back or the partition is given up.
    delayed_send(this, with_->retry_every, append_again{});
    return;
  }
  std::vector<open_ack> open;
  if (auto& last = *came.result) {
    open = std::move(last->commit.open_acks);
    state_.head = std::move(last->commit.head);
    state_.last = last->seq;
    session::settle_delayed(state_.head, last->seq);
    state_.number = last->commit.number;
    state_.last_epoch = last->commit.epoch;
    state_.last_node = last->commit.node;
  }
  if (state_.last_epoch > at_.epoch) return give_up("a newer owner has written");
  loaded_ = true;
  busy_ = false;
  decide(session::loaded{std::move(open), at_.after_crash});
  take_waiting();
}

void session_actor::take(session::input in) {
  // The partition may be given away from now on: nothing more is stored here, and what is not acknowledged comes to its next owner.
  if (drained_told_) return;
  if (busy_) {
    if (waiting_.size() >= with_->waiting_inputs_max) return give_up("too many inputs wait for its log");
    waiting_.push_back(std::move(in));
    return;
  }
  decide(std::move(in));
  take_waiting();
}

void session_actor::take_waiting() {
  while (!busy_ && !waiting_.empty()) {
    auto in = std::move(waiting_.front());
    waiting_.pop_front();
    decide(std::move(in));
  }
  if (!busy_) tell_if_drained();
}

void session_actor::decide(session::input in) {
  if (fresh_.empty()) fresh_ = with_->ids->fresh_execution();
  const session::context context{with_->clock->now(), with_->ids->chance(), fresh_, with_->limits};
  auto made = session::advance(state_, std::move(in), context);
  if (state_.hand.execution && state_.hand.execution->id == fresh_) fresh_ = {};
  events_ = std::move(made.events);
  effects_ = std::move(made.effects);
  expected_ = state_.last;
  append();
}

void session_actor::append() {
  auto c = session::commit_of(state_, events_);
  if (!c) return perform();
  busy_ = true;
  crash_point("append.before");
  with_->log->append(at_.partition, expected_, std::move(*c), posting<append_came>());
}

void session_actor::on_appended(const append_result& result) {
  std::visit(session::overloaded{[&](const appended& stored) { stored_at(stored.seq); },
                                 [&](const superseded&) {
                                   with_->metrics->count(counter::appends_superseded);
                                   check();
                                 },
                                 [&](log_failure why) {
                                   switch (why) {
                                     case log_failure::full: send(at_.supervisor, log_was_full{}); [[fallthrough]];
                                     case log_failure::unreachable: delayed_send(this, with_->retry_every, append_again{}); return;
                                     case log_failure::too_large:
                                     case log_failure::unreadable: give_up("its commit does not fit into the log"); return;
                                   }
                                 }},
             result);
}

void session_actor::check() {
  if (!loaded_) return load();
  with_->log->read_last(at_.partition, at_.id, posting<append_checked>());
}

void session_actor::on_checked(append_checked& came) {
  if (!came.result) {
    if (came.result.error() == log_failure::unreadable) return give_up("its log cannot be read");
    delayed_send(this, with_->retry_every, append_again{});
    return;
  }
  const auto& last = *came.result;
  // By the head too: an actor of this session that died here before may have left an append under way, with the same number.
  const bool is_ours = last && last->commit.node == with_->node && last->commit.epoch == at_.epoch &&
                       last->commit.number == next(state_.number) && last->commit.head == state_.head;
  if (is_ours) return stored_at(last->seq);
  const auto last_seq = last ? last->seq : stream_seq{};
  if (last_seq == expected_) return append();
  if (last_seq < expected_) {
    // The log knows less than it confirmed: nobody may go on over that. It shows whole again, or the node ends.
    delayed_send(this, with_->retry_every, append_again{});
    return;
  }
  give_up("somebody else wrote to its log");
}

void session_actor::stored_at(stream_seq seq) {
  crash_point("append.stored");
  state_.last = seq;
  session::settle_delayed(state_.head, seq);
  state_.number = next(state_.number);
  state_.last_epoch = at_.epoch;
  state_.last_node = with_->node;
  busy_ = false;
  with_->metrics->count(counter::commits_stored);
  for (const auto& e : events_) count_stored(e);
  perform();
  take_waiting();
}

void session_actor::count_stored(const session::event& e) {
  auto& m = *with_->metrics;
  if (const auto* ended = std::get_if<session::run_has_ended>(&e)) {
    if (ended->ended == settlement::completed) m.count(counter::runs_completed);
    if (ended->ended == settlement::cancelled) m.count(counter::runs_cancelled);
    if (ended->ended == settlement::failed) m.count(counter::runs_failed);
    if (ended->code == reason::log_unreadable) {
      with_->notices->say(severity::warning, "session " + at_.id.text() + ": turn " + ended->run.id.text()
                                                 + " failed: its task cannot be read out of the log");
    }
  }
  if (std::holds_alternative<session::execution_was_lost>(e)) m.count(counter::executions_lost);
  if (std::holds_alternative<session::turn_was_delayed>(e)) {
    crash_point("spilled.committed");
    m.count(counter::turns_delayed);
  }
  if (std::holds_alternative<session::retry_was_scheduled>(e)) m.count(counter::retries_scheduled);
}

void session_actor::perform() {
  auto effects = std::exchange(effects_, {});
  for (auto& e : effects) std::visit(performing{*this, *with_}, e);
}

void session_actor::perform_bury(const session::bury& what) {
  // Of the message only the sequence is kept now: however long the letter takes, it must not keep others out.
  with_->source->lighten(at_.partition, what.kind, what.letter.seq);
  const auto me = caf::actor_cast<caf::actor>(this);
  const auto waiting = state_.hand.refused_tasks.size() + state_.hand.refused_controls.size();
  const auto every = with_->bury_again_after(waiting);
  with_->dead->bury(what.letter, what.kind, [me, what, every, metrics = with_->metrics](bool stored) {
    if (!stored) {
      caf::delayed_anon_send(me, every, bury_again{what});
      return;
    }
    metrics->count_refusal(what.letter.why);
    crash_point("dead_letter.stored");
    if (what.item.empty()) {
      caf::anon_send(me, session_input{session::refusal_buried{what.kind, what.letter.seq}});
    } else {
      caf::anon_send(me, session_input{session::outbox_delivered{what.item}});
    }
  });
}

void session_actor::perform_read_back(message_place message) {
  const auto me = caf::actor_cast<caf::actor>(this);
  with_->source->read_back(at_.partition, message.kind, message.seq,
                           [me, message, every = with_->retry_every](task_source::read_result result) {
                             if (!result) {
                               caf::delayed_anon_send(me, every, read_back_again{message});
                               return;
                             }
                             session::input read = session::message_was_gone{message};
                             if (auto& found = *result) {
                               if (auto* t = std::get_if<task>(&found->body)) {
                                 read = session::task_read_back{{std::move(*t), message.seq, found->stored_at, false, found->bytes}};
                               } else if (auto* c = std::get_if<control>(&found->body)) {
                                 read = session::control_read_back{{std::move(*c), message.seq}};
                               }
                             }
                             caf::anon_send(me, session_input{std::move(read)});
                           });
}

void session_actor::perform_read_delayed(stream_seq stored) {
  const auto me = caf::actor_cast<caf::actor>(this);
  with_->log->read_entries(at_.partition, at_.id, stored, [me, stored, every = with_->retry_every](session_log::entries_result result) {
    if (!result && result.error() != log_failure::unreadable) {
      caf::delayed_anon_send(me, every, read_delayed_again{stored});
      return;
    }
    const auto entries = result ? *std::move(result) : std::vector<entry>{};
    auto message = session::delayed_task_in(entries);
    session::input read = session::left_of_delayed(stored, entries);
    if (message) read = session::delayed_was_read{stored, *std::move(message)};
    caf::anon_send(me, session_input{std::move(read)});
  });
}

void session_actor::tell_if_drained() {
  if (drained_told_ || !state_.hand.draining || !session::runs_nothing(state_)) return;
  drained_told_ = true;
  send(at_.owner, session_drained{at_.id});
}

void session_actor::give_up(const std::string& why) {
  with_->notices->say(severity::warning, "session " + at_.id.text() + " is started again: " + why);
  busy_ = true;
  quit(caf::exit_reason::unhandled_exception);
}

void session_actor::on_exit() {
  if (!holds_slot_.empty()) send(at_.supervisor, slot_freed{holds_slot_});
  at_.owner = nullptr;
  at_.supervisor = nullptr;
}

} // namespace baton::actors
