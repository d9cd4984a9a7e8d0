#include "tests/simulation/simulation.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <vector>

#include "tests/simulation/members.hpp"
#include "tests/simulation/people.hpp"

namespace baton::simulation {
namespace {

/// How long a kind world may take to come to rest.
constexpr sim_time healing_longest = 30 * 60'000;
constexpr sim_time look_every = 500;

session::limits limits_by_chance(world& w) {
  session::limits l;
  l.runners = {std::string{runner_name}};
  l.slice_time_limit = milliseconds{20'000};
  l.retry_longest = milliseconds{8'000};
  if (w.one_in(3)) return l;
  l.in_memory_max = 4;
  l.backlog_max = 5;
  l.early_max = 2;
  l.joined_max = 3;
  l.open_acks_max = 6;
  l.labels_max = 3;
  l.record_bytes_max = 4'096;
  return l;
}

node_terms terms_by_chance(world& w) {
  node_terms t;
  t.limits = limits_by_chance(w);
  t.source.pull.credit = w.one_in(3) ? 4'096 : 2 + w.pick(30);
  t.source.pull.batch = 1 + w.pick(64);
  // Mostly as Baton has it: longer than a message is ever held.
  if (w.one_in(4)) t.source.ack_wait = milliseconds{10'000 + w.pick(50'000)};
  t.slots.most = 1 + w.pick(4);
  t.slots.share_after = milliseconds{2'000};
  t.slots.yield_after = milliseconds{15'000};
  return t;
}

people_plan people_by_chance(world& w) {
  people_plan p;
  for (std::uint64_t n = 1 + w.pick(4); n > 0; --n) p.sessions.push_back(session_id::parse("s" + std::to_string(n)).value());
  p.pause = 100 + w.pick(3'000);
  p.may_delete = w.one_in(4);
  p.may_poison = w.one_in(4);
  return p;
}

class one_world {
public:
  explicit one_world(const simulation_order& order)
      : order_(order), told_(order.history), world_(order.seed, told_), network_(world_),
        broker_(world_, network_, 1 + world_.pick(3)), terms_(terms_by_chance(world_)), checkers_(world_, terms_.limits),
        people_(world_, network_, broker_, people_by_chance(world_)), members_(world_) {
    terms_.planted = order.planted;
    broker_.seen_by = &checkers_;
    checkers_.at = &broker_;
    world_.on_death = [this](process& p) { on_death(p); };
    checkers_.may_work = [this](const process& p) { return may_work(p); };
  }

  simulation_report run() {
    simulation_report report;
    try {
      begin();
      while (world_.steps() < order_.steps && world_.step()) {
      }
      heal();
      come_to_rest();
      checkers_.all_has_ended(in_memory());
    } catch (const std::exception& broken) {
      report.broken = "at " + std::to_string(world_.now()) + " ms: " + broken.what();
      world_.tell("BROKEN", broken.what());
    }
    report.steps = world_.steps();
    report.tasks = checkers_.tasks();
    report.runs_ended = checkers_.runs_ended();
    report.commits = checkers_.commits();
    report.lasted = world_.now();
    report.faults = told_.faults();
    return report;
  }

private:
  struct life {
    std::size_t machine = 0;
    std::unique_ptr<node> of;
    std::shared_ptr<member> as_member;
  };

  void begin() {
    const auto machines = world_.one_in(3) ? 1 : 2 + world_.pick(2);
    for (std::size_t m = 0; m < machines; ++m) {
      current_.push_back(nullptr);
      world_.after(static_cast<sim_time>(world_.pick(3'000)), [this, m] { start_life(m); });
    }
    people_.begin();
    world_.after(5'000, [this] { fault(); });
  }

  void start_life(std::size_t machine) {
    const auto name = "m" + std::to_string(machine) + "-" + std::to_string(lives_.size() + 1);
    auto made = std::make_unique<life>();
    made->machine = machine;
    made->of = std::make_unique<node>(world_, network_, broker_, checkers_, terms_, name);
    if (!network_.is_broker_up) made->of->connection().cut(true);
    member::place at;
    at.own.self = made->of->id();
    at.own.partitions = broker_.partitions();
    if (order_.planted == plant::contend_early) at.own.lease_time = milliseconds{2'500};
    at.own.drain_timeout = milliseconds{20'000};
    for (const auto& earlier : lives_) {
      if (earlier->machine == machine) at.own.known_dead.insert(earlier->of->id());
    }
    at.finished = [this, p = &made->of->self()] {
      world_.tell(p->name, "is drained");
      world_.kill(*p);
    };
    made->as_member = std::make_shared<member>(world_, *made->of, members_, std::move(at));
    made->as_member->post([m = made->as_member.get()] { m->tick(); });
    world_.tell(name, "starts");
    current_[machine] = made.get();
    lives_.push_back(std::move(made));
  }

  void on_death(process& p) {
    world_.tell(p.name, "dies");
    for (const auto& l : lives_) {
      if (&l->of->self() != &p) continue;
      l->of->connection().cut(false);
      world_.after(static_cast<sim_time>(world_.pick(world_.is_storming ? 20'000 : 1'000)), [this, m = l->machine] { start_life(m); });
    }
  }

  [[nodiscard]] bool may_work(const process& p) const {
    const auto found = std::ranges::find_if(lives_, [&](const auto& l) { return &l->of->self() == &p; });
    return found != lives_.end() && !p.is_paused && (*found)->as_member->may_work();
  }

  void fault() {
    if (!world_.is_storming) return;
    world_.after(200 + static_cast<sim_time>(world_.pick(8'000)), [this] { fault(); });
    auto* l = current_[world_.pick(current_.size())];
    if (l == nullptr || !l->of->self().is_alive) return;
    auto& n = *l->of;
    switch (world_.pick(11)) {
    case 0: told_.fault("crash"); return world_.kill(n.self());
    case 1:
    case 2:
      told_.fault("crash in a step");
      n.self().dies_in = 1 + world_.pick(200);
      return;
    case 3:
    case 4: return pause(n, static_cast<sim_time>(world_.pick(30'000)));
    case 5: return cut(n.connection());
    case 6: return cut(people_.connection());
    case 7: return restart_broker();
    case 8:
      told_.fault("consumer lost");
      return broker_.lose_consumer(world_.pick(1'000));
    case 9:
      told_.fault("drain");
      return l->as_member->post([m = l->as_member.get()] { m->drain(); });
    case 10: return small_fault(n);
    }
  }

  void small_fault(node& n) {
    switch (world_.pick(3)) {
    case 0:
      told_.fault("session actor dies");
      return n.break_a_session();
    case 1:
      told_.fault("log full");
      broker_.is_log_full = true;
      return world_.after(static_cast<sim_time>(world_.pick(8'000)), [this] { broker_.is_log_full = false; });
    case 2:
      told_.fault("wall clock jump");
      n.self().wall_offset += static_cast<std::int64_t>(world_.pick(120'000)) - 60'000;
      return;
    }
  }

  void pause(node& n, sim_time how_long) {
    told_.fault("pause");
    world_.tell(n.self().name, "stands still");
    world_.freeze(n.self());
    world_.after(how_long, [this, &n] {
      world_.tell(n.self().name, "goes on");
      world_.thaw(n.self());
    });
  }

  void cut(network::link& l) {
    told_.fault("cut");
    world_.tell(l.owner().name, "is cut off");
    l.cut(world_.one_in(2));
    world_.after(static_cast<sim_time>(world_.pick(15'000)), [this, &l] {
      world_.tell(l.owner().name, "is connected again");
      if (network_.is_broker_up) l.mend();
    });
  }

  void restart_broker() {
    if (!network_.is_broker_up) return;
    told_.fault("broker restart");
    world_.tell("broker", "goes down");
    network_.stop_broker();
    world_.after(static_cast<sim_time>(world_.pick(10'000)), [this] {
      world_.tell("broker", "comes back");
      broker_.restarted();
      network_.start_broker();
    });
  }

  void heal() {
    world_.tell("world", "is kind from now on");
    world_.is_storming = false;
    broker_.is_log_full = false;
    for (auto& l : lives_) {
      auto& p = l->of->self();
      p.dies_in = 0;
      if (p.is_alive && p.is_paused) world_.thaw(p);
    }
  }

  [[nodiscard]] bool is_at_rest() {
    if (!people_.all_told()) return false;
    if (broker_.waiting(message_kind::task) + broker_.waiting(message_kind::control) > 0) return false;
    return std::ranges::all_of(current_, [](const life* l) {
      return l != nullptr && l->of->self().is_alive && l->as_member->is_ready() && l->of->is_quiet();
    });
  }

  [[nodiscard]] std::map<session_id, session::state> in_memory() const {
    std::map<session_id, session::state> all;
    for (const auto* l : current_) all.merge(l->of->sessions());
    return all;
  }

  void come_to_rest() {
    const auto until = world_.now() + healing_longest;
    auto look = world_.now();
    while (world_.now() < until) {
      if (!world_.step()) return;
      if (world_.now() < look) continue;
      look = world_.now() + look_every;
      if (is_at_rest()) return;
    }
    throw support::rule_broken("stuck: tasks " + std::to_string(broker_.waiting(message_kind::task)) + ", control "
        + std::to_string(broker_.waiting(message_kind::control)) + " are left in the queues after "
        + std::to_string(healing_longest / 60'000) + " kind minutes");
  }

  const simulation_order& order_;
  history told_;
  world world_;
  network network_;
  broker broker_;
  node_terms terms_;
  checkers checkers_;
  people people_;
  members members_;
  std::vector<std::unique_ptr<life>> lives_;
  /// The newest life of each machine; nullptr: none yet.
  std::vector<life*> current_;
};

} // namespace

simulation_report simulate(const simulation_order& order) { return std::make_unique<one_world>(order)->run(); }

} // namespace baton::simulation
