#include "ops/baton/run_end.hpp"

#include <algorithm>

#include "messages/codec.hpp"
#include "messages/digest.hpp"
#include "messages/subjects.hpp"
#include "ops/baton/interrupt.hpp"
#include "ops/baton/shown.hpp"

namespace baton::cli {
namespace {

/// How often signals are looked for.
constexpr milliseconds glance{100};
/// After so long without a word the log is read: an event may have been missed.
constexpr milliseconds silence{2'000};

std::optional<settlement> settlement_in(const event& e) {
  if (e.kind == event_kind::run_completed) return settlement::completed;
  if (e.kind == event_kind::run_failed) return settlement::failed;
  if (e.kind == event_kind::run_cancelled) return settlement::cancelled;
  if (e.disposition == disposition::injected || e.disposition == disposition::merged) return settlement::joined;
  return std::nullopt;
}

std::optional<settlement> end_in(const commit& c, const task_id& run) {
  for (const auto& e : c.events) {
    if (e.run == run && settlement_in(e)) return settlement_in(e);
  }
  return std::nullopt;
}

const ledger_item* settled_item(const head& h, const task_id& id) {
  const auto hash = hash_of_id(message_kind::task, id);
  const auto found = std::ranges::find(h.ledger, hash, &ledger_item::id);
  return found == h.ledger.end() ? nullptr : &*found;
}

/// One that waits, or runs.
const spilled_turn* delayed_turn(const head& h, const task_id& id) {
  if (settled_item(h, id) != nullptr) return nullptr;
  const auto found = std::ranges::find(h.spilled, hash_of_id(message_kind::task, id), &spilled_turn::id);
  return found == h.spilled.end() ? nullptr : &*found;
}

} // namespace

std::optional<body_digest> known_content(const head& h, const task_id& id) {
  if (const auto* run = run_of(h.phase); run != nullptr && run->id == id) return run->digest;
  if (const auto* delayed = delayed_turn(h, id)) return delayed->digest;
  const auto* item = settled_item(h, id);
  return item == nullptr ? std::nullopt : std::optional{item->digest};
}

or_complaint<run_watch> run_watch::begin(client& broker, const clock& time, const session_id& session) {
  auto reader = broker.reader();
  if (!reader) return unexpected{reader.error()};
  run_watch made{broker, time, *reader};
  auto ear = broker.listen({subjects::live_of(session), subjects::committed(session), subjects::refused(session)});
  if (!ear) return unexpected{ear.error()};
  made.ear_ = *std::move(ear);
  return made;
}

or_complaint<run_end> run_watch::wait(const accepted_task& task, std::optional<milliseconds> timeout, progress& told) {
  const auto began = time_->monotonic_now();
  // A duplicate may have ended long ago: no word will come of it.
  auto heard_at = task.duplicate ? began - silence : began;
  while (true) {
    if (const auto signal = interrupt::came(); signal != 0) {
      return run_end{interrupted{signal == SIGTERM ? exit_code::terminated : exit_code::interrupted}};
    }
    const auto now = time_->monotonic_now();
    if (timeout && now - began >= *timeout) return run_end{not_ended_in_time{}};
    or_complaint<std::optional<run_end>> over{std::optional<run_end>{}};
    if (const auto h = ear_->next(glance)) {
      heard_at = time_->monotonic_now();
      over = take(task, *h, told);
    } else if (now - heard_at >= silence) {
      over = look(task, told);
      heard_at = time_->monotonic_now();
    }
    if (!over) return unexpected{over.error()};
    if (*over) {
      drain(task, told);
      return **over;
    }
  }
}

/// What was missed, if anything was.
or_complaint<std::optional<run_end>> run_watch::look(const accepted_task& task, progress& told) {
  auto over = read_letter(task, {1});
  if (over && !*over) over = read_ledger(task);
  if (!over || *over) return over;
  const auto last = log_.last(task.session);
  if (!last) return unexpected{complaint_of(last.error())};
  const auto* run = *last ? run_of((*last)->commit.head.phase) : nullptr;
  const auto* delayed = *last ? delayed_turn((*last)->commit.head, task.id) : nullptr;
  const bool waits = delayed != nullptr && delayed->not_before > time_->now() && (run == nullptr || run->id != task.id);
  if (waits) {
    told.delayed(delayed->not_before);
    return over;
  }
  told.quiet(run == nullptr ? std::nullopt : std::optional{run->id});
  return over;
}

or_complaint<std::optional<run_end>> run_watch::take(const accepted_task& task, const heard& h, progress& told) {
  if (h.subject == subjects::committed(task.session)) return take_committed(task, h, told);
  if (h.subject == subjects::refused(task.session)) return read_letter(task, h.seq);
  const auto read = codec::decode_value(h.payload, {.bytes_max = h.payload.size() + 1});
  const auto* run = read ? read->value.find("run") : nullptr;
  const auto* data = read ? read->value.find("data") : nullptr;
  if (run == nullptr || data == nullptr || *run != value{task.id.text()}) return std::optional<run_end>{};
  const auto* execution = read->value.find("execution");
  const auto* name = execution == nullptr ? nullptr : execution->as<std::string>();
  told.live(subjects::last_token(h.subject), task.id, name == nullptr ? std::string{} : *name, *data);
  return std::optional<run_end>{};
}

or_complaint<std::optional<run_end>> run_watch::take_committed(
    const accepted_task& task, const heard& h, progress& told) {
  for (const auto& line : h.events) {
    const auto e = codec::decode_event(line);
    if (!e || e->run != task.id) continue;
    if (settlement_in(*e)) return read_commit(task, h.seq);
    if (const auto object = codec::decode_value(line, {})) told.event(object->value);
  }
  return std::optional<run_end>{};
}

/// A letter is this task's by its place in the queue: another task may have had the same id. A control message of that place has
/// another id; and a run that ended badly has a letter too, but then the log has its end.
or_complaint<std::optional<run_end>> run_watch::read_letter(const accepted_task& task, stream_seq from) {
  while (true) {
    auto letter = log_.next_dead(task.session, from);
    if (!letter) return unexpected{complaint_of(letter.error())};
    if (!*letter) return std::optional<run_end>{};
    from = next((*letter)->seq);
    const auto& found = (*letter)->letter;
    const bool is_ours = found.seq == task.seq && (found.id == task.id.text() || digest_of_body(found.payload) == task.digest);
    if (!is_ours) continue;
    auto in_log = read_ledger(task);
    if (!in_log || *in_log) return in_log;
    return std::optional<run_end>{run_refused{*std::move(*letter)}};
  }
}

or_complaint<std::optional<run_end>> run_watch::read_ledger(const accepted_task& task) {
  auto last = log_.last(task.session);
  if (!last) return unexpected{complaint_of(last.error())};
  if (!*last) return std::optional<run_end>{};
  const auto& head = (*last)->commit.head;
  if (const auto known = known_content(head, task.id); known && *known != task.digest) {
    // If ours is another message, it has a refusal of its own to come.
    if (task.duplicate) return std::optional<run_end>{id_taken{}};
    return std::optional<run_end>{};
  }
  const auto* item = settled_item(head, task.id);
  if (item == nullptr || item->ended == settlement::refused) return std::optional<run_end>{};
  auto end = read_commit(task, {1});
  if (!end || *end) return end;
  return std::optional<run_end>{run_ended_unread{item->ended}};
}

or_complaint<std::optional<run_end>> run_watch::read_commit(const accepted_task& task, stream_seq from) {
  while (true) {
    auto commit = log_.next(task.session, from);
    if (!commit) return unexpected{complaint_of(commit.error())};
    if (!*commit) return std::optional<run_end>{};
    if (const auto ended = end_in((*commit)->commit, task.id)) {
      const auto known = known_content((*commit)->commit.head, task.id);
      if (known && *known != task.digest) {
        if (task.duplicate) return std::optional<run_end>{id_taken{}};
        return std::optional<run_end>{};
      }
      return std::optional<run_end>{run_ended{*ended, *std::move(*commit)}};
    }
    from = next((*commit)->seq);
  }
}

/// What was said before the end but taken in by another of the client's threads.
void run_watch::drain(const accepted_task& task, progress& told) {
  while (const auto h = ear_->next(milliseconds{0})) {
    if (h->subject == subjects::committed(task.session) || h->subject == subjects::refused(task.session)) continue;
    (void)take(task, *h, told);
  }
}

} // namespace baton::cli
