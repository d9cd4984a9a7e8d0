// What `when_busy` and `steer` mean: messages that join a run, stop it, or take the place of turns that wait.
#include <algorithm>

#include "actors/session/draft.hpp"

namespace baton::session {
namespace {

/// Turns that one decision replaces: each brings its input into the commit.
constexpr std::size_t replaced_at_once = 4;

/// Of what one decision takes into the transcript, beside what the slice has said.
std::size_t joined_bytes_max(const draft& d) { return d.with().limits.record_bytes_max / 2; }

const turn& turn_in(const held_task& m) { return std::get<turn>(m.task.what); }

id_hash hash_of_run(const task_id& run) { return hash_of_id(message_kind::task, run); }

const task_id& id_of(const waiting_steer& s) {
  return std::visit(overloaded{[](const held_task& m) -> const task_id& { return m.task.id; },
                               [](const held_control& m) -> const task_id& { return m.control.id; }},
                    s.message);
}

steer_input words_of(const waiting_steer& s) {
  return std::visit(overloaded{[](const held_task& m) { return steer_input{m.task.id, turn_in(m).input}; },
                               [](const held_control& m) {
                                 return steer_input{m.control.id, std::get<steer>(m.control.what).input};
                               }},
                    s.message);
}

body_digest digest_of(const waiting_steer& s) {
  return std::visit(overloaded{[](const held_task& m) { return m.task.digest; }, [](const held_control& m) { return m.control.digest; }},
                    s.message);
}

void answer_joined(draft& d, const std::string& reply_to, encoding as, const task_id& id, std::string_view how, const task_id& into) {
  if (reply_to.empty()) return;
  d.order(send_answer{reply_to, as, answer_to(id, verdict::accepted, value::object{{"status", how}, {"run", into.text()}})});
}

bool is_under_way(const draft& d) { return d.hand().run || stored_run(d.durable()) != nullptr; }

bool may_more_join(const draft& d) {
  return d.hand().steers.size() + d.durable().busy.joined.size() < d.with().limits.joined_max &&
         !is_ledger_crowded(d, d.with().limits.open_acks_max);
}

bool is_ready_later(const held_task& m, instant now) { return m.ready_at && *m.ready_at > now; }

/// Ends the run in hand; told to stop if it runs, at once if it does not.
void stop_run(draft& d, const held_task& by, disposition as) {
  auto run = *d.hand().run;
  run.stopped_by = by.task.id;
  run.is_rolled_back = as == disposition::rolled_back;
  d.happened(run_was_noted{run, d.time()});
  d.happened(message_was_disposed{by.task.id, as, run.id, by.seq, d.time()});
  end_stopped(d);
}

/// Makes it part of the last turn that waits, if it can be.
bool merge(draft& d, held_task& message) {
  const auto& hand = d.hand();
  const auto& busy = d.durable().busy;
  if (hand.queue.empty() || !hand.backlog.empty() || !may_more_join(d)) return false;
  const auto& last = hand.queue.back();
  const bool fits_together = turn_in(last).runner == turn_in(message).runner && !last.task.deadline && !message.task.deadline;
  if (!fits_together || last.seq < busy.replaced_until) return false;
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

/// `as`: what its policy said is no longer possible.
void queue_instead(draft& d, const held_task& message) {
  const auto& run = d.hand().run;
  d.happened(message_was_disposed{message.task.id, disposition::queued, run ? run->id : task_id{}, message.seq, d.time()});
}

bool steer_by_turn(draft& d, held_task& message) {
  const auto& hand = d.hand();
  const bool has_room = hand.backlog.empty() && held_turns(hand) < d.with().limits.in_memory_max;
  if (!hand.run || !hand.current || is_stopped(d) || !has_room || !may_more_join(d)) {
    queue_instead(d, message);
    return false;
  }
  const auto run = hand.run->id;
  d.happened(steer_was_kept{{std::move(message), run}});
  return true;
}

void replace_waiting(draft& d, const held_task& by) {
  if (d.hand().queue.empty() && d.hand().backlog.empty()) return;
  // What has started already does not give way, even if it comes again.
  if (d.hand().run && stored_run(d.durable()) == nullptr) d.happened(run_was_noted{*d.hand().run, d.time()});
  d.happened(turns_were_replaced{by.seq, by.task.id, d.time()});
}

bool is_waiting(const draft& d, const task_id& id) {
  const auto& hand = d.hand();
  return std::ranges::any_of(hand.queue, [&](const held_task& m) { return m.task.id == id; }) ||
         std::ranges::find(hand.backlog, hash_of_run(id), &stub::id) != hand.backlog.end();
}

/// Its turn is in hand, or will be; tasks come in order, so one that has not come before this message is gone.
bool is_turn_known(const draft& d, id_hash turn) {
  const auto& hand = d.hand();
  const auto* stored = stored_run(d.durable());
  return (stored != nullptr && hash_of_run(stored->id) == turn) || (hand.run && hash_of_run(hand.run->id) == turn) ||
         std::ranges::any_of(hand.queue, [&](const held_task& m) { return hash_of_run(m.task.id) == turn; }) ||
         std::ranges::find(hand.backlog, turn, &stub::id) != hand.backlog.end();
}

bool meets_joined(draft& d, message_place place, id_hash id, steer_input words) {
  const auto& joined = d.durable().busy.joined;
  const auto found = std::ranges::find_if(joined, [&](const joined_message& one) { return one.place == place && one.id == id; });
  if (found == joined.end()) return false;
  if (place.kind == message_kind::task && !is_turn_known(d, found->into)) {
    release_joined(d, found->into);
    return true;
  }
  d.happened(joined_has_come{place, std::move(words)});
  return true;
}

void release(draft& d, const std::vector<joined_message>& released) {
  if (released.empty()) return;
  std::vector<message_place> places;
  for (const auto& one : released) places.push_back(one.place);
  d.happened(joined_were_released{std::move(places), d.time()});
  for (const auto& one : released) settle_ack(d, one.place.kind, one.place.seq, one.id);
}

} // namespace

std::size_t held_turns(const hand& h) {
  const auto is_turn = [](const waiting_steer& s) { return std::holds_alternative<held_task>(s.message); };
  return h.queue.size() + static_cast<std::size_t>(std::ranges::count_if(h.steers, is_turn));
}

bool apply_policy(draft& d, held_task& message) {
  if (message.seq <= d.durable().busy.applied_until) return false;
  const auto policy = turn_in(message).when_busy;
  const bool is_busy = is_under_way(d);
  const bool has_room = d.hand().backlog.size() < d.with().limits.backlog_max;
  switch (policy) {
    case busy_policy::enqueue: return false;
    case busy_policy::steer: return is_busy && steer_by_turn(d, message);
    case busy_policy::interrupt:
    case busy_policy::rollback:
      if (!is_busy || !has_room || !d.hand().current || !d.hand().run->stopped_by.empty()) return false;
      stop_run(d, message, policy == busy_policy::interrupt ? disposition::interrupted : disposition::rolled_back);
      return false;
    case busy_policy::reject:
      if (!is_busy) return false;
      refuse(d, message, {reason::session_busy, "when_busy"});
      return true;
    case busy_policy::replace:
      if (has_room) replace_waiting(d, message);
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
  turn_is_over(d, hash_of_run(id), is_joined ? settlement::joined : settlement::refused);
}

bool meets_joined(draft& d, const held_task& m) {
  return meets_joined(d, {message_kind::task, m.seq}, hash_of_run(m.task.id), {m.task.id, turn_in(m).input});
}

bool meets_joined(draft& d, const held_control& m) {
  const auto* asked = std::get_if<steer>(&m.control.what);
  if (asked == nullptr) return false;
  return meets_joined(d, {message_kind::control, m.seq}, hash_of_id(message_kind::control, m.control.id), {m.control.id, asked->input});
}

void on_steer(draft& d, held_control message) {
  const auto& hand = d.hand();
  const auto* stored = stored_run(d.durable());
  auto target = std::get<steer>(message.control.what).run;
  if (!target && hand.run) target = hand.run->id;
  if (!target && stored != nullptr) target = stored->id;
  if (!target) return settle_without_effect(d, message, verdict::unknown);
  if (const auto* known = find_settled(d.durable(), hash_of_run(*target))) {
    return settle_without_effect(d, message, verdict::conflict, final_status(known->ended));
  }
  const bool is_current = (hand.run && hand.run->id == *target) || (stored != nullptr && stored->id == *target);
  if (!is_current && !is_waiting(d, *target)) return keep_early(d, std::move(message), *target);
  keep_steer(d, std::move(message), *target);
}

void keep_steer(draft& d, held_control message, const task_id& run) {
  if (!may_more_join(d)) return refuse(d, message, {reason::too_many_waiting, "steers"});
  d.happened(steer_was_kept{{std::move(message), run}});
}

bool has_steers(const draft& d) {
  return std::ranges::any_of(d.hand().steers, [&](const waiting_steer& s) { return s.into == d.hand().run->id; }) &&
         !is_ledger_crowded(d, d.with().limits.open_acks_max);
}

std::vector<steer_input> inject(draft& d) {
  const auto run = d.hand().run->id;
  const auto waiting = d.hand().steers;
  std::vector<steer_input> injected;
  std::size_t together = 0;
  for (const auto& one : waiting) {
    if (one.into != run) continue;
    auto words = words_of(one);
    together += stored_size(words.input);
    if (!injected.empty() && together > joined_bytes_max(d)) break;
    message_has_joined joined;
    const auto place = place_of(one);
    joined.joined = {place, hash_of_id(place.kind, words.id), hash_of_run(run), joined_message::manner::injected};
    joined.id = words.id;
    joined.digest = digest_of(one);
    joined.into = run;
    joined.input = words.input;
    joined.entries.push_back({entry_kind::user, run, d.time(), false, words.input, std::nullopt});
    joined.slice = d.hand().run->slice;
    joined.boundary = d.hand().execution->boundaries;
    joined.evicted = room_for(d.now(), 1);
    joined.at = d.time();
    d.happened(std::move(joined));
    std::visit(overloaded{[&](const held_task& m) { answer_joined(d, m.task.reply_to, m.task.encoding, m.task.id, "injected", run); },
                          [&](const held_control& m) {
                            answer_joined(d, m.control.reply_to, m.control.encoding, m.control.id, "injected", run);
                          }},
               one.message);
    injected.push_back(std::move(words));
  }
  return injected;
}

bool waits_for_joined(draft& d) {
  if (d.durable().busy.joined.empty()) return false;
  const auto into = hash_of_run(d.hand().run->id);
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

void release_joined(draft& d, id_hash into) {
  std::vector<joined_message> released;
  std::ranges::copy_if(d.durable().busy.joined, std::back_inserter(released), [&](const joined_message& one) { return one.into == into; });
  release(d, released);
}

void release_injected(draft& d) {
  if (d.durable().busy.joined.empty()) return;
  const auto into = hash_of_run(d.hand().run->id);
  std::vector<joined_message> released;
  std::ranges::copy_if(d.durable().busy.joined, std::back_inserter(released), [&](const joined_message& one) {
    return one.into == into && one.how == joined_message::manner::injected;
  });
  release(d, released);
}

void turn_is_over(draft& d, id_hash turn, settlement ended) {
  if (!d.durable().busy.joined.empty()) release_joined(d, turn);
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
    d.happened(message_was_disposed{id_of(one), disposition::next_turn, one.into, place.seq, d.time()});
  }
}

void drop_replaced(draft& d) {
  const auto until = d.durable().busy.replaced_until;
  // One commit holds them and nothing else; whatever else is stored now is acknowledged, and then it is their turn.
  if (until == stream_seq{} || std::ranges::any_of(d.events_so_far(), is_durable)) return;
  const auto& hand = d.hand();
  std::size_t together = 0;
  for (std::size_t n = 0; n < replaced_at_once && !hand.queue.empty() && hand.queue.front().seq < until; ++n) {
    if (is_ledger_crowded(d, d.with().limits.open_acks_max)) return;
    const held_task old = hand.queue.front();
    together += stored_size(turn_in(old).input);
    for (const auto& merged : joined_words(d.now(), old.task.id, joined_message::manner::merged)) together += stored_size(merged.input);
    if (n > 0 && together > joined_bytes_max(d)) return;
    d.happened(message_was_disposed{old.task.id, disposition::replaced, d.durable().busy.replaced_by, old.seq, d.time()});
    end_waiting(d, old, {}, reason::replaced);
  }
  const auto is_before = [&](const auto& m) { return m.seq < until; };
  const bool is_done = hand.highest_task >= until && !std::ranges::any_of(hand.queue, is_before) && !std::ranges::any_of(hand.backlog, is_before);
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
