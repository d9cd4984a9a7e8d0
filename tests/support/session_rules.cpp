#include "tests/support/session_rules.hpp"

#include <algorithm>

#include "actors/session/draft.hpp"
#include "messages/codec.hpp"
#include "tests/support/session_names.hpp"

namespace baton::support {
namespace {

using session::overloaded;

[[noreturn]] void broken(const std::string& what) { throw rule_broken(what); }

std::string text(stream_seq seq) { return std::to_string(seq.value); }

const ledger_item* settled_with(const head& h, id_hash id) {
  const auto found = std::ranges::find(h.ledger, id, &ledger_item::id);
  return found == h.ledger.end() ? nullptr : &*found;
}

const ledger_item* settled_in(const head& h, message_kind kind, const task_id& id) { return settled_with(h, hash_of_id(kind, id)); }

std::size_t still_delayed(const head& h) {
  return static_cast<std::size_t>(
      std::ranges::count_if(h.spilled, [&](const spilled_turn& turn) { return settled_with(h, turn.id) == nullptr; }));
}

bool is_held(const session::hand& h, stream_seq seq) {
  const auto is_it = [&](const auto& m) { return m.seq == seq; };
  return (h.current && h.current->seq == seq) || std::ranges::any_of(h.queue, is_it)
      || h.backlog.find(seq) != nullptr
      || std::ranges::find(h.steers, message_place{message_kind::task, seq}, session::place_of) != h.steers.end();
}

bool waits_under_id(const session::state& s, const task_id& id) {
  if (const auto* run = session::stored_run(s.head); run != nullptr && run->id == id) return true;
  const auto& h = s.hand;
  if (h.current && h.current->task.id == id) return true;
  const auto is_steer = [&](const session::waiting_steer& w) {
    const auto* m = std::get_if<session::held_task>(&w.message);
    return m != nullptr && m->task.id == id;
  };
  return std::ranges::any_of(h.steers, is_steer) || std::ranges::any_of(h.queue, [&](const auto& m) { return m.task.id == id; })
      || h.backlog.find(hash_of_id(message_kind::task, id)) != nullptr;
}

bool is_buried_in(const std::vector<session::event>& events, message_kind kind, stream_seq seq) {
  return std::ranges::any_of(events, [&](const session::event& e) {
    const auto* buried = std::get_if<session::refusal_was_buried>(&e);
    return buried != nullptr && buried->kind == kind && buried->seq == seq;
  });
}

std::optional<execution_id> current_of(const session::state& s) {
  return s.hand.execution ? std::optional{s.hand.execution->id} : std::nullopt;
}

/// The execution that a report is about; nothing for other inputs.
std::optional<execution_id> reported(const session::input& in) {
  return std::visit(overloaded{[](const session::slot_granted& i) { return std::optional{i.execution}; },
                        [](const session::slice_grew_old& i) { return std::optional{i.execution}; },
                        [](const session::boundary_reached& i) { return std::optional{i.execution}; },
                        [](const session::slice_ended& i) { return std::optional{i.execution}; },
                        [](const auto&) { return std::optional<execution_id>{}; }},
      in);
}

std::string what_is_left(const session::state& s) {
  const auto& h = s.hand;
  std::string left;
  const auto add = [&left](const char* name, std::size_t n) {
    if (n != 0) left += std::string{name} + " " + std::to_string(n) + " ";
  };
  add("current", h.current ? 1 : 0);
  add("run", h.run ? 1 : 0);
  add("execution", h.execution ? 1 : 0);
  add("queue", h.queue.size());
  add("backlog", h.backlog.size());
  add("cancels", h.cancels.size());
  add("early", h.early.size());
  add("pending cancels", h.pending_cancels.size());
  add("put off", h.put_off.size());
  add("steers", h.steers.size());
  add("joined", s.head.busy.joined.size());
  add("unconfirmed", h.unconfirmed_tasks.size() + h.unconfirmed_controls.size());
  add("refused", h.refused_tasks.size() + h.refused_controls.size());
  add("owed", h.ack_after.size() + s.head.outbox.size());
  add("before their wakes", h.delayed.before_wake.size());
  add("read out of the log", h.delayed.reading.size());
  add("kept wakes", h.delayed.kept_wakes.size());
  add("not forgotten", s.head.spilled.size() - still_delayed(s.head));
  add("a delete put off", h.delayed.removal ? 1 : 0);
  return left;
}

std::string call_of(const entry& e) {
  const auto* id = e.content.find("id");
  return id != nullptr && id->as<std::string>() != nullptr ? *id->as<std::string>() : std::string{};
}

} // namespace

void session_rules::task_was_published(const task& t, stream_seq seq) {
  tasks_[seq] = {t.id, t.digest, std::get<turn>(t.what).input, t.not_before};
}

void session_rules::control_was_published(const control& c, stream_seq seq) { controls_[seq] = {c.id, c.digest, {}}; }

void session_rules::life_began(const session::state& loaded, bool after_crash) {
  owes_takeover_ = after_crash && session::stored_run(loaded.head) != nullptr && loaded.last_epoch != loaded.epoch;
}

void session_rules::step_was_made(
    const session::state& before, const session::input& in, const session::stepped& made) {
  check_replay(before, made);
  check_stale(before, in, made);
  check_executions(before, made);
  if (!session::commit_of(made.next, made.events)) note_refusals(made.events);
  for (const auto& e : made.effects) {
    if (const auto* launched = std::get_if<session::launch>(&e)) check_launch(before, made, launched->request);
  }
  check_acks(made);
  check_limits(made.next);
  if (made.next.head.ledger.size() > before.head.ledger.size()) check_ledger(made.next);
}

void session_rules::note_refusals(const std::vector<session::event>& events) {
  for (const auto& e : events) {
    const auto* refused = std::get_if<session::message_was_refused>(&e);
    if (refused != nullptr && refused->kind == message_kind::task) refused_.insert(refused->seq);
  }
}

void session_rules::check_replay(const session::state& before, const session::stepped& made) const {
  auto replayed = before.head;
  bool is_any_durable = false;
  for (const auto& e : made.events) {
    if (!session::is_durable(e)) {
      auto untouched = replayed;
      session::evolve_head(untouched, e);
      if (!(untouched == replayed)) broken("an event that is not stored changes the head: " + std::string{name_of(e)});
      continue;
    }
    is_any_durable = true;
    session::evolve_head(replayed, e);
  }
  if (!(replayed == made.next.head)) broken("replayed events give another head: " + names_of(made.events));
  const auto c = session::commit_of(made.next, made.events);
  if (c.has_value() != is_any_durable) broken("a commit exists if and only if something durable happened");
  if (!c) return;
  if (!(c->head == made.next.head)) broken("a commit stores the head after its events");
  const auto read = codec::decode_commit(codec::encode_commit(*c));
  if (!read || !(read->head == c->head) || read->entries != c->entries) broken("a commit reads back as it was stored");
}

void session_rules::check_stale(
    const session::state& before, const session::input& in, const session::stepped& made) const {
  const auto about = reported(in);
  if (!about || about == current_of(before)) return;
  if (!made.events.empty()) broken("a report of an old execution counts: " + names_of(made.events));
  for (const auto& e : made.effects) {
    if (!std::holds_alternative<session::free_slot>(e)) broken("a report of an old execution has effects");
  }
}

void session_rules::check_executions(const session::state& before, const session::stepped& made) const {
  const auto was = current_of(before);
  const auto is = current_of(made.next);
  std::set<execution_id> freed;
  const auto current = [&](const execution_id& id, const char* what) {
    if (id != was && id != is) broken(std::string{what} + " names an execution that is not current");
  };
  for (const auto& e : made.effects) {
    std::visit(overloaded{[&](const session::want_slot& w) {
                            if (is != w.execution)
                              broken("a slot is wanted for an execution that is not the current one: " + names_of(made.events));
                            if (was == w.execution) broken("an execution id is used twice");
                          },
                   [&](const session::free_slot& f) {
                     if (!freed.insert(f.execution).second) broken("a slot is freed twice in one decision");
                     if (is == f.execution) broken("the slot of the current execution is freed");
                   },
                   [&](const session::answer_boundary& a) { current(a.execution, "answer_boundary"); },
                   [&](const session::ask_execution& a) { current(a.execution, "ask_execution"); },
                   [&](const session::abort_execution& a) { current(a.execution, "abort_execution"); },
                   [&](const session::set_timer& t) {
                     if (!t.execution.empty()) current(t.execution, "set_timer");
                   },
                   [](const auto&) {}},
        e);
  }
  if (was && was != is && !freed.contains(*was)) broken("an execution was dropped and its slot is not given back");
}

void session_rules::check_launch(
    const session::state& before, const session::stepped& made, const slice_request& request) const {
  const auto& hand = made.next.hand;
  if (current_of(made.next) != request.routing.execution)
    broken("an execution is launched that is not the current one");
  if (before.hand.execution && before.hand.execution->at == session::in_flight::stage::launched) {
    broken("rule 1: a slice starts while another runs");
  }
  if (!hand.current) broken("a slice starts without its task");
  const auto starting = hand.current->seq;
  if (final_records(starting) != 0) broken("rule 5: a run that has ended starts again");
  check_order(made, starting);
  check_delays(made.next);
  check_joined(made.next, request);
  const auto* stored = session::stored_run(made.next.head);
  const auto known = stored != nullptr && stored->id == request.routing.run ? stored->last_checkpoint : std::nullopt;
  if (request.state.last_checkpoint != known)
    broken("rule 7: a slice starts from another checkpoint than the stored one");
}

void session_rules::check_joined(const session::state& next, const slice_request& request) const {
  std::size_t injected = 0;
  for (const auto& one : next.head.busy.joined) {
    if (one.into != hash_of_id(message_kind::task, request.routing.run)) continue;
    const auto words = next.hand.joined.find(one.place);
    if (words == next.hand.joined.end()) broken("a slice starts without what has joined its run: " + text(one.place.seq));
    if (!words->second) continue;
    if (one.how == joined_message::manner::injected) injected += 1;
    const auto* said = words->second->input.as<std::string>();
    const auto* input = request.input.input.as<std::string>();
    if (one.how == joined_message::manner::merged && input->find(*said) == std::string::npos) broken("a slice starts without what was merged into its turn");
  }
  if (injected != request.input.steers.size()) broken("a slice starts without what was injected since its checkpoint");
}

void session_rules::check_order(const session::stepped& made, stream_seq starting) const {
  if (session::is_delayed(made.next.head, tasks_.at(starting).id)) return;
  std::set<stream_seq> closing;
  for (const auto& e : made.events) {
    if (const auto* ended = std::get_if<session::run_has_ended>(&e)) closing.insert(ended->run.message);
    if (const auto* refused = std::get_if<session::message_was_refused>(&e)) closing.insert(refused->seq);
    if (const auto* joined = std::get_if<session::message_has_joined>(&e)) closing.insert(joined->joined.place.seq);
  }
  for (const auto& [seq, t] : tasks_) {
    if (seq >= starting) break;
    if (session::is_delayed(made.next.head, t.id)) continue;
    const bool is_closed = final_records(seq) != 0 || refused_.contains(seq) || closing.contains(seq)
        || taken_away_.contains(seq) || has_twin(seq, twin::any);
    if (!is_closed) broken("rule 2: task " + text(starting) + " starts before task " + text(seq));
  }
}

void session_rules::check_delays(const session::state& next) const {
  const auto& run = *next.hand.run;
  const auto starting = hash_of_id(message_kind::task, run.id);
  const auto* own = session::find_delayed(next.head, starting);
  const auto& known = tasks_.at(next.hand.current->seq);
  if (known.not_before && run.started_at < *known.not_before) broken("a turn starts before its time: " + run.id.text());
  for (const auto& other : next.head.spilled) {
    const bool was_due = other.id != starting && other.not_before <= run.started_at && settled_with(next.head, other.id) == nullptr;
    if (was_due && (own == nullptr || std::pair{other.not_before, other.stored} < std::pair{own->not_before, own->stored})) {
      broken("rule 2: a turn starts before one whose time has come: " + run.id.text());
    }
  }
}

void session_rules::check_acks(const session::stepped& made) const {
  for (const auto& e : made.effects) {
    const auto* ack = std::get_if<session::acknowledge>(&e);
    if (ack == nullptr) continue;
    const auto& joined = made.next.head.busy.joined;
    if (std::ranges::find(joined, message_place{ack->kind, ack->seq}, &joined_message::place) != joined.end()) {
      broken("rule 4: a message is acknowledged that a run may need again: " + text(ack->seq));
    }
    if (ack->kind == message_kind::task) check_task_ack(made, ack->seq);
    if (ack->kind == message_kind::control) check_control_ack(made, ack->seq);
  }
}

void session_rules::check_task_ack(const session::stepped& made, stream_seq seq) const {
  const auto& t = tasks_.at(seq);
  const auto* delayed = session::find_delayed(made.next.head, hash_of_id(message_kind::task, t.id));
  // From then on the log stands for it.
  if (delayed != nullptr && delayed->digest == t.digest && delayed->stored != stream_seq{}) return;
  if (is_held(made.next.hand, seq)) broken("rule 4: a task is acknowledged that still waits: " + text(seq) + ": " + names_of(made.events));
  if (is_buried_in(made.events, message_kind::task, seq)) {
    if (!refusal_letters_.contains(seq)) broken("rule 4: a refused task is acknowledged before its letter is stored");
    return;
  }
  if (refused_.contains(seq)) broken("a refused task is acknowledged as if it were settled: " + text(seq));
  if (failed_.contains(seq) && !failure_letters_.contains(seq)) {
    broken("rule 4: a failed task is acknowledged before its letter is stored: " + text(seq));
  }
  const auto* settled = settled_in(made.next.head, message_kind::task, t.id);
  if (settled != nullptr && settled->digest != t.digest) broken("a conflicting task is acknowledged as settled");
  if (settled != nullptr) return;
  if (!waits_under_id(made.next, t.id)) broken("rule 4: a task is acknowledged that nothing settles: " + text(seq));
}

void session_rules::check_control_ack(const session::stepped& made, stream_seq seq) const {
  const auto& c = controls_.at(seq);
  if (is_buried_in(made.events, message_kind::control, seq)) {
    if (!control_letters_.contains(seq))
      broken("rule 4: a refused control is acknowledged before its letter is stored");
    return;
  }
  const auto* settled = settled_in(made.next.head, message_kind::control, c.id);
  // The same again, while the first waits for its boundary.
  const auto is_same = [&](const session::held_control& m) { return m.control.id == c.id && m.control.digest == c.digest && m.seq != seq; };
  const auto& h = made.next.hand;
  const bool waits = std::ranges::any_of(h.early, [&](const auto& early) { return is_same(early.message); })
      || std::ranges::any_of(h.steers, [&](const session::waiting_steer& w) {
           const auto* m = std::get_if<session::held_control>(&w.message);
           return m != nullptr && is_same(*m);
         });
  if (settled == nullptr && waits) return;
  if (settled == nullptr && made.next.last == stream_seq{})
    return; // Nothing is known of this session: nothing to record.
  if (settled == nullptr) broken("rule 4: a control message is acknowledged that nothing settles: " + text(seq));
  if (settled->digest != c.digest) broken("a conflicting control message is acknowledged as settled: " + text(seq));
}

void session_rules::check_limits(const session::state& next) const {
  const auto& h = next.hand;
  if (h.queue.size() > limits_.in_memory_max) broken("rule 9: more tasks in memory than in_memory_max");
  if (h.backlog.size() > limits_.backlog_max) broken("rule 9: more stubs than backlog_max");
  if (h.early.size() > limits_.early_max) broken("rule 9: more early messages than the limit");
  if (h.pending_cancels.size() > limits_.early_max) broken("rule 9: more cancels put aside than the limit");
  if (next.head.busy.decided.size() > decided_max) broken("rule 9: more decided than decided_max");
  if (h.steers.size() + next.head.busy.joined.size() > limits_.joined_max) broken("rule 9: more joins than joined_max");
  if (still_delayed(next.head) > limits_.delayed_max) broken("rule 9: more delayed turns than delayed_max");
  if (next.head.spilled.size() > spilled_max) broken("rule 9: more of delayed turns in the head than it has room for");
  if (next.head.outbox.size() > outbox_max) broken("rule 9: more in the outbox than outbox_max");
  std::set<id_hash> ids;
  for (const auto& item : next.head.ledger) {
    if (!ids.insert(item.id).second) broken("the ledger names an id twice");
  }
}

void session_rules::check_ledger(const session::state& next) const {
  const auto& h = next.hand;
  const auto open = h.unconfirmed_tasks.size() + h.unconfirmed_controls.size() + h.refused_tasks.size()
      + h.refused_controls.size() + next.head.outbox.size() + next.head.busy.joined.size()
      + next.head.spilled.size() - still_delayed(next.head);
  if (next.head.ledger.size() > ledger_max + open)
    broken("rule 9: more in the ledger than ledger_max and what is open");
  if (next.head.ledger.size() > ledger_most) broken("rule 9: more in the ledger than ledger_most");
}

void session_rules::commit_was_stored(const commit& c, const std::vector<session::event>& events) {
  check_takeover(events);
  note_refusals(events);
  for (const auto& e : events) {
    if (const auto* taken = std::get_if<session::session_was_taken>(&e); taken != nullptr) takeovers_in_[c.epoch] += 1;
  }
  if (takeovers_in_[c.epoch] > 1) broken("more than one take-over in an epoch");
  if (codec::head_size(c.head) > head_bytes_max) broken("rule 9: the head is larger than head_bytes_max");
  transcript_.insert(transcript_.end(), c.entries.begin(), c.entries.end());
  for (const auto& e : events) {
    if (const auto* ended = std::get_if<session::run_has_ended>(&e)) {
      check_final(*ended, c.rolls_up);
      add_final(ended->known_as ? message_of(*ended->known_as) : ended->run.message, ended->run.id);
      if (ended->ended == settlement::failed) failed_.insert(ended->run.message);
    }
    if (const auto* joined = std::get_if<session::message_has_joined>(&e)) {
      if (joined->joined.place.kind == message_kind::task) add_final(joined->joined.place.seq, joined->id);
      joined_[joined->into].insert(joined->joined.place.seq);
      if (!joined_ids_.insert({joined->joined.place.kind, joined->id}).second) broken("joined twice: " + joined->id.text());
    }
    if (const auto* undone = std::get_if<session::joined_were_undone>(&e)) {
      for (const auto& one : undone->joined) forget_joined(one.place);
    }
    if (const auto* deleted = std::get_if<session::session_was_deleted>(&e)) {
      if (deleted->run) add_final(deleted->run->message, deleted->run->id);
      if (!c.rolls_up || !c.entries.empty()) broken("a tombstone replaces what was before and holds no contents");
      is_deleted_ = true;
      transcript_.clear();
    }
  }
  if (is_deleted_ && !std::holds_alternative<phases::deleted>(c.head.phase))
    broken("rule 5: a deleted session came back");
}

void session_rules::check_takeover(const std::vector<session::event>& events) {
  const auto is_taken = [](const session::event& e) { return std::holds_alternative<session::session_was_taken>(e); };
  const auto first = std::ranges::find_if(events, session::is_durable);
  if (owes_takeover_ && !is_taken(*first)) broken("something is stored before the take-over: " + names_of(events));
  owes_takeover_ = false;
}

void session_rules::check_final(const session::run_has_ended& e, bool is_rolled_up) const {
  if (is_rolled_up) return;
  std::map<std::string, int> calls;
  std::map<std::string, int> results;
  const auto known = tasks_.find(e.run.message);
  const bool has_input =
      known != tasks_.end() && !taken_away_.contains(e.run.message) && !(e.was_queued && e.entries.empty());
  std::size_t inputs = 0;
  bool is_first = true;
  for (const auto& one : transcript_) {
    if (one.run != e.run.id || one.hidden) continue;
    if (one.kind == entry_kind::user && one.hidden == false) inputs += 1;
    if (is_first && has_input && one.kind != entry_kind::user) broken("the turn's input does not come first");
    is_first = false;
    if (one.kind == entry_kind::tool_call) calls[call_of(one)] += 1;
    if (one.kind == entry_kind::tool_result) results[call_of(one)] += 1;
  }
  const auto joined = joined_.find(e.run.id);
  const auto others = joined == joined_.end() ? 0 : joined->second.size();
  const bool is_any_gone = others > 0 && std::ranges::any_of(joined->second, [&](stream_seq seq) { return taken_away_.contains(seq); });
  const bool fits = is_any_gone ? inputs >= 1 && inputs <= 1 + others : inputs == 1 + others;
  if (has_input && !fits)
    broken("the turn's input stands " + std::to_string(inputs) + " times in the transcript");
  if (calls != results) broken("rule 6: a tool call without exactly one result, run " + e.run.id.text());
}

stream_seq session_rules::message_of(id_hash id) const {
  const auto found = std::ranges::find_if(tasks_, [&](const auto& t) { return hash_of_id(message_kind::task, t.second.id) == id; });
  if (found == tasks_.end()) broken("a turn ended whose task was never published");
  return found->first;
}

void session_rules::forget_joined(message_place place) {
  finals_.erase(place.seq);
  for (auto& [into, places] : joined_) places.erase(place.seq);
  std::erase_if(joined_ids_, [&](const auto& known) { return known.first == place.kind && known.second == tasks_.at(place.seq).id; });
}

void session_rules::add_final(stream_seq message, const task_id& run) {
  if (!tasks_.contains(message)) broken("a run ended whose task was never published: " + run.text());
  finals_[message] += 1;
  if (final_records(message) > 1) broken("rule 3: a second final record for task " + text(message));
  if (has_twin(message, twin::that_ran)) broken("rule 3: the same task ran twice under two messages: " + run.text());
}

void session_rules::letter_was_stored(const dead_letter& letter, message_kind kind, bool refused) {
  if (kind == message_kind::control) {
    control_letters_.insert(letter.seq);
    return;
  }
  if (!refused) {
    if (!failed_.contains(letter.seq)) broken("a letter for a run that has not failed: " + letter.id);
    failure_letters_.insert(letter.seq);
    return;
  }
  refusal_letters_[letter.seq] += 1;
  if (final_records(letter.seq) > 1)
    broken("rule 3: refused, and settled in another way too: task " + text(letter.seq));
}

std::size_t session_rules::final_records(stream_seq task) const {
  const auto of = [&](const auto& books) {
    const auto found = books.find(task);
    return found == books.end() ? std::size_t{0} : found->second;
  };
  return of(finals_) + of(refusal_letters_);
}

bool session_rules::has_twin(stream_seq seq, twin which) const {
  const auto& me = tasks_.at(seq);
  const auto is_meant = [&](stream_seq at) {
    switch (which) {
    case twin::any: return true;
    case twin::that_ran: return finals_.contains(at);
    case twin::that_ended: return final_records(at) != 0 || taken_away_.contains(at);
    }
    return false;
  };
  return std::ranges::any_of(tasks_, [&](const auto& other) {
    const auto& [at, t] = other;
    return at != seq && t.id == me.id && t.digest == me.digest && is_meant(at);
  });
}

void session_rules::all_has_ended(const session::state& last, const std::set<stream_seq>& tasks_left) const {
  if (!session::is_quiet(last)) broken("stuck: the session is not quiet: " + what_is_left(last));
  if (session::stored_run(last.head) != nullptr) broken("stuck: a run is still under way");
  if (!last.head.spilled.empty()) broken("stuck: a delayed turn has not ended, or is not forgotten");
  for (const auto& [seq, t] : tasks_) {
    if (taken_away_.contains(seq)) continue;
    if (tasks_left.contains(seq)) broken("stuck: task " + text(seq) + " is still in the queue");
    if (final_records(seq) == 0 && !has_twin(seq, twin::that_ended))
      broken("rule 3: no final record for task " + text(seq));
  }
  for (const auto seq : failed_) {
    if (!failure_letters_.contains(seq)) broken("rule 3: a failed run has no letter: task " + text(seq));
  }
}

} // namespace baton::support
