#include "actors/partition/actor.hpp"

#include <algorithm>
#include <caf/send.hpp>
#include <chrono>
#include <utility>

#include "actors/crash_point.hpp"
#include "actors/session/actor.hpp"
#include "actors/session/draft.hpp"

namespace baton::actors {
namespace {

/// A session whose actor ended in error more often than this waits with its messages, longer each time.
constexpr std::uint32_t deaths_max = 5;
constexpr std::chrono::milliseconds quarantine_first{10'000};
constexpr std::chrono::milliseconds quarantine_longest{300'000};

std::chrono::milliseconds quarantine_after(std::uint32_t deaths) {
  const auto doublings = std::min<std::uint32_t>(deaths - deaths_max - 1, 16);
  return std::min(quarantine_first * (1U << doublings), quarantine_longest);
}

class posting_task_listener : public task_listener {
public:
  explicit posting_task_listener(caf::actor to) : to_(std::move(to)) {}
  void delivered(std::vector<delivery> batch) override { caf::anon_send(to_, deliveries{std::move(batch)}); }
  void stopped(partition_id, epoch, source_failure why) override { caf::anon_send(to_, source_stopped{why}); }

private:
  caf::actor to_;
};

} // namespace

partition_actor::partition_actor(caf::actor_config& config, std::shared_ptr<const services> with, place at)
    : caf::event_based_actor(config), with_(std::move(with)), at_(std::move(at)),
      wakes_(*this, with_, at_.partition, wake_outlets()) {
  set_down_handler([this](const caf::down_msg& down) { on_down(down); });
}

caf::behavior partition_actor::make_behavior() {
  open();
  delayed_send(this, with_->passivate_after / 4, sweep_idle{});
  return {
      [this](const source_opened& in) { on_opened(in); },
      [this](deliveries& in) {
        if (draining_) return;
        for (auto& d : in.batch) route(d);
      },
      [this](const source_stopped& in) {
        end_sessions();
        at_.reports.stopped(in.why);
        quit();
      },
      [this](letter_buried& in) { on_buried(in); },
      [this](bury_letter_again& in) { send_letter(in.kind, std::move(in.letter), std::move(in.answer_to)); },
      [this](const session_idle& in) { on_idle(in); },
      [this](const session_drained& in) { on_drained(in); },
      [this](sweep_idle) { sweep(); },
      [this](const quarantine_over& in) {
        if (!draining_ && is_quarantined(in.session)) try_again(in.session);
      },
      [this](const wakes_input& in) { wakes_.take(in.in); },
      [this](wake_wanted& in) { wakes_.take(wakes::wanted{{std::move(in.session), std::move(in.key)}, std::move(in.wake)}); },
      [this](wake_unwanted& in) { wakes_.take(wakes::unwanted{{std::move(in.session), std::move(in.key)}}); },
      [this](drain_partition) { drain(); },
      [this](close_partition) {
        with_->source->close(at_.partition);
        end_sessions();
        at_.reports.closed();
        quit();
      },
  };
}

void partition_actor::open() {
  const auto me = caf::actor_cast<caf::actor>(this);
  with_->source->open(at_.partition, at_.epoch, std::make_shared<posting_task_listener>(me),
                      [me](expected<task_source::opened, source_failure> result) { caf::anon_send(me, source_opened{result}); });
}

void partition_actor::on_opened(const source_opened& in) {
  if (in.result) {
    with_->metrics->count(counter::takeovers);
    wakes_.take(wakes::opened{});
    at_.reports.opened();
    return;
  }
  at_.reports.stopped(in.result.error());
  quit();
}

void partition_actor::route(delivery& d) {
  if (is_overtaken(d)) return;
  crash_point("task.delivered");
  with_->metrics->count(counter::tasks_delivered);
  if (is_quarantined(d.session)) {
    if (asks_to_try_again(d)) return end_quarantine(d.session, d.seq);
    return with_->source->lighten(at_.partition, d.kind, d.seq);
  }
  const bool after_crash = at_.after_crash && d.before_open;
  std::visit(session::overloaded{[&](refusal& why) { bury(d, why); },
                                 [&](task& t) {
                                   session::held_task message{std::move(t), d.seq, d.stored_at, after_crash, d.bytes};
                                   to_session(d.session, session::task_arrived{std::move(message), d.crowded});
                                 },
                                 [&](control& c) {
                                   session::held_control message{std::move(c), d.seq, d.stored_at, d.before_open};
                                   to_session(d.session, session::control_arrived{std::move(message)});
                                 }},
             d.body);
}

bool partition_actor::is_overtaken(const delivery& d) const {
  const auto found = residents_.find(d.session);
  return found != residents_.end() && d.round < found->second.since;
}

bool partition_actor::is_quarantined(const session_id& id) const {
  const auto found = residents_.find(id);
  return found != residents_.end() && found->second.is_quarantined;
}

void partition_actor::try_again(const session_id& id) {
  auto& r = residents_[id];
  r.is_quarantined = false;
  r.since = with_->source->forget(at_.partition, id);
  wakes_.take(wakes::session_was_lost{id});
}

bool partition_actor::asks_to_try_again(const delivery& d) const {
  const auto* order = std::get_if<control>(&d.body);
  return order != nullptr && std::holds_alternative<unstick>(order->what) && d.seq > residents_.at(d.session).unstuck_by;
}

void partition_actor::end_quarantine(const session_id& id, stream_seq by) {
  residents_[id].deaths = 0;
  residents_[id].unstuck_by = by;
  with_->notices->say(severity::info, "session " + id.text() + " is tried again: somebody asked for it");
  // The message that asked comes again with the others.
  try_again(id);
}

void partition_actor::to_session(const session_id& id, session::input in) {
  auto& r = residents_[id];
  if (!r.actor) start(id, r);
  r.sent += 1;
  r.touched = with_->clock->monotonic_now();
  send(r.actor, session_input{std::move(in)});
}

void partition_actor::start(const session_id& id, resident& r) {
  session_actor::place at{id,  at_.partition, at_.epoch, at_.after_crash, caf::actor_cast<caf::actor>(this),
                          at_.supervisor};
  r.actor = spawn<session_actor, caf::monitored>(with_, std::move(at));
  r.sent = 0;
  by_address_[r.actor.address()] = id;
}

wake_keeper::outlets partition_actor::wake_outlets() {
  // A drained partition's wakes, and a session's that is set aside, are told again by whoever goes on.
  return {[this](const session_id& id, session::input in) {
            if (draining_ || is_quarantined(id)) return false;
            to_session(id, std::move(in));
            return true;
          },
          [this](const session_id& id, session::input in) {
            const auto found = residents_.find(id);
            if (found != residents_.end() && found->second.actor) to_session(id, std::move(in));
          }};
}

void partition_actor::bury(const delivery& d, const refusal& why) {
  dead_letter letter;
  letter.session = d.session;
  letter.why = why.why;
  letter.detail = why.detail;
  letter.subject = d.subject;
  letter.seq = d.seq;
  letter.at = with_->clock->now();
  letter.dedupe = std::string{d.kind == message_kind::task ? "task." : "control."} + std::to_string(d.seq.value);
  // However long the letter takes, the message must not keep others out.
  with_->source->lighten(at_.partition, d.kind, d.seq);
  letters_waiting_ += 1;
  send_letter(d.kind, std::move(letter), d.answer_to);
}

void partition_actor::send_letter(message_kind kind, dead_letter letter, std::optional<answer_place> answer_to) {
  const auto me = caf::actor_cast<caf::actor>(this);
  with_->dead->bury(letter, kind, [me, kind, letter, answer_to = std::move(answer_to)](bool stored) {
    caf::anon_send(me, letter_buried{kind, letter.seq, letter, stored, answer_to});
  });
}

void partition_actor::on_buried(letter_buried& in) {
  if (in.stored) {
    letters_waiting_ -= 1;
    with_->metrics->count_refusal(in.letter.why);
    crash_point("dead_letter.stored");
    if (in.answer_to) {
      const answer refused{in.answer_to->to, verdict::refused, refusal{in.letter.why, in.letter.detail}, {}};
      with_->events->answer(in.answer_to->reply_to, in.answer_to->encoding, refused);
    }
    with_->source->acknowledge(at_.partition, in.kind, in.seq, [] {});
    return;
  }
  delayed_send(this, with_->bury_again_after(letters_waiting_), bury_letter_again{in.kind, std::move(in.letter), std::move(in.answer_to)});
}

void partition_actor::on_down(const caf::down_msg& down) {
  const auto found = by_address_.find(down.source);
  if (found == by_address_.end()) return;
  const auto id = found->second;
  by_address_.erase(found);
  auto& r = residents_[id];
  r.actor = nullptr;
  r.deaths += 1;
  if (draining_) return on_drained({id});
  if (r.deaths > deaths_max) {
    const auto wait = quarantine_after(r.deaths);
    with_->metrics->count(counter::sessions_quarantined);
    with_->notices->say(severity::error, "session " + id.text() + " keeps ending in error: it waits, with its messages in the queue, for "
                                             + std::to_string(wait.count() / 1'000) + " s");
    r.is_quarantined = true;
    delayed_send(this, wait, quarantine_over{id});
  }
  r.since = with_->source->forget(at_.partition, id);
  if (!r.is_quarantined) wakes_.take(wakes::session_was_lost{id});
}

void partition_actor::on_idle(const session_idle& in) {
  const auto found = residents_.find(in.session);
  if (found == residents_.end() || !found->second.actor || found->second.sent != in.count) return;
  demonitor(found->second.actor);
  by_address_.erase(found->second.actor.address());
  send_exit(found->second.actor, caf::exit_reason::user_shutdown);
  residents_.erase(found);
  // Not that of a turn that fell due while the session could not start it, or by a clock that was set back since.
  wakes_.take(wakes::session_was_lost{in.session});
  with_->metrics->count(counter::sessions_passivated);
}

void partition_actor::sweep() {
  const auto now = with_->clock->monotonic_now();
  for (auto& [id, r] : residents_) {
    if (r.actor && now - r.touched >= with_->passivate_after) send(r.actor, idle_probe{r.sent});
  }
  delayed_send(this, with_->passivate_after / 4, sweep_idle{});
}

void partition_actor::drain() {
  if (draining_) return;
  draining_ = true;
  for (auto& [id, r] : residents_) {
    if (!r.actor) continue;
    not_drained_.insert(id);
    r.sent += 1;
    send(r.actor, session_input{session::drain_asked{}});
  }
  if (not_drained_.empty()) release();
}

void partition_actor::on_drained(const session_drained& in) {
  not_drained_.erase(in.session);
  if (not_drained_.empty()) release();
}

void partition_actor::release() {
  with_->source->close(at_.partition);
  end_sessions();
  at_.reports.released();
  quit();
}

void partition_actor::end_sessions() {
  for (auto& [id, r] : residents_) {
    if (!r.actor) continue;
    demonitor(r.actor);
    send_exit(r.actor, caf::exit_reason::kill);
  }
  residents_.clear();
  by_address_.clear();
}

void partition_actor::on_exit() {
  end_sessions();
  at_.supervisor = nullptr;
  at_.reports = {};
}

} // namespace baton::actors
