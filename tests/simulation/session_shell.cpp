#include "tests/simulation/session_shell.hpp"

#include <utility>

#include "actors/session/delayed_entry.hpp"
#include "messages/overloaded.hpp"
#include "tests/simulation/partition_shell.hpp"
#include "tests/simulation/slots_shell.hpp"
#include "tests/support/session_names.hpp"

namespace baton::simulation {

/// Carries out one effect. Exhaustive: a new effect does not compile without its line here.
struct session_shell::performing {
  session_shell& self;

  void operator()(const session::want_slot& e) const {
    self.holds_slot_ = e.execution;
    to_slots([me = self.me(), e](slots_shell& s) { s.want(e.execution, me, e.on); });
  }
  void operator()(const session::free_slot& e) const {
    if (self.holds_slot_ == e.execution) self.holds_slot_ = {};
    to_slots([e](slots_shell& s) { s.free(e.execution); });
  }
  void operator()(const session::launch& e) const {
    to_slots([e](slots_shell& s) { s.launch(e.request); });
  }
  void operator()(const session::answer_boundary& e) const {
    to_slots([e](slots_shell& s) { s.answer(e.execution, e.answer); });
  }
  void operator()(const session::ask_execution& e) const {
    to_slots([e](slots_shell& s) { s.ask(e.execution, e.order); });
  }
  void operator()(const session::abort_execution& e) const {
    to_slots([e](slots_shell& s) { s.abort(e.execution, e.because); });
  }
  void operator()(const session::acknowledge& e) const {
    if (self.is_planted(plant::swallow_acks)) {
      return self.post([&s = self, e] { s.take_input(session::ack_confirmed{e.kind, e.seq}); });
    }
    self.with_.source->acknowledge(self.at_.partition, e.kind, e.seq, [weak = std::weak_ptr{self.me()}, e] {
      if (const auto s = weak.lock()) s->post([s = s.get(), e] { s->take_input(session::ack_confirmed{e.kind, e.seq}); });
    });
  }
  void operator()(const session::lighten& e) const { self.with_.source->lighten(self.at_.partition, e.message.kind, e.message.seq); }
  void operator()(const session::read_back& e) const { self.perform_read_back(e.message); }
  void operator()(const session::send_answer& e) const { self.with_.events->answer(e.reply_to, e.as, e.answer); }
  void operator()(const session::bury& e) const { self.perform_bury(e); }
  void operator()(const session::read_delayed& e) const { self.perform_read_delayed(e.stored); }
  // Only turns with a `not_before` have wakes, and nobody here sends such.
  void operator()(const session::want_wake&) const { throw support::rule_broken("a session asks for a wake: the simulation knows none"); }
  void operator()(const session::unwant_wake&) const {}
  void operator()(const session::set_timer& e) const {
    const auto wait = std::max(e.due - self.with_.clock->now(), milliseconds{0});
    self.post_after(wait, [&s = self, e] { s.take_input(session::timer_fired{e.timer, e.execution}); });
  }

  template <class Order>
  void to_slots(Order order) const {
    if (const auto s = self.at_.supervisor.lock()) s->post([s = s.get(), order] { order(*s); });
  }
};

session_shell::session_shell(surroundings& around, place at)
    : actor(around.in, around.of), around_(around), with_(around.with), at_(std::move(at)) {
  state_.id = at_.id;
  state_.partition = at_.partition;
  state_.node = with_.node;
  state_.epoch = at_.epoch;
}

std::shared_ptr<session_shell> session_shell::me() { return std::static_pointer_cast<session_shell>(shared_from_this()); }

void session_shell::load() {
  with_.log->read_last(at_.partition, at_.id, posting([this](session_log::last_result came) { on_loaded(std::move(came)); }));
}

void session_shell::on_loaded(session_log::last_result came) {
  if (!came) {
    if (came.error() == log_failure::unreadable) return give_up("its log cannot be read");
    return again_later();
  }
  std::vector<open_ack> open;
  if (auto& last = *came) {
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
  around_.told.session_began(state_, at_.after_crash);
  decide(session::loaded{std::move(open), at_.after_crash});
  take_waiting();
}

void session_shell::take_input(session::input in) {
  if (drained_told_) return;
  if (busy_) {
    if (waiting_.size() >= with_.waiting_inputs_max) return give_up("too many inputs wait for its log");
    waiting_.push_back(std::move(in));
    return around_.told.inputs_wait(waiting_.size(), with_.waiting_inputs_max);
  }
  decide(std::move(in));
  take_waiting();
}

void session_shell::take_waiting() {
  while (!busy_ && !waiting_.empty()) {
    auto in = std::move(waiting_.front());
    waiting_.pop_front();
    decide(std::move(in));
  }
  if (!busy_) tell_if_drained();
}

session::decided session_shell::made_of(session::input in, const session::context& context) {
  const auto name = support::name_of(in);
  session::decided made;
  if (around_.told.is_newest(state_)) {
    const auto before = state_;
    auto stepped = session::step(before, in, context);
    around_.told.step_was_made(before, in, stepped);
    state_ = std::move(stepped.next);
    made = {std::move(stepped.events), std::move(stepped.effects)};
  } else {
    made = session::advance(state_, std::move(in), context);
  }
  if (world_.told().is_told()) {
    world_.tell(process_.name, at_.id.text() + ": " + std::string{name} + " -> " + support::names_of(made.events) + " | "
        + support::names_of(made.effects));
  }
  return made;
}

void session_shell::decide(session::input in) {
  world_.crash_place(process_);
  if (fresh_.empty()) fresh_ = with_.ids->fresh_execution();
  const session::context context{with_.clock->now(), with_.ids->chance(), fresh_, with_.limits};
  auto made = made_of(std::move(in), context);
  if (state_.hand.execution && state_.hand.execution->id == fresh_) fresh_ = {};
  events_ = std::move(made.events);
  effects_ = std::move(made.effects);
  expected_ = state_.last;
  append();
}

void session_shell::append() {
  auto c = session::commit_of(state_, events_);
  if (!c) return perform();
  busy_ = true;
  world_.crash_place(process_);
  around_.told.will_append(*c, events_);
  act_as_planted();
  with_.log->append(at_.partition, expected_, std::move(*c), posting([this](const append_result& result) { on_appended(result); }));
}

void session_shell::act_as_planted() {
  if (is_planted(plant::act_before_storing)) perform();
  if (!is_planted(plant::answer_before_storing)) return;
  for (const auto& e : effects_) {
    if (const auto* a = std::get_if<session::send_answer>(&e)) performing{*this}(*a);
  }
}

void session_shell::again_later() {
  post_after(with_.retry_every, [this] { check(); });
}

void session_shell::on_appended(const append_result& result) {
  std::visit(overloaded{[&](const appended& stored) { stored_at(stored.seq); }, [&](const superseded&) { check(); },
                 [&](log_failure why) {
                   switch (why) {
                   case log_failure::full:
                   case log_failure::unreachable:
                     if (is_planted(plant::trust_silence)) return stored_at(next(expected_));
                     return again_later();
                   case log_failure::too_large:
                   case log_failure::unreadable: return give_up("its commit does not fit into the log");
                   }
                 }},
      result);
}

void session_shell::check() {
  if (!loaded_) return load();
  with_.log->read_last(at_.partition, at_.id, posting([this](session_log::last_result came) { on_checked(std::move(came)); }));
}

void session_shell::on_checked(session_log::last_result came) {
  if (!came) {
    if (came.error() == log_failure::unreadable) return give_up("its log cannot be read");
    return again_later();
  }
  const auto& last = *came;
  const bool is_ours = last && last->commit.node == with_.node && last->commit.epoch == at_.epoch
      && last->commit.number == next(state_.number) && last->commit.head == state_.head;
  if (is_ours) return stored_at(last->seq);
  const auto last_seq = last ? last->seq : stream_seq{};
  if (last_seq == expected_) return append();
  if (last_seq < expected_) return again_later();
  if (is_planted(plant::repair_in_place)) {
    expected_ = last_seq;
    return append();
  }
  give_up("somebody else wrote to its log");
}

void session_shell::stored_at(stream_seq seq) {
  world_.crash_place(process_);
  state_.last = seq;
  session::settle_delayed(state_.head, seq);
  state_.number = next(state_.number);
  state_.last_epoch = at_.epoch;
  state_.last_node = with_.node;
  busy_ = false;
  perform();
  take_waiting();
}

void session_shell::perform() {
  auto effects = std::exchange(effects_, {});
  for (auto& e : effects) {
    world_.crash_place(process_);
    std::visit(performing{*this}, e);
  }
}

void session_shell::perform_bury(const session::bury& what) {
  with_.source->lighten(at_.partition, what.kind, what.letter.seq);
  if (is_planted(plant::bury_nothing)) {
    if (what.item.empty()) return post([this, what] { take_input(session::refusal_buried{what.kind, what.letter.seq}); });
    return post([this, what] { take_input(session::outbox_delivered{what.item}); });
  }
  const auto waiting = state_.hand.refused_tasks.size() + state_.hand.refused_controls.size();
  with_.dead->bury(what.letter, what.kind, posting([this, what, every = with_.bury_again_after(waiting)](bool stored) {
    if (!stored) return post_after(every, [this, what] { perform_bury(what); });
    if (what.item.empty()) return take_input(session::refusal_buried{what.kind, what.letter.seq});
    take_input(session::outbox_delivered{what.item});
  }));
}

void session_shell::perform_read_back(message_place message) {
  with_.source->read_back(at_.partition, message.kind, message.seq, posting([this, message](task_source::read_result result) {
    if (!result) return post_after(with_.retry_every, [this, message] { perform_read_back(message); });
    session::input read = session::message_was_gone{message};
    if (auto& found = *result) {
      if (auto* t = std::get_if<task>(&found->body)) {
        read = session::task_read_back{{std::move(*t), message.seq, found->stored_at, false, found->bytes}};
      } else if (auto* c = std::get_if<control>(&found->body)) {
        read = session::control_read_back{{std::move(*c), message.seq}};
      }
    }
    take_input(std::move(read));
  }));
}

void session_shell::perform_read_delayed(stream_seq stored) {
  with_.log->read_entries(at_.partition, at_.id, stored, posting([this, stored](const session_log::entries_result& result) {
    if (!result && result.error() != log_failure::unreadable) {
      return post_after(with_.retry_every, [this, stored] { perform_read_delayed(stored); });
    }
    const auto entries = result ? *result : std::vector<entry>{};
    auto message = session::delayed_task_in(entries);
    if (!message) return take_input(session::left_of_delayed(stored, entries));
    take_input(session::delayed_was_read{stored, *std::move(message)});
  }));
}

void session_shell::probe(std::uint64_t count) {
  if (busy_ || !waiting_.empty() || count != from_partition_ || !session::is_quiet(state_)) return;
  if (const auto owner = at_.owner.lock()) owner->post([o = owner.get(), id = at_.id, count] { o->on_idle(id, count); });
}

void session_shell::tell_if_drained() {
  if (drained_told_ || !state_.hand.draining || !session::runs_nothing(state_)) return;
  drained_told_ = true;
  if (const auto owner = at_.owner.lock()) owner->post([o = owner.get(), id = at_.id] { o->on_drained(id); });
}

void session_shell::end() {
  if (!holds_slot_.empty()) {
    if (const auto s = at_.supervisor.lock()) s->post([s = s.get(), e = holds_slot_] { s->free(e); });
  }
  quit();
}

void session_shell::give_up(const std::string& why) {
  world_.tell(process_.name, "session " + at_.id.text() + " is started again: " + why);
  busy_ = true;
  end();
  if (const auto owner = at_.owner.lock()) owner->post([o = owner.get(), id = at_.id, gone = this] { o->on_down(id, gone); });
}

} // namespace baton::simulation
