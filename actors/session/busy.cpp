// What `when_busy` and `steer` mean: messages that join a run, stop it, or take the place of turns that wait.
#include <algorithm>

#include "actors/session/delayed.hpp"
#include "actors/session/draft.hpp"

namespace baton::session {
namespace {

/// Turns that one decision replaces: each brings its input into the commit.
constexpr std::size_t replaced_at_once = 4;

/// Of what is merged into one turn, and of what one decision replaces: beside it the commit holds what a slice has said.
std::size_t joined_bytes_max(const draft& d) { return d.with().limits.record_bytes_max / 2; }

const turn& turn_in(const held_task& m) { return std::get<turn>(m.task.what); }

id_hash hash_of_run(const task_id& run) { return hash_of_id(message_kind::task, run); }

struct steer_words {
  const task_id& id;
  const value& input;
  body_digest digest;
  const std::string& reply_to;
  encoding as;
};
steer_words words_of(const waiting_steer& s) {
  return std::visit(overloaded{[](const held_task& m) {
                                 return steer_words{m.task.id, turn_in(m).input, m.task.digest, m.task.reply_to, m.task.encoding};
                               },
                               [](const held_control& m) {
                                 const auto& c = m.control;
                                 return steer_words{c.id, std::get<steer>(c.what).input, c.digest, c.reply_to, c.encoding};
                               }},
                    s.message);
}

void answer_joined(draft& d, const std::string& reply_to, encoding as, const task_id& id, std::string_view how, const task_id& into) {
  if (reply_to.empty()) return;
  d.order(send_answer{reply_to, as, answer_to(id, verdict::accepted, value::object{{"status", how}, {"run", into.text()}})});
}

bool is_under_way(const draft& d) { return d.hand().run || stored_run(d.durable()) != nullptr; }

bool may_more_join(const draft& d) {
  return d.hand().steers.size() + d.durable().busy.joined.size() < d.with().limits.joined_max &&
         !is_held_up(d);
}

bool is_ready_later(const held_task& m, instant now) { return m.ready_at && *m.ready_at > now; }

/// Its policy was applied before: it simply waits.
bool is_decided(const head& h, id_hash id) {
  return std::ranges::find(h.busy.decided, id, &decided_message::id) != h.busy.decided.end() ||
         std::ranges::find(h.busy.joined, id, &joined_message::into) != h.busy.joined.end();
}

/// It asks for nothing that the turn which it is to join would not give it: another runner, account or options.
bool may_join(const held_task& turn_to_join, const held_task& added) {
  const auto& options = turn_in(added).options;
  return turn_in(turn_to_join).runner == turn_in(added).runner && turn_to_join.task.tenant == added.task.tenant &&
         (options.is_null() || turn_in(turn_to_join).options == options);
}

/// Ends the run in hand; told to stop if it runs, at once if it does not.
void stop_run(draft& d, const held_task& by, disposition as) {
  auto run = *d.hand().run;
  run.stopped_by = by.task.id;
  run.is_rolled_back = as == disposition::rolled_back;
  d.happened(run_was_noted{run, d.time()});
  d.happened(message_was_disposed{by.task.id, as, run.id, d.time()});
  end_stopped(d);
}

/// Makes it part of the last turn that waits, if it can be.
bool merge(draft& d, held_task& message) {
  const auto& hand = d.hand();
  if (hand.queue.empty() || !hand.backlog.empty() || !may_more_join(d)) return false;
  const auto& last = hand.queue.back();
  // Of a deadline, it would not be clear whose it is.
  const bool fits_together = may_join(last, message) && !last.task.deadline && !message.task.deadline;
  if (!fits_together || gives_way(d, last)) return false;
  // All of it comes into one commit.
  auto together = stored_size(turn_in(message).input) + stored_size(turn_in(last).input);
  for (const auto& other : joined_words(d.now(), last.task.id, joined_message::manner::merged)) together += stored_size(other.input);
  if (together > joined_bytes_max(d)) return false;

  message_has_joined joined;
  joined.joined = {{message_kind::task, message.seq}, hash_of_run(message.task.id), hash_of_run(last.task.id), joined_message::manner::merged};
  joined.id = message.task.id;
  joined.digest = message.task.digest;
  joined.into = last.task.id;
  joined.input = turn_in(message).input;
  joined.evicted = room_for(d.now(), 1);
  joined.at = d.time();
  if (turn_in(message).when_busy == busy_policy::debounce && last.ready_at) {
    joined.ready_at = std::min(d.time() + d.with().limits.debounce, last.stored_at + d.with().limits.debounce_longest);
  }
  answer_joined(d, message.task.reply_to, message.task.encoding, message.task.id, "merged", joined.into);
  d.happened(std::move(joined));
  return true;
}

bool steer_by_turn(draft& d, held_task& message, bool crowded) {
  const auto& hand = d.hand();
  const bool fits = hand.run && hand.current && !is_stopped(d) && may_join(*hand.current, message);
  if (!fits || !has_room(hand, d.with().limits, message, crowded) || !may_more_join(d)) return false;
  const auto run = hand.run->id;
  d.happened(steer_was_kept{{std::move(message), run}});
  return true;
}

void replace_waiting(draft& d, const held_task& by) {
  if (d.hand().queue.empty() && d.hand().backlog.empty()) return;
  // What has started already does not give way, even if it comes again.
  if (d.hand().run && stored_run(d.durable()) == nullptr) d.happened(run_was_noted{*d.hand().run, d.time()});
  d.happened(turns_were_replaced{by.seq, by.stored_at, by.task.id, d.time()});
}

/// As a turn, or to join a run and then perhaps as a turn.
bool is_waiting(const draft& d, const task_id& id) {
  return find_waiting(d.hand(), id) != nullptr || d.hand().backlog.find(hash_of_run(id)) != nullptr;
}

/// Its turn is in hand, or will be; tasks come in order, so one that has not come before this message is gone.
bool is_turn_known(const draft& d, id_hash turn) {
  const auto& hand = d.hand();
  const auto* stored = stored_run(d.durable());
  return (stored != nullptr && hash_of_run(stored->id) == turn) || (hand.run && hash_of_run(hand.run->id) == turn) ||
         std::ranges::any_of(hand.queue, [&](const held_task& m) { return hash_of_run(m.task.id) == turn; }) ||
         hand.backlog.find(turn) != nullptr;
}

const joined_message* find_joined(const draft& d, message_place place, message_kind kind, const task_id& id) {
  const auto& joined = d.durable().busy.joined;
  if (joined.empty()) return nullptr;
  const auto found = std::ranges::find(joined, place, &joined_message::place);
  return found == joined.end() || found->id != hash_of_id(kind, id) ? nullptr : &*found;
}

/// What it had joined never ran and is gone: it has no end yet.
void undo_joined(draft& d, id_hash into) {
  joined_were_undone undone{{}, d.time()};
  std::ranges::copy_if(d.durable().busy.joined, std::back_inserter(undone.joined), [&](const joined_message& one) { return one.into == into; });
  d.happened(std::move(undone));
}

/// Those that have not come in this life are acknowledged when they come, if they do.
void release(draft& d, const std::vector<joined_message>& released) {
  if (released.empty()) return;
  joined_were_released gone{{}, d.time()};
  std::vector<joined_message> here;
  std::vector<open_ack> to_come;
  for (const auto& one : released) {
    gone.places.push_back(one.place);
    const auto known = d.hand().joined.find(one.place);
    if (known == d.hand().joined.end()) to_come.push_back({one.place.kind, one.place.seq, one.id});
    if (known != d.hand().joined.end() && known->second) here.push_back(one);
  }
  d.happened(std::move(gone));
  if (!to_come.empty()) d.happened(acks_were_left_open{std::move(to_come)});
  for (const auto& one : here) settle_ack(d, one.place.kind, one.place.seq, one.id);
}

/// Whether the decision so far puts something into the transcript.
bool stores_entries(const draft& d) {
  return std::ranges::any_of(d.events_so_far(), [](const event& e) {
    return std::visit(overloaded{[](const slice_was_started& s) { return !s.entries.empty(); },
                                 [](const checkpoint_was_stored&) { return true; }, [](const run_was_yielded&) { return true; },
                                 [](const run_has_ended&) { return true; }, [](const message_has_joined&) { return true; },
                                 [](const auto&) { return false; }},
                      e);
  });
}

} // namespace

std::size_t held_turns(const hand& h) {
  const auto is_turn = [](const waiting_steer& s) { return std::holds_alternative<held_task>(s.message); };
  return h.queue.size() + static_cast<std::size_t>(std::ranges::count_if(h.steers, is_turn));
}

bool apply_policy(draft& d, held_task& message, bool crowded) {
  const auto policy = turn_in(message).when_busy;
  if (policy == busy_policy::enqueue || is_decided(d.durable(), hash_of_run(message.task.id))) return false;
  const bool is_busy = is_under_way(d);
  const bool may_wait = d.hand().backlog.size() < d.with().limits.backlog_max;
  switch (policy) {
    case busy_policy::enqueue: return false;
    case busy_policy::steer: return is_busy && steer_by_turn(d, message, crowded);
    case busy_policy::interrupt:
      if (d.hand().current && may_wait && d.hand().run->stopped_by.empty()) stop_run(d, message, disposition::interrupted);
      return false;
    case busy_policy::rollback:
      if (d.hand().current && may_wait && !d.hand().run->is_rolled_back) stop_run(d, message, disposition::rolled_back);
      return false;
    case busy_policy::reject:
      if (!is_busy) return false;
      refuse(d, message, {reason::session_busy, "when_busy"});
      return true;
    case busy_policy::replace:
      if (may_wait) replace_waiting(d, message);
      return false;
    case busy_policy::merge: return merge(d, message);
    case busy_policy::debounce:
      if (merge(d, message)) return true;
      if (is_busy) message.ready_at = d.time() + d.with().limits.debounce;
      return false;
  }
  return false;
}

void turn_was_admitted(draft& d, const task_id& id) {
  if (d.hand().steers.empty() || is_waiting(d, id)) return;
  const bool is_joined = find_settled(d.durable(), hash_of_run(id)) != nullptr;
  turn_is_over(d, id, is_joined ? settlement::joined : settlement::refused);
}

bool meets_joined(draft& d, const held_task& m, bool is_read_back) {
  const auto* joined = find_joined(d, {message_kind::task, m.seq}, message_kind::task, m.task.id);
  if (joined == nullptr) return false;
  if (!is_turn_known(d, joined->into)) {
    undo_joined(d, joined->into);
    return false;
  }
  // Perhaps its answer was lost with the node that joined it.
  if (!is_read_back && !m.task.reply_to.empty()) {
    d.order(send_answer{m.task.reply_to, m.task.encoding, answer_to(m.task.id, verdict::duplicate, final_status(settlement::joined))});
  }
  d.order(lighten{{message_kind::task, m.seq}});
  d.happened(joined_has_come{{message_kind::task, m.seq}, {m.task.id, turn_in(m).input}});
  return true;
}

bool meets_joined(draft& d, const held_control& m, bool is_read_back) {
  const auto* asked = std::get_if<steer>(&m.control.what);
  if (asked == nullptr || find_joined(d, {message_kind::control, m.seq}, message_kind::control, m.control.id) == nullptr) return false;
  if (!is_read_back && !m.control.reply_to.empty()) {
    const auto& c = m.control;
    d.order(send_answer{c.reply_to, c.encoding, answer_to(c.id, verdict::duplicate, final_status(settlement::joined))});
  }
  d.order(lighten{{message_kind::control, m.seq}});
  d.happened(joined_has_come{{message_kind::control, m.seq}, {m.control.id, asked->input}});
  return true;
}

void pass_joined(draft& d, stream_seq seq) {
  if (d.durable().busy.joined.empty()) return;
  std::vector<joined_message> gone;
  std::ranges::copy_if(d.durable().busy.joined, std::back_inserter(gone), [&](const joined_message& one) {
    return one.place.kind == message_kind::task && one.place.seq < seq && !d.hand().joined.contains(one.place) && !is_turn_known(d, one.into);
  });
  if (gone.empty()) return;
  joined_were_released passed{{}, d.time()};
  for (const auto& one : gone) passed.places.push_back(one.place);
  d.happened(std::move(passed));
}

void on_steer(draft& d, held_control message) {
  const auto& hand = d.hand();
  const auto* stored = stored_run(d.durable());
  auto target = std::get<steer>(message.control.what).run;
  if (!target && hand.run) target = hand.run->id;
  if (!target && stored != nullptr) target = stored->id;
  if (!target) return meant_none(d, std::move(message));
  if (const auto* known = find_settled(d.durable(), hash_of_run(*target))) {
    return settle_without_effect(d, message, verdict::conflict, final_status(known->ended));
  }
  if (const auto status = delayed_status(d, *target)) return settle_without_effect(d, message, verdict::conflict, *status);
  const bool is_current = (hand.run && hand.run->id == *target) || (stored != nullptr && stored->id == *target);
  if (!is_current && !is_waiting(d, *target)) return keep_early(d, std::move(message), *target);
  keep_steer(d, std::move(message), *target);
}

void keep_steer(draft& d, held_control message, const task_id& run) {
  if (!may_more_join(d)) return refuse(d, message, {reason::too_many_waiting, std::string{too_many_waiting_detail}});
  d.happened(steer_was_kept{{std::move(message), run}});
}

bool has_steers(const draft& d) {
  return std::ranges::any_of(d.hand().steers, [&](const waiting_steer& s) { return s.into == d.hand().run->id; }) &&
         !is_held_up(d);
}

std::vector<steer_input> inject(draft& d, std::size_t room) {
  const auto run = d.hand().run->id;
  const auto waiting = d.hand().steers;
  std::vector<steer_input> injected;
  for (const auto& one : waiting) {
    if (one.into != run) continue;
    const auto place = place_of(one);
    if (const auto* m = std::get_if<held_task>(&one.message); m != nullptr && m->task.deadline && *m->task.deadline <= d.time()) {
      d.happened(steer_was_let_go{place});
      refuse(d, *m, {reason::deadline_passed, "deadline"});
      continue;
    }
    const auto words = words_of(one);
    const auto size = stored_size(words.input);
    if (size > room) break;
    room -= size;
    message_has_joined joined;
    joined.joined = {place, hash_of_id(place.kind, words.id), hash_of_run(run), joined_message::manner::injected};
    joined.id = words.id;
    joined.digest = words.digest;
    joined.into = run;
    joined.input = words.input;
    joined.entries.push_back({entry_kind::user, run, d.time(), false, words.input, std::nullopt});
    joined.slice = d.hand().run->slice;
    joined.boundary = d.hand().execution->boundaries;
    joined.evicted = room_for(d.now(), 1);
    joined.at = d.time();
    d.happened(std::move(joined));
    d.order(lighten{place});
    answer_joined(d, words.reply_to, words.as, words.id, "injected", run);
    if (place.kind == message_kind::task) turn_is_over(d, words.id, settlement::joined);
    injected.push_back({words.id, words.input});
  }
  return injected;
}

bool waits_for_joined(draft& d, const task_id& turn) {
  if (d.durable().busy.joined.empty()) return false;
  const auto into = hash_of_run(turn);
  const auto joined = d.durable().busy.joined;
  bool waits = false;
  for (const auto& one : joined) {
    if (one.into != into || d.hand().joined.contains(one.place)) continue;
    waits = true;
    if (d.hand().reading.contains(one.place)) continue;
    d.order(read_back{one.place});
    d.happened(read_back_was_asked{one.place});
  }
  return waits;
}

std::vector<steer_input> joined_words(const state& s, const task_id& run, joined_message::manner how) {
  std::vector<steer_input> words;
  if (s.head.busy.joined.empty()) return words;
  const auto into = hash_of_run(run);
  for (const auto& one : s.head.busy.joined) {
    if (one.into != into || one.how != how) continue;
    const auto found = s.hand.joined.find(one.place);
    if (found != s.hand.joined.end() && found->second) words.push_back(*found->second);
  }
  return words;
}

void release_heard(draft& d, const std::vector<task_id>& heard) {
  if (d.durable().busy.joined.empty()) return;
  std::vector<joined_message> released;
  std::ranges::copy_if(d.durable().busy.joined, std::back_inserter(released), [&](const joined_message& one) {
    return one.how == joined_message::manner::injected &&
           std::ranges::any_of(heard, [&](const task_id& id) { return one.id == hash_of_id(one.place.kind, id); });
  });
  release(d, released);
}

void turn_is_over(draft& d, const task_id& turn, settlement ended) {
  if (d.durable().busy.joined.empty() && d.hand().steers.empty()) return;
  turn_is_over(d, hash_of_run(turn), ended);
}

void turn_is_over(draft& d, id_hash turn, settlement ended) {
  std::vector<joined_message> released;
  std::ranges::copy_if(d.durable().busy.joined, std::back_inserter(released), [&](const joined_message& one) { return one.into == turn; });
  release(d, released);
  const auto waiting = d.hand().steers;
  for (const auto& one : waiting) {
    if (hash_of_run(one.into) != turn) continue;
    const auto place = place_of(one);
    if (const auto* late = std::get_if<held_control>(&one.message)) {
      d.happened(steer_was_let_go{place});
      settle_without_effect(d, *late, verdict::conflict, final_status(ended));
      continue;
    }
    d.happened(steer_became_turn{place});
    d.happened(message_was_disposed{words_of(one).id, disposition::next_turn, one.into, d.time()});
  }
}

void refuse_steers(draft& d, const task_id& run, const value& status) {
  const auto waiting = d.hand().steers;
  for (const auto& one : waiting) {
    const auto* message = std::get_if<held_control>(&one.message);
    if (message == nullptr || one.into != run) continue;
    d.happened(steer_was_let_go{place_of(one)});
    settle_without_effect(d, *message, verdict::conflict, status);
  }
}

void see_replacing(draft& d, stream_seq seq) {
  const auto until = d.durable().busy.replaced_until;
  if (until != stream_seq{} && seq >= until && !d.hand().saw_replacing) d.happened(replacing_turn_has_come{});
}

bool gives_way(const draft& d, const held_task& waiting) {
  const auto& busy = d.durable().busy;
  if (waiting.seq >= busy.replaced_until || waiting.stored_at > busy.replaced_at) return false;
  const auto decided = std::ranges::find(busy.decided, hash_of_run(waiting.task.id), &decided_message::id);
  return decided == busy.decided.end() || !decided->stays;
}

void drop_replaced(draft& d) {
  const auto until = d.durable().busy.replaced_until;
  // One commit holds them and nothing else that is large; whatever else is stored now is acknowledged, and then it is their turn.
  if (until == stream_seq{} || stores_entries(d)) return;
  const auto& hand = d.hand();
  const auto gives = [&](const held_task& m) { return gives_way(d, m); };
  std::size_t together = 0;
  for (std::size_t n = 0; n < replaced_at_once; ++n) {
    const auto first = std::ranges::find_if(hand.queue, gives);
    if (first == hand.queue.end()) break;
    const held_task old = *first;
    if (waits_for_joined(d, old.task.id) || is_held_up(d)) return;
    together += stored_size(turn_in(old).input);
    for (const auto& merged : joined_words(d.now(), old.task.id, joined_message::manner::merged)) together += stored_size(merged.input);
    if (n > 0 && together > joined_bytes_max(d)) return;
    d.happened(message_was_disposed{old.task.id, disposition::replaced, d.durable().busy.replaced_by, d.time()});
    end_waiting(d, old, {}, reason::replaced);
  }
  const bool is_stub_left = !hand.backlog.empty() && hand.backlog.front().seq < until;
  const bool is_done = hand.saw_replacing && std::ranges::none_of(hand.queue, gives) && !is_stub_left;
  if (is_done) d.happened(replacing_was_done{d.time()});
}

bool is_front_ready(draft& d) {
  const auto& front = d.hand().queue.front();
  if (!is_ready_later(front, d.time())) return true;
  if (d.hand().debounce_timer == front.ready_at) return false;
  d.order(set_timer{timer::debounce, *front.ready_at, {}});
  d.happened(turn_was_timed{front.ready_at});
  return false;
}

} // namespace baton::session
