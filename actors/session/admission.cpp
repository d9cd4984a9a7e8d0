#include <algorithm>
#include <array>

#include "actors/session/delayed.hpp"
#include "actors/session/draft.hpp"

namespace baton::session {
namespace {

std::string_view text_of(settlement ended) {
  switch (ended) {
    case settlement::completed: return "completed";
    case settlement::failed: return "failed";
    case settlement::cancelled: return "cancelled";
    case settlement::applied: return "applied";
    case settlement::refused: return "refused";
    case settlement::joined: return "joined";
  }
  return "unknown";
}

/// The session holds this very message already.
bool holds(const state& s, stream_seq seq) {
  const auto& h = s.hand;
  if (seq > h.highest_task) return false;
  const auto is_it = [&](const auto& m) { return m.seq == seq; };
  // A delayed turn's task came out of the log: its message is another matter.
  const bool is_current = h.current && h.current->seq == seq && !is_delayed(s.head, h.current->task.id);
  return is_current || std::ranges::any_of(h.queue, is_it) || h.backlog.find(seq) != nullptr ||
         h.refused_tasks.contains(seq) || h.unconfirmed_tasks.contains(seq) || h.joined.contains({message_kind::task, seq}) ||
         std::ranges::find(h.steers, message_place{message_kind::task, seq}, place_of) != h.steers.end() ||
         std::ranges::any_of(h.ack_after, [&](const auto& owed) { return owed.second == seq; });
}

/// The digest under which an id is waiting or running, if it is.
std::optional<body_digest> waiting_digest(const state& s, const task_id& id, id_hash hash) {
  if (const auto* run = stored_run(s.head); run != nullptr && run->id == id) return run->digest;
  const auto& h = s.hand;
  if (h.current && h.current->task.id == id) return h.current->task.digest;
  if (const auto* waiting = find_waiting(h, id)) return waiting->task.digest;
  if (const auto* waiting = h.backlog.find(hash)) return waiting->digest;
  return std::nullopt;
}

void answer_duplicate(draft& d, const held_task& message, value status) {
  if (message.task.reply_to.empty()) return;
  d.order(send_answer{message.task.reply_to, message.task.encoding,
                      answer_to(message.task.id, verdict::duplicate, std::move(status))});
}

void drop_duplicate(draft& d, const held_task& message, id_hash id, value status) {
  answer_duplicate(d, message, std::move(status));
  settle_ack(d, message_kind::task, message.seq, id);
}

/// A settled task that came again: its first acknowledgement was lost, or its producer sent it twice.
void meet_settled(draft& d, const held_task& message, const ledger_item& known) {
  if (known.digest != message.task.digest) return refuse(d, message, {reason::task_conflict, "id"});
  const auto owed = std::ranges::find(d.durable().outbox, message.task.id, &outbox_item::run);
  if (owed != d.durable().outbox.end() && owed->message == message.seq) {
    answer_duplicate(d, message, final_status(known.ended));
    d.order(lighten{{message_kind::task, message.seq}});
    d.happened(ack_was_put_off{owed->id, message.seq});
    return;
  }
  drop_duplicate(d, message, known.id, final_status(known.ended));
}

/// The message of the run that the log knows of has come again, after a restart; or, if that is gone from the queue, another
/// with the same id and body.
bool resumes(draft& d, const held_task& message) {
  const auto* run = stored_run(d.durable());
  if (run == nullptr || d.hand().current || is_delayed(d.durable(), run->id)) return false;
  const bool is_twin = message.seq > run->message && message.task.id == run->id && message.task.digest == run->digest;
  if (message.seq != run->message && !is_twin) return false;
  d.happened(current_was_redelivered{message});
  cancel_resumed_if_asked_early(d);
  return true;
}

/// Newer messages are delivered, so the older one of the stored run is gone from the queue: nothing will ever start it again.
void end_run_without_message(draft& d, const held_task& newer) {
  const auto* run = stored_run(d.durable());
  if (run == nullptr || d.hand().current || newer.seq < run->message || is_delayed(d.durable(), run->id)) return;
  held_task missing;
  missing.task.id = run->id;
  missing.task.digest = run->digest;
  missing.seq = run->message;
  d.happened(current_was_redelivered{std::move(missing)});
  end_run(d, {{}, settlement::failed, reason::execution_lost, "the run's task is no longer in the queue", {}, {}, true});
}

/// The runners that a node has, so that a misspelt one is seen; so many are named.
std::string not_among_runners(const draft& d, const std::string& asked) {
  constexpr std::size_t named_max = 16;
  auto text = asked + ": node " + d.now().node.text() + " has ";
  std::size_t named = 0;
  for (const auto& name : d.with().limits.runners) {
    if (named == named_max) return text + " and " + std::to_string(d.with().limits.runners.size() - named) + " more";
    text += (named++ == 0 ? "" : ", ") + name;
  }
  return text;
}

std::optional<refusal> objection(const draft& d, const held_task& message) {
  const auto& asked = std::get<turn>(message.task.what);
  if (!d.with().limits.runners.contains(asked.runner)) return refusal{reason::unknown_runner, not_among_runners(d, asked.runner)};
  if (message.task.deadline && *message.task.deadline <= d.time()) return refusal{reason::deadline_passed, "deadline"};
  return std::nullopt;
}

} // namespace

bool has_room(const hand& h, const limits& l, const held_task& message, bool crowded) {
  if (!h.backlog.empty()) return false;
  if (held_turns(h) == 0) return true;
  const auto tasks_max = crowded ? std::min(l.in_memory_max, l.crowded_max) : l.in_memory_max;
  const auto bytes_max = crowded ? l.in_memory_bytes_max / 8 : l.in_memory_bytes_max;
  auto bytes = message.bytes;
  for (const auto& m : h.queue) bytes += m.bytes;
  for (const auto& s : h.steers) {
    if (const auto* m = std::get_if<held_task>(&s.message)) bytes += m->bytes;
  }
  return held_turns(h) < tasks_max && bytes <= bytes_max;
}

namespace {

void enqueue(draft& d, held_task message, id_hash id, bool crowded) {
  const auto& limits = d.with().limits;
  const auto& hand = d.hand();
  if (has_room(hand, limits, message, crowded)) {
    d.happened(task_was_held{std::move(message)});
    return;
  }
  if (hand.backlog.size() >= limits.backlog_max) {
    return refuse(d, message, {reason::backlog_full, "session.backlog_max"});
  }
  d.order(lighten{{message_kind::task, message.seq}});
  d.happened(task_was_stubbed{{message.seq, id, message.task.digest, message.after_crash, message.has_waited, message.ready_at}});
}

struct passing_refusal {
  reason why;
  std::string_view detail;
};
/// Refusals that another moment would judge differently. The others are the same whenever they are judged.
constexpr auto passing_refusals = std::to_array<passing_refusal>({
    {reason::backlog_full, "session.backlog_max"},
    {reason::backlog_full, delayed_max_detail},
    {reason::invalid_not_before, delay_max_detail},
    {reason::task_conflict, "id"},
    {reason::session_busy, "when_busy"},
    {reason::too_many_waiting, std::string_view{too_many_waiting_detail}},
    {reason::too_many_labels, "session.labels_max"},
    {reason::too_large, labels_together},
});

void bury_refused(draft& d, message_kind kind, stream_seq seq, std::string id, const refusal& why) {
  dead_letter letter;
  letter.session = d.now().id;
  letter.id = std::move(id);
  letter.why = why.why;
  letter.detail = why.detail;
  letter.seq = seq;
  letter.at = d.time();
  letter.dedupe = std::string{kind == message_kind::task ? "task." : "control."} + std::to_string(seq.value);
  d.order(bury{kind, std::move(letter), {}});
}

/// Above `open_acks_max`, since a message that is not admitted cannot wait; all that is in hand can still be settled.
std::size_t open_with_refusals_max(const limits& l) {
  const auto run = 1 + l.cancels_max;
  const auto cancelled_early = 2 * l.early_max;
  return ledger_most - run - cancelled_early - l.joined_max;
}

/// What the ledger keeps of a refusal that depends on the moment: made now, or made before.
std::optional<id_hash> record_refusal(draft& d, message_kind kind, stream_seq seq, body_digest digest, const refusal& why) {
  const auto is_it = [&](const passing_refusal& row) { return row.why == why.why && row.detail == why.detail; };
  if (std::ranges::none_of(passing_refusals, is_it)) return std::nullopt;
  const auto kept = hash_of_refusal(kind, seq, why.why, why.detail);
  if (find_settled(d.durable(), kept) != nullptr) return kept;
  const auto open = d.hand().refused_tasks.size() + d.hand().refused_controls.size();
  if (open >= d.with().limits.open_refusals_max || is_ledger_crowded(d, open_with_refusals_max(d.with().limits))) {
    return std::nullopt;
  }
  d.happened(refusal_was_recorded{{kept, digest, settlement::refused}, room_for(d.now(), 1), d.time()});
  return kept;
}

void refuse_message(draft& d, message_kind kind, stream_seq seq, body_digest digest, pending_refusal refused) {
  bury_refused(d, kind, seq, refused.id.text(), refused.why);
  refused.kept = record_refusal(d, kind, seq, digest, refused.why).value_or(hash_of_id(kind, refused.id));
  d.happened(message_was_refused{kind, seq, std::move(refused)});
}

/// Its acknowledgement is not confirmed, or its letter not stored.
bool is_open(const state& s, id_hash id) {
  const auto holds_id = [&](const auto& owed) { return owed.second == id; };
  const auto is_refused = [&](const auto& owed) { return owed.second.kept == id; };
  const auto is_owed = [&](const outbox_item& owed) { return hash_of_id(message_kind::task, owed.run) == id; };
  return std::ranges::any_of(s.hand.unconfirmed_tasks, holds_id) || std::ranges::any_of(s.hand.unconfirmed_controls, holds_id) ||
         std::ranges::any_of(s.hand.refused_tasks, is_refused) || std::ranges::any_of(s.hand.refused_controls, is_refused) ||
         was_delayed(s.head, id) ||
         std::ranges::find(s.head.busy.joined, id, &joined_message::id) != s.head.busy.joined.end() || std::ranges::any_of(s.head.outbox, is_owed) || std::ranges::find(s.hand.maybe_open, id, &open_ack::id) != s.hand.maybe_open.end();
}

} // namespace

answer answer_to(const task_id& id, verdict v, value body) { return {id, v, std::nullopt, std::move(body)}; }

value final_status(settlement ended, const value& result, std::string_view code, std::string_view text) {
  value::object status{{"status", text_of(ended)}};
  if (!result.is_null()) status.emplace_back("result", result);
  if (!code.empty()) status.emplace_back("code", code);
  if (!text.empty()) status.emplace_back("text", text);
  return status;
}

const held_task* find_waiting(const hand& h, const task_id& id) {
  const auto queued = std::ranges::find_if(h.queue, [&](const held_task& m) { return m.task.id == id; });
  if (queued != h.queue.end()) return &*queued;
  for (const auto& waiting : h.steers) {
    const auto* m = std::get_if<held_task>(&waiting.message);
    if (m != nullptr && m->task.id == id) return m;
  }
  return nullptr;
}

const ledger_item* find_settled(const head& h, id_hash id) {
  const auto found = std::ranges::find(h.ledger, id, &ledger_item::id);
  return found == h.ledger.end() ? nullptr : &*found;
}

std::vector<id_hash> room_for(const state& s, std::size_t coming) {
  std::vector<id_hash> evicted;
  auto size = s.head.ledger.size() + coming;
  for (const auto& item : s.head.ledger) {
    if (size <= ledger_max) break;
    if (is_open(s, item.id)) continue;
    evicted.push_back(item.id);
    size -= 1;
  }
  return evicted;
}

bool is_ledger_crowded(const draft& d, std::size_t most) {
  const auto& h = d.hand();
  const auto& ledger = d.durable().ledger;
  // Each of these keeps one id at most.
  const auto keepers = h.unconfirmed_tasks.size() + h.unconfirmed_controls.size() + h.refused_tasks.size() +
                       h.refused_controls.size() + d.durable().outbox.size() + h.maybe_open.size() + d.durable().busy.joined.size() +
                       d.durable().spilled.size();
  if (keepers < most || ledger.size() < most) return false;
  const auto open = std::ranges::count_if(ledger, [&](const ledger_item& item) { return is_open(d.now(), item.id); });
  return static_cast<std::size_t>(open) >= most;
}

bool is_held_up(const draft& d) {
  const auto& h = d.hand();
  const auto& durable = d.durable();
  const auto ends = [&](const spilled_turn& turn) { return has_ended(durable, turn); };
  // An owner before may have left so many open that nothing would ever start where no message comes to tell of them.
  const bool will_make_room = !h.unconfirmed_tasks.empty() || !h.unconfirmed_controls.empty() || !h.refused_tasks.empty() ||
                              !h.refused_controls.empty() || !durable.outbox.empty() || std::ranges::any_of(durable.spilled, ends);
  return will_make_room && is_ledger_crowded(d, d.with().limits.open_acks_max);
}

void settle_ack(draft& d, message_kind kind, stream_seq seq, id_hash id) {
  d.happened(ack_was_wanted{kind, seq, id});
  d.order_last(acknowledge{kind, seq});
}

void refuse(draft& d, const held_task& message, refusal why) {
  const auto& t = message.task;
  refuse_message(d, message_kind::task, message.seq, t.digest, {t.id, t.reply_to, t.encoding, std::move(why), {}});
}

void refuse(draft& d, const held_control& message, refusal why) {
  const auto& c = message.control;
  refuse_message(d, message_kind::control, message.seq, c.digest, {c.id, c.reply_to, c.encoding, std::move(why), {}});
}

std::optional<refusal> recorded_refusal(const head& h, message_kind kind, stream_seq seq) {
  if (std::ranges::find(h.ledger, settlement::refused, &ledger_item::ended) == h.ledger.end()) return std::nullopt;
  for (const auto& [why, detail] : passing_refusals) {
    if (find_settled(h, hash_of_refusal(kind, seq, why, detail)) != nullptr) return refusal{why, std::string{detail}};
  }
  return std::nullopt;
}

void refusal_is_buried(draft& d, const refusal_buried& in) {
  const auto& waiting = in.kind == message_kind::task ? d.hand().refused_tasks : d.hand().refused_controls;
  const auto found = waiting.find(in.seq);
  if (found == waiting.end()) return;
  const auto refused = found->second;
  d.happened(refusal_was_buried{in.kind, in.seq});
  if (!refused.reply_to.empty()) {
    auto a = answer_to(refused.id, verdict::refused);
    a.why = refused.why;
    d.order(send_answer{refused.reply_to, refused.encoding, std::move(a)});
  }
  settle_ack(d, in.kind, in.seq, refused.kept);
}

void admit(draft& d, held_task message, bool crowded, bool is_own) {
  if (holds(d.now(), message.seq)) return;
  if (resumes(d, message)) return;
  end_run_without_message(d, message);
  if (holds(d.now(), message.seq) || meets_joined(d, message)) return;
  see_replacing(d, message.seq);
  if (auto why = recorded_refusal(d.durable(), message_kind::task, message.seq)) return refuse(d, message, std::move(*why));
  if (meets_delayed(d, message, is_own)) return;
  if (std::holds_alternative<phases::deleted>(d.durable().phase)) {
    const auto* known = find_settled(d.durable(), hash_of_id(message_kind::task, message.task.id));
    if (known == nullptr) return refuse(d, message, {reason::deleted, {}});
    return meet_settled(d, message, *known);
  }
  const auto id = hash_of_id(message_kind::task, message.task.id);
  if (const auto* known = find_settled(d.durable(), id)) return meet_settled(d, message, *known);
  if (const auto waiting = waiting_digest(d.now(), message.task.id, id)) {
    if (*waiting != message.task.digest) return refuse(d, message, {reason::task_conflict, "id"});
    return drop_duplicate(d, message, id, {});
  }
  if (auto why = objection(d, message)) return refuse(d, message, std::move(*why));
  message.has_waited = d.hand().run || stored_run(d.durable()) != nullptr;
  aim_early(d, message);
  if (cancel_if_asked_early(d, message) || delay_if_early(d, message)) return;
  const auto task = message.task.id;
  if (!apply_policy(d, message, crowded)) enqueue(d, std::move(message), id, crowded);
  turn_was_admitted(d, task);
}

} // namespace baton::session
