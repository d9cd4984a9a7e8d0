#include "tests/simulation/slots_shell.hpp"

#include <utility>

namespace baton::simulation {
namespace {

constexpr milliseconds sweep_every{250};
constexpr std::uint64_t longest_lie = 20'000;

} // namespace

/// The actor of one execution after the other.
class slots_shell::slice_actor final : public actor {
public:
  slice_actor(surroundings& around, std::weak_ptr<slots_shell> supervisor)
      : actor(around.in, around.of), around_(around), supervisor_(std::move(supervisor)) {}

  void run(const slice_request& request, std::shared_ptr<session_shell> session) {
    execution_ = request.routing.execution;
    session_ = std::move(session);
    auto* chosen = around_.with.runners->find(request.routing.runner);
    if (chosen == nullptr) return finish({failed{reason::unknown_runner, request.routing.runner, false}, {}, {}});
    around_.told.slice_began(process_, request);
    running_ = chosen->start(request, std::make_shared<listener>(weak_from_this(), execution_));
    world_.crash_place(process_);
  }
  void boundary_came(const execution_id& of, const boundary& at) {
    if (runs(of)) session_->post([s = session_.get(), of, at] { s->take_input(session::boundary_reached{of, at}); });
  }
  void end_came(const execution_id& of, slice_end end) {
    if (runs(of)) finish(std::move(end));
  }
  void answer(const execution_id& of, const boundary_answer& said) {
    if (runs(of)) running_->answer(said);
  }
  void ask(const execution_id& of, boundary_order order) {
    if (runs(of)) running_->ask(order);
  }
  void abort(const execution_id& of, const std::string& because) {
    if (runs(of)) running_->abort({because});
  }

private:
  class listener final : public slice_listener {
  public:
    listener(std::weak_ptr<actor> to, execution_id of) : to_(std::move(to)), of_(std::move(of)) {}
    void note(live_note) override {}
    void at_boundary(boundary b) override {
      post([of = of_, b](slice_actor& e) { e.boundary_came(of, b); });
    }
    void ended(slice_end end) override {
      post([of = of_, end](slice_actor& e) { e.end_came(of, end); });
    }

  private:
    template <class Call>
    void post(Call call) {
      if (const auto e = std::static_pointer_cast<slice_actor>(to_.lock())) e->actor::post([e = e.get(), call] { call(*e); });
    }
    std::weak_ptr<actor> to_;
    execution_id of_;
  };

  [[nodiscard]] bool runs(const execution_id& of) const { return running_ != nullptr && execution_ == of; }
  void finish(slice_end end) {
    around_.told.slice_is_over(execution_);
    running_.reset();
    if (const auto s = supervisor_.lock()) s->post([s = s.get(), of = execution_] { s->stopped(of); });
    const auto session = std::exchange(session_, nullptr);
    session->post([s = session.get(), of = execution_, end] { s->take_input(session::slice_ended{of, end}); });
  }

  surroundings& around_;
  std::weak_ptr<slots_shell> supervisor_;
  execution_id execution_;
  std::shared_ptr<session_shell> session_;
  std::unique_ptr<running_slice> running_;
};

slots_shell::slots_shell(surroundings& around)
    : actor(around.in, around.of), around_(around), with_(around.with), slots_(around.with.slots) {}

template <class Input>
void slots_shell::tell(const execution_id& execution, Input in) {
  const auto& session = known_[execution].session;
  session->post([s = session.get(), in = std::move(in)] { s->take_input(in); });
}

void slots_shell::want(const execution_id& execution, std::shared_ptr<session_shell> session, const supervisor::claim& on) {
  slots_.want(execution, on, with_.clock->monotonic_now());
  known_[execution].session = std::move(session);
  sweep_later();
  grant();
}

void slots_shell::grant() {
  while (const auto execution = slots_.grant(with_.clock->monotonic_now())) tell(*execution, session::slot_granted{*execution});
  if (slots_.used() > with_.slots.most) throw support::rule_broken("rule 9: more slots are used than there are");
}

void slots_shell::launch(slice_request request) { start(std::move(request)); }

void slots_shell::start(slice_request request) {
  const auto id = request.routing.execution;
  const auto found = known_.find(id);
  if (found == known_.end()) return;
  auto& holder = found->second;
  holder.of = request.routing.session;
  if (!running_.emplace(holder.of, id).second && around_.planted != plant::overlap_slices) {
    held_back_.insert_or_assign(holder.of, std::move(request));
    return;
  }
  const auto now = with_.clock->monotonic_now();
  holder.at = stage::running;
  holder.abort_at = now + request.policy.time_limit + 2 * with_.limits.settle;
  slots_.launched(id, now);
  young_.push_back({id, now});
  if (idle_.empty()) {
    holder.at_work = std::make_shared<slice_actor>(around_, std::static_pointer_cast<slots_shell>(shared_from_this()));
  } else {
    holder.at_work = std::move(idle_.back());
    idle_.pop_back();
  }
  holder.at_work->post([e = holder.at_work.get(), request = std::move(request), session = holder.session] { e->run(request, session); });
  sweep_later();
}

void slots_shell::free(const execution_id& id) {
  const auto found = known_.find(id);
  if (found == known_.end() || found->second.at == stage::unwanted) return;
  auto& holder = found->second;
  if (holder.at != stage::running) return end(id);
  holder.at = stage::unwanted;
  slots_.stopping(id);
  holder.at_work->post([e = holder.at_work.get(), id] { e->abort(id, "it is no longer wanted"); });
}

void slots_shell::end(const execution_id& execution) {
  const auto id = execution;
  const auto found = known_.find(id);
  if (found->second.at_work) idle_.push_back(std::move(found->second.at_work));
  const auto waiting = held_back_.find(found->second.of);
  if (waiting != held_back_.end() && waiting->second.routing.execution == id) held_back_.erase(waiting);
  known_.erase(found);
  slots_.free(id, with_.clock->monotonic_now());
  grant();
}

void slots_shell::stopped(const execution_id& execution) {
  const auto found = known_.find(execution);
  if (found == known_.end()) return;
  const auto session = found->second.of;
  const bool is_wanted = found->second.at != stage::unwanted;
  if (world_.strikes(20)) lie_later(found->second.session, execution);
  found->second.at = stage::over;
  slots_.stopping(execution);
  if (!is_wanted) end(execution);
  running_.erase(session);
  if (auto next = held_back_.extract(session)) start(std::move(next.mapped()));
}

void slots_shell::lie_later(const std::shared_ptr<session_shell>& to, const execution_id& old) {
  world_.told().fault("late report");
  to->post_after(milliseconds{world_.pick(longest_lie)}, [s = to.get(), old, kind = world_.pick(4)] {
    entry late{entry_kind::assistant, {}, {}, false, "late", std::nullopt};
    switch (kind) {
    case 0: return s->take_input(session::slot_granted{old});
    case 1: return s->take_input(session::slice_grew_old{old});
    case 2: return s->take_input(session::boundary_reached{old, {{late}, value{"late"}}});
    case 3: return s->take_input(session::slice_ended{old, {completed{"late"}, {late}, {}}});
    }
  });
}

void slots_shell::sweep_later() {
  if (sweeping_) return;
  sweeping_ = true;
  post_after(sweep_every, [this] { sweep(); });
}

void slots_shell::sweep() {
  sweeping_ = false;
  const auto now = with_.clock->monotonic_now();
  while (!young_.empty()) {
    const auto oldest = young_.front();
    if (known_.contains(oldest.execution)) {
      if (now - oldest.at < with_.slice_commit_after) break;
      tell(oldest.execution, session::slice_grew_old{oldest.execution});
    }
    young_.pop_front();
  }
  for (const auto& id : slots_.to_yield(now, true)) tell(id, session::yield_wanted{id});
  for (const auto& [id, holder] : known_) {
    if (holder.at != stage::running && holder.at != stage::unwanted) continue;
    if (now >= holder.abort_at) holder.at_work->post([e = holder.at_work.get(), id = id] { e->abort(id, "the slice's time limit"); });
  }
  if (!known_.empty() || !young_.empty()) sweep_later();
}

template <class Order>
void slots_shell::pass_on(const execution_id& id, Order order) {
  const auto found = known_.find(id);
  if (found == known_.end() || !found->second.at_work) return;
  found->second.at_work->post([e = found->second.at_work.get(), order] { order(*e); });
}

void slots_shell::answer(const execution_id& id, const boundary_answer& said) {
  pass_on(id, [id, said](slice_actor& e) { e.answer(id, said); });
}
void slots_shell::ask(const execution_id& id, boundary_order order) {
  pass_on(id, [id, order](slice_actor& e) { e.ask(id, order); });
}
void slots_shell::abort(const execution_id& id, const std::string& because) {
  pass_on(id, [id, because](slice_actor& e) { e.abort(id, because); });
}

} // namespace baton::simulation
