#include "tests/simulation/checkers.hpp"

#include <algorithm>
#include <utility>

#include "messages/codec.hpp"

namespace baton::simulation {
namespace {

using support::rule_broken;

std::string text(stream_seq seq) { return std::to_string(seq.value); }

const codec::decode_limits decoding{};
const std::vector<std::string> no_prefixes{};

} // namespace

checkers::of_session& checkers::of(const session_id& session) {
  return sessions_.try_emplace(session, limits_).first->second;
}

// ---- from the broker

void checkers::accepted(message_kind kind, stream_seq seq, const session_id& session, const broker::message& m) {
  const codec::arrival from{seq, m.stored_at, {}, &no_prefixes};
  auto& known = messages_[{kind, seq}];
  known.session = session;
  tasks_ += kind == message_kind::task ? 1 : 0;
  if (kind == message_kind::task) {
    const auto t = codec::decode_task(m.payload, from, decoding);
    if (!t) return;
    known = {session, t->id, t->digest, t->reply_to, true, 0};
    of(session).rules.task_was_published(*t, seq);
  } else {
    const auto c = codec::decode_control(m.payload, from, decoding);
    if (!c) return;
    known = {session, c->id, c->digest, c->reply_to, true, 0};
    of(session).rules.control_was_published(*c, seq);
  }
  if (!known.reply_to.empty()) asked_[known.reply_to].push_back(seq);
}

bool checkers::is_settled(const accepted_message& m, stream_seq seq) const {
  if (m.letters > 0) return true;
  const auto& s = sessions_.at(m.session);
  if (s.failed.contains(m.id)) return s.failure_buried.contains(m.id);
  if (s.ended.contains(m.id)) return true;
  // A second one with the same id and body may go while the first waits.
  return std::ranges::any_of(messages_, [&](const auto& other) {
    const auto& [at_place, twin] = other;
    return at_place.first == message_kind::task && at_place.second != seq && twin.session == m.session && twin.id == m.id
        && twin.digest == m.digest && at->holds(message_kind::task, at_place.second);
  });
}

void checkers::removed(message_kind kind, stream_seq seq) {
  const auto& m = messages_.at({kind, seq});
  if (!m.is_readable && m.letters == 0) throw rule_broken("rule 4: an unreadable message is acknowledged without a letter: " + text(seq));
  if (kind == message_kind::task && m.is_readable && !is_settled(m, seq)) {
    throw rule_broken("rule 4: task " + m.id.text() + " at " + text(seq) + " left the queue, and no end of it is stored");
  }
}

void checkers::check_order_of_commits(of_session& s, const commit& c) {
  if (c.epoch < s.epoch) throw rule_broken("rule 5: a commit of an older epoch was stored after one of a newer");
  if (c.number != next(s.number)) throw rule_broken("rule 1: the commits of a session are not numbered without a hole");
  const auto [owner, is_new] = s.owners.emplace(c.epoch, c.node);
  if (!is_new && owner->second != c.node) throw rule_broken("rule 1: two nodes wrote in one epoch");
  s.epoch = c.epoch;
  s.number = c.number;
}

void checkers::note_public(of_session& s, const std::vector<event>& events) {
  for (const auto& e : events) {
    switch (e.kind) {
    case event_kind::run_failed: s.failed.insert(e.run); [[fallthrough]];
    case event_kind::run_completed:
    case event_kind::run_cancelled:
      runs_ended_ += 1;
      s.ended.insert(e.run);
      break;
    case event_kind::message_disposed:
      if (e.disposition == disposition::merged || e.disposition == disposition::injected) s.ended.insert(e.run);
      break;
    case event_kind::session_taken:
    case event_kind::slice_started:
    case event_kind::checkpoint_stored:
    case event_kind::run_yielded:
    case event_kind::run_retry_scheduled:
    case event_kind::execution_lost:
    case event_kind::dead_letter_confirmed:
    case event_kind::session_edited:
    case event_kind::session_deleted:
    case event_kind::events_omitted: break;
    }
  }
}

void checkers::logged(const session_id& session, const broker::log_record& stored) {
  const auto known = appending_.find(stored.body);
  if (known == appending_.end()) throw rule_broken("a commit was stored that nobody decided");
  const auto& [c, events] = known->second;
  commits_ += 1;
  auto& s = of(session);
  check_order_of_commits(s, c);
  // Sent by an owner that is gone, and not fenced yet: the next one meets it, and reads again.
  if (c.epoch != s.began) {
    session::state none;
    s.rules.life_began(none, false);
  }
  s.rules.commit_was_stored(c, events);
  note_public(s, c.events);
}

void checkers::letter_stored(const std::string& dedupe, const std::string& body, bool is_repeated) {
  const auto letter = codec::decode_dead_letter(body);
  if (!letter) throw rule_broken("a dead letter cannot be read back");
  if (is_repeated) return;
  const bool is_control = dedupe.starts_with("control.");
  const bool is_refused = is_control || dedupe.starts_with("task.");
  const auto kind = is_control ? message_kind::control : message_kind::task;
  auto& m = messages_.at({kind, letter->seq});
  auto& s = of(m.session);
  if (is_refused) {
    m.letters += 1;
  } else {
    s.failure_buried.insert(task_id::parse(letter->id).value());
  }
  if (m.is_readable) s.rules.letter_was_stored(*letter, kind, is_refused);
}

// ---- from the shells

void checkers::session_began(const session::state& loaded, bool after_crash) {
  auto& s = of(loaded.id);
  if (loaded.epoch < s.began || !is_newest(loaded)) return;
  s.began = loaded.epoch;
  s.rules.life_began(loaded, after_crash);
}

bool checkers::is_newest(const session::state& s) const {
  const auto last = at->last_commit(s.id);
  const auto known = sessions_.find(s.id);
  if (known != sessions_.end() && s.epoch < known->second.began) return false;
  return last ? last->seq == s.last : s.last == stream_seq{};
}

void checkers::step_was_made(const session::state& before, const session::input& in, const session::stepped& made) {
  of(before.id).rules.step_was_made(before, in, made);
}

void checkers::will_append(const commit& c, const std::vector<session::event>& events) {
  appending_.try_emplace(codec::encode_commit(c), c, events);
}

void checkers::slice_began(const process& in, const slice_request& request) {
  const auto& r = request.routing;
  for (const auto& [execution, other] : slices_) {
    if (other.session != r.session || !other.in->is_alive) continue;
    if (other.in == &in) throw rule_broken("rule 1: two slices of session " + r.session.text() + " run at once in one node");
    if (other.epoch < r.epoch && may_work && !may_work(*other.in)) continue;
    if (other.epoch > r.epoch && may_work && !may_work(in)) continue;
    throw rule_broken("rule 1: slices of session " + r.session.text() + " run at once in two nodes that may work");
  }
  if (!slices_.emplace(r.execution, running{&in, r.session, r.epoch}).second) {
    throw rule_broken("an execution runs twice: " + r.execution.text());
  }
}

void checkers::slice_is_over(const execution_id& execution) { slices_.erase(execution); }

void checkers::check_told_task(const std::vector<stream_seq>& asking, const answer& a) const {
  const auto& first = messages_.at({message_kind::task, asking.front()});
  const bool is_buried = std::ranges::any_of(
      asking, [&](stream_seq seq) { return messages_.at({message_kind::task, seq}).letters > 0; });
  const auto told = a.to.text() + " at " + text(asking.front());
  switch (a.verdict) {
  case verdict::accepted:
    if (!sessions_.at(first.session).ended.contains(first.id)) {
      throw rule_broken("rule 4: an end of task " + told + " is told that is not stored");
    }
    break;
  case verdict::refused:
    if (!is_buried) throw rule_broken("rule 4: task " + told + " is refused before its letter is stored");
    break;
  case verdict::duplicate:
  case verdict::conflict:
  case verdict::unknown:
  case verdict::expired: break;
  }
}

void checkers::answered(const std::string& reply_to, const answer& a) {
  answers_[reply_to] += 1;
  if (reply_to.find(".t.") != std::string::npos) check_told_task(asked_.at(reply_to), a);
}

void checkers::inputs_wait(std::size_t waiting, std::size_t most) const {
  if (waiting > most) throw rule_broken("rule 9: more inputs wait for a session's log than waiting_inputs_max");
}

// ---- at the end

void checkers::all_has_ended(const std::map<session_id, session::state>& in_memory) const {
  std::map<session_id, std::set<stream_seq>> left;
  for (const auto& [place_of, m] : messages_) {
    if (!at->holds(place_of.first, place_of.second)) {
      if (!m.is_readable && m.letters != 1) throw rule_broken("an unreadable message has not one letter: " + text(place_of.second));
      continue;
    }
    if (place_of.first == message_kind::control) throw rule_broken("stuck: control message " + text(place_of.second) + " is still in the queue");
    left[m.session].insert(place_of.second);
  }
  for (const auto& [id, s] : sessions_) {
    const auto live = in_memory.find(id);
    session::state read;
    if (const auto last = at->last_commit(id)) read.head = codec::decode_commit(last->body)->head;
    s.rules.all_has_ended(live == in_memory.end() ? read : live->second, left[id]);
    if (live != in_memory.end() && !(live->second.head == read.head)) throw rule_broken("rule 8: what is live differs from what is stored");
  }
  for (const auto& [reply_to, asking] : asked_) {
    if (!answers_.contains(reply_to)) throw rule_broken("no answer was ever sent to " + reply_to);
  }
}

} // namespace baton::simulation
