#include "tests/simulation/partition_shell.hpp"

#include <algorithm>
#include <utility>

#include "messages/overloaded.hpp"
#include "tests/simulation/slots_shell.hpp"

namespace baton::simulation {
namespace {

// As in actors/partition/actor.cpp.
constexpr std::uint32_t deaths_max = 5;
constexpr milliseconds quarantine_first{10'000};
constexpr milliseconds quarantine_longest{300'000};

milliseconds quarantine_after(std::uint32_t deaths) {
  const auto doublings = std::min<std::uint32_t>(deaths - deaths_max - 1, 16);
  return std::min(quarantine_first * (1U << doublings), quarantine_longest);
}

class posting_task_listener final : public task_listener {
public:
  explicit posting_task_listener(std::weak_ptr<actor> to) : to_(std::move(to)) {}
  void delivered(std::vector<delivery> batch) override {
    if (const auto p = std::static_pointer_cast<partition_shell>(to_.lock())) {
      p->post([p = p.get(), batch = std::move(batch)]() mutable { p->deliver(std::move(batch)); });
    }
  }
  void stopped(partition_id, epoch, source_failure why) override {
    if (const auto p = std::static_pointer_cast<partition_shell>(to_.lock())) p->post([p = p.get(), why] { p->on_stopped(why); });
  }

private:
  std::weak_ptr<actor> to_;
};

} // namespace

partition_shell::partition_shell(surroundings& around, place at)
    : actor(around.in, around.of), around_(around), with_(around.with), at_(std::move(at)) {}

void partition_shell::open() {
  with_.source->open(at_.partition, at_.epoch, std::make_shared<posting_task_listener>(weak_from_this()),
      posting([this](const expected<task_source::opened, source_failure>& result) { on_opened(result); }));
  post_after(with_.passivate_after / 4, [this] { sweep(); });
}

void partition_shell::on_opened(const expected<task_source::opened, source_failure>& result) {
  if (result) return at_.reports.opened();
  at_.reports.stopped(result.error());
  quit();
}

void partition_shell::deliver(std::vector<delivery> batch) {
  if (draining_) return;
  if (around_.planted == plant::reverse_deliveries) std::ranges::reverse(batch);
  for (auto& d : batch) route(d);
}

void partition_shell::on_stopped(source_failure why) {
  end_sessions();
  at_.reports.stopped(why);
  quit();
}

void partition_shell::route(delivery& d) {
  world_.crash_place(process_);
  const auto found = residents_.find(d.session);
  if (found != residents_.end() && d.round < found->second.since) return;
  if (found != residents_.end() && found->second.is_quarantined) {
    const auto* order = std::get_if<control>(&d.body);
    const bool is_asked = order != nullptr && std::holds_alternative<unstick>(order->what) && d.seq > found->second.unstuck_by;
    if (!is_asked) return with_.source->lighten(at_.partition, d.kind, d.seq);
    found->second.deaths = 0;
    found->second.unstuck_by = d.seq;
    return try_again(d.session);
  }
  const bool after_crash = at_.after_crash && d.before_open;
  std::visit(overloaded{[&](refusal& why) { bury(d, why); },
                 [&](task& t) {
                   session::held_task message{std::move(t), d.seq, d.stored_at, after_crash, d.bytes};
                   to_session(d.session, session::task_arrived{std::move(message), d.crowded});
                 },
                 [&](control& c) {
                   to_session(d.session, session::control_arrived{session::held_control{std::move(c), d.seq, d.stored_at, d.before_open}});
                 }},
      d.body);
}

void partition_shell::try_again(const session_id& id) {
  auto& r = residents_[id];
  r.is_quarantined = false;
  r.since = with_.source->forget(at_.partition, id);
}

void partition_shell::to_session(const session_id& id, session::input in) {
  auto& r = residents_[id];
  if (!r.shell) start(id, r);
  r.sent += 1;
  r.touched = with_.clock->monotonic_now();
  r.shell->post([s = r.shell.get(), in = std::move(in)]() mutable { s->take_from_partition(std::move(in)); });
}

void partition_shell::start(const session_id& id, resident& r) {
  session_shell::place at{id, at_.partition, at_.epoch, at_.after_crash,
      std::static_pointer_cast<partition_shell>(shared_from_this()), at_.supervisor};
  r.shell = std::make_shared<session_shell>(around_, std::move(at));
  r.sent = 0;
  r.shell->post([s = r.shell.get()] { s->load(); });
}

void partition_shell::bury(const delivery& d, const refusal& why) {
  dead_letter letter;
  letter.session = d.session;
  letter.why = why.why;
  letter.detail = why.detail;
  letter.subject = d.subject;
  letter.seq = d.seq;
  letter.at = with_.clock->now();
  letter.dedupe = std::string{d.kind == message_kind::task ? "task." : "control."} + std::to_string(d.seq.value);
  with_.source->lighten(at_.partition, d.kind, d.seq);
  letters_waiting_ += 1;
  send_letter(d.kind, std::move(letter), d.answer_to);
}

void partition_shell::send_letter(message_kind kind, dead_letter letter, std::optional<answer_place> answer_to) {
  with_.dead->bury(letter, kind, posting([this, kind, letter, answer_to](bool stored) {
    if (!stored) {
      return post_after(with_.bury_again_after(letters_waiting_),
          [this, kind, letter, answer_to] { send_letter(kind, letter, answer_to); });
    }
    letters_waiting_ -= 1;
    world_.crash_place(process_);
    if (answer_to) {
      with_.events->answer(answer_to->reply_to, answer_to->encoding,
          {answer_to->to, verdict::refused, refusal{letter.why, letter.detail}, {}});
    }
    with_.source->acknowledge(at_.partition, kind, letter.seq, [] {});
  }));
}

void partition_shell::on_down(const session_id& id, const session_shell* gone) {
  auto& r = residents_[id];
  if (r.shell.get() != gone) return;
  r.shell = nullptr;
  r.deaths += 1;
  if (draining_) return on_drained(id);
  if (r.deaths > deaths_max) {
    r.is_quarantined = true;
    world_.told().fault("quarantine");
    post_after(quarantine_after(r.deaths), [this, id] {
      if (!draining_ && residents_[id].is_quarantined) try_again(id);
    });
  }
  if (around_.planted == plant::forget_nothing) return;
  r.since = with_.source->forget(at_.partition, id);
}

void partition_shell::break_a_session() {
  std::vector<session_id> there;
  for (const auto& [id, r] : residents_) {
    if (r.shell) there.push_back(id);
  }
  if (there.empty()) return;
  const auto& id = there[world_.pick(there.size())];
  auto* gone = residents_[id].shell.get();
  gone->end();
  on_down(id, gone);
}

void partition_shell::on_idle(const session_id& session, std::uint64_t count) {
  const auto found = residents_.find(session);
  if (found == residents_.end() || !found->second.shell || found->second.sent != count) return;
  found->second.shell->end();
  residents_.erase(found);
}

void partition_shell::sweep() {
  for (auto& [id, r] : residents_) {
    if (!r.shell || with_.clock->monotonic_now() - r.touched < with_.passivate_after) continue;
    r.shell->post([s = r.shell.get(), sent = r.sent] { s->probe(sent); });
  }
  post_after(with_.passivate_after / 4, [this] { sweep(); });
}

void partition_shell::drain() {
  if (draining_) return;
  draining_ = true;
  for (auto& [id, r] : residents_) {
    if (!r.shell) continue;
    not_drained_.insert(id);
    r.sent += 1;
    r.shell->post([s = r.shell.get()] { s->take_from_partition(session::drain_asked{}); });
  }
  if (not_drained_.empty()) release();
}

void partition_shell::on_drained(const session_id& session) {
  not_drained_.erase(session);
  if (not_drained_.empty()) release();
}

void partition_shell::close() {
  with_.source->close(at_.partition);
  end_sessions();
  at_.reports.closed();
  quit();
}

void partition_shell::release() {
  with_.source->close(at_.partition);
  end_sessions();
  at_.reports.released();
  quit();
}

void partition_shell::end_sessions() {
  for (auto& [id, r] : residents_) {
    if (r.shell) r.shell->end();
  }
  residents_.clear();
}

std::vector<std::shared_ptr<session_shell>> partition_shell::sessions() const {
  std::vector<std::shared_ptr<session_shell>> all;
  for (const auto& [id, r] : residents_) {
    if (r.shell) all.push_back(r.shell);
  }
  return all;
}

} // namespace baton::simulation
