#include "tests/support/cluster_simulation.hpp"

#include <set>

#include "actors/cluster/assignment.hpp"
#include "messages/overloaded.hpp"

namespace baton::support {
namespace {

/// A node that has lost its lease has this long to stop what it runs, on its own clock.
constexpr milliseconds time_to_stop{1'000};
constexpr std::int64_t answer_timeout = 5'000;

} // namespace

cluster_simulation::cluster_simulation(simulation_plan plan) : plan_(std::move(plan)), random_(plan_.seed) {}

simulation_result cluster_simulation::run() {
  lives_.reserve(1'000);
  for (std::size_t m = 0; m < plan_.nodes; ++m) {
    at(chance(5'000), [this, m] { start_life(m); });
  }
  at(6'000, [this] { fault(); });
  const auto end = (plan_.storm + plan_.healing).count();
  while (!queue_.empty() && queue_.top().at <= end && result_.broken.empty()) {
    const auto next = queue_.top();
    queue_.pop();
    now_ = next.at;
    next.what();
    check_no_overlap();
  }
  if (result_.broken.empty()) check_healed();
  return result_;
}

// ---- the world

void cluster_simulation::at(sim_time when, std::function<void()> what) {
  queue_.push({when, ++order_, std::move(what)});
}

void cluster_simulation::in(std::size_t index, sim_time when, std::function<void()> what) {
  at(when, [this, index, what = std::move(what)] {
    const auto& l = lives_[index];
    if (!l.alive) return;
    if (l.paused_until > now_) return in(index, l.paused_until, what);
    what();
  });
}

std::int64_t cluster_simulation::chance(std::int64_t below) {
  return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below));
}

monotonic_instant cluster_simulation::clock_of(const life& l) const {
  return monotonic_instant{milliseconds{l.clock_offset + now_ * l.clock_rate / 1'000}};
}

void cluster_simulation::start_life(std::size_t machine) {
  life l;
  l.machine = machine;
  l.id = node_id::parse("m" + std::to_string(machine) + "-" + std::to_string(lives_.size())).value();
  l.settings.self = l.id;
  l.settings.partitions = plan_.partitions;
  l.settings.lease_time = plan_.lease_time;
  l.settings.read_every = plan_.read_every;
  l.settings.drain_timeout = milliseconds{20'000};
  l.settings.forget_after = plan_.forget_after;
  for (const auto& earlier : lives_) {
    if (earlier.machine == machine) l.settings.known_dead.insert(earlier.id);
  }
  l.owns = ownership::initial(l.settings);
  l.clock_offset = 1'000'000 + chance(1'000'000);
  l.clock_rate = 980 + chance(41);
  lives_.push_back(std::move(l));
  tick(lives_.size() - 1);
}

void cluster_simulation::tick(std::size_t index) {
  feed(index, lease::input{lease::tick{}});
  feed(index, ownership::input{ownership::tick{}});
  const auto& l = lives_[index];
  if (!l.alive) return;
  const auto wait = (lease::wake_at(l.lease, clock_of(l), plan_.lease) - clock_of(l)).count();
  in(index, now_ + std::clamp<std::int64_t>(wait + 1, 1, 500), [this, index] { tick(index); });
}

void cluster_simulation::fault() {
  if (!storming()) return;
  at(now_ + 500 + chance(6'000), [this] { fault(); });
  const auto index = static_cast<std::size_t>(chance(static_cast<std::int64_t>(lives_.size())));
  if (!lives_[index].alive) return;
  switch (chance(5)) {
  case 0: lives_[index].paused_until = now_ + chance(25'000); return;
  case 1: lives_[index].cut_off_until = now_ + chance(20'000); return;
  case 2: // The broker is away.
    for (auto& l : lives_) {
      l.cut_off_until = now_ + 1 + chance(15'000);
    }
    return;
  case 3:
    ++result_.killed;
    end_life(index);
    return;
  case 4: in(index, now_, [this, index] { feed(index, ownership::input{ownership::drain{}}); }); return;
  default: return;
  }
}

void cluster_simulation::end_life(std::size_t index) {
  auto& l = lives_[index];
  l.alive = false;
  l.workers.clear();
  at(now_ + chance(10'000), [this, machine = l.machine] { start_life(machine); });
}

// ---- the shell of one life

void cluster_simulation::feed(std::size_t index, const lease::input& in) {
  auto& l = lives_[index];
  if (!l.alive) return;
  auto d = lease::decide(l.lease, in, clock_of(l), plan_.lease);
  for (const auto& e : d.events) {
    l.lease = lease::evolve(std::move(l.lease), e);
  }
  if (const auto* held = std::get_if<lease::held>(&l.lease.now)) l.lease_from = held->from;
  for (const auto& e : d.effects) {
    perform(index, e);
  }
}

void cluster_simulation::feed(std::size_t index, const ownership::input& in) {
  auto& l = lives_[index];
  if (!l.alive) return;
  auto d = ownership::decide(l.owns, in, clock_of(l), l.settings);
  for (const auto& e : d.events) {
    l.owns = ownership::evolve(std::move(l.owns), e);
  }
  for (const auto& e : d.effects) {
    perform(index, e);
  }
}

void cluster_simulation::perform(std::size_t index, const lease::effect& e) {
  std::visit(overloaded{
                 [&](const lease::write_beat& w) {
                   const auto& l = lives_[index];
                   node_record r{l.id, w.number, "host", 1, l.owns.drain_until.has_value(), {}, {}};
                   call(
                       index,
                       [this, index, r, n = w.number]() mutable -> std::function<void()> {
                         r.revision = {++revision_};
                         r.stored_at = instant{milliseconds{now_}};
                         nodes_[r.node] = r;
                         return [this, index, n] { feed(index, lease::input{lease::beat_confirmed{n}}); };
                       },
                       [this, index, n = w.number] { feed(index, lease::input{lease::beat_failed{n}}); });
                 },
                 [&](const lease::tell_late&) { feed(index, ownership::input{ownership::heartbeat_late{}}); },
                 [&](const lease::tell_gained&) { feed(index, ownership::input{ownership::lease_gained{}}); },
                 [&](const lease::tell_renewed&) {},
                 [&](const lease::tell_lost&) {
                   ++result_.leases_lost;
                   feed(index, ownership::input{ownership::lease_lost{}});
                 },
             },
      e);
}

void cluster_simulation::perform(std::size_t index, const ownership::effect& e) {
  namespace o = ownership;
  const auto answer = [this, index](o::input in) {
    return [this, index, in] {
      feed(index, lease::input{lease::tick{}});
      feed(index, in);
    };
  };
  std::visit(overloaded{
                 [&](const o::read_nodes&) {
                   call(
                       index,
                       [this, answer] {
                         o::nodes_read found;
                         for (const auto& [id, r] : nodes_) {
                           found.records.push_back(r);
                         }
                         return answer(found);
                       },
                       answer(o::nodes_unreadable{}));
                 },
                 [&](const o::read_owners&) {
                   call(
                       index,
                       [this, answer] {
                         o::owners_read found;
                         for (const auto& [p, r] : owners_) {
                           found.records.push_back(r);
                         }
                         return answer(found);
                       },
                       answer(o::owners_unreadable{}));
                 },
                 [&](const o::remove_node& x) {
                   call(index, [this, x] { return forget(x.record); }, [] {});
                 },
                 [&](const o::write_owner& w) {
                   call(
                       index, [this, index, w] { return store_owner(index, w); },
                       answer(o::owner_failed{w.record.partition, w.number}));
                 },
                 [&](const o::open_partition& x) { open(index, x); },
                 [&](const o::close_partition& x) { close(index, x); },
                 [&](const o::release_partition& x) { release(index, x); },
                 [](const o::tell_taken&) {},
                 [](const o::tell_handed&) {},
                 [&](const o::finish&) { end_life(index); },
             },
      e);
}

void cluster_simulation::call(
    std::size_t index, std::function<std::function<void()>()> apply, std::function<void()> fail) {
  const auto cut = [this, index] { return lives_[index].cut_off_until > now_; };
  const auto there = now_ + 1 + (one_in(8) ? chance(12'000) : chance(40));
  if (cut() || one_in(20)) return in(index, now_ + answer_timeout, std::move(fail));
  auto failed_at = now_ + answer_timeout;
  at(there, [this, index, cut, failed_at, apply = std::move(apply), fail = std::move(fail)] {
    const auto answered = apply();
    const auto back = now_ + 1 + (one_in(8) ? chance(4'000) : chance(40));
    if (cut() || one_in(20) || back >= failed_at) return in(index, std::max(now_, failed_at), fail);
    in(index, back, answered);
  });
}

void cluster_simulation::open(std::size_t index, const ownership::open_partition& e) {
  const auto p = e.partition.value;
  auto& l = lives_[index];
  ++result_.opened;
  if (l.workers.contains(p)) broke("a partition was opened that was not closed", p);
  if (!opened_by_.emplace(std::pair{p, e.epoch.value}, l.id).second) broke("an epoch was opened twice", p);
  if (!e.unclean && cut_off_[p]) broke("what was cut off was called clean", p);
  cut_off_[p] = true;
  l.workers[p] = {e.epoch, std::nullopt};
  // The queue lets go of all earlier owners.
  for (std::size_t other = 0; other < lives_.size(); ++other) {
    if (other == index || !lives_[other].alive || !lives_[other].workers.contains(p)) continue;
    in(other, now_ + chance(3'000), [this, other, p, of = lives_[other].workers[p].of] {
      const auto w = lives_[other].workers.find(p);
      if (w == lives_[other].workers.end() || w->second.of != of) return;
      lives_[other].workers.erase(w);
      feed(other, ownership::input{ownership::partition_stopped{{p}, of, source_failure::superseded}});
    });
  }
  const bool fails = one_in(15);
  in(index, now_ + 1 + chance(200), [this, index, e, fails] {
    const auto w = lives_[index].workers.find(e.partition.value);
    if (w == lives_[index].workers.end() || w->second.of != e.epoch) return;
    if (fails) lives_[index].workers.erase(w);
    feed(index, lease::input{lease::tick{}});
    if (fails) return feed(index, ownership::input{ownership::partition_stopped{e.partition, e.epoch}});
    feed(index, ownership::input{ownership::partition_opened{e.partition, e.epoch}});
  });
}

void cluster_simulation::close(std::size_t index, const ownership::close_partition& e) {
  // It may have ended at this very moment: then its last words are on their way.
  const auto w = lives_[index].workers.find(e.partition.value);
  if (w != lives_[index].workers.end()) w->second.closing_under = lives_[index].lease_from;
  in(index, now_ + chance(300), [this, index, e] {
    const auto still = lives_[index].workers.find(e.partition.value);
    if (still == lives_[index].workers.end() || still->second.of != e.epoch) return;
    lives_[index].workers.erase(still);
    feed(index, lease::input{lease::tick{}});
    feed(index, ownership::input{ownership::partition_closed{e.partition, e.epoch}});
  });
}

void cluster_simulation::release(std::size_t index, const ownership::release_partition& e) {
  const bool clean = !one_in(8);
  in(index, now_ + chance(storming() ? 30'000 : 500), [this, index, e, clean] {
    const auto w = lives_[index].workers.find(e.partition.value);
    if (w == lives_[index].workers.end() || w->second.of != e.epoch || w->second.closing_under) return;
    lives_[index].workers.erase(w);
    if (clean) cut_off_[e.partition.value] = false;
    ++result_.released;
    feed(index, lease::input{lease::tick{}});
    feed(index, ownership::input{ownership::partition_released{e.partition, e.epoch, clean}});
  });
}

// ---- the store

std::function<void()> cluster_simulation::store_owner(std::size_t index, const ownership::write_owner& w) {
  namespace o = ownership;
  const auto p = w.record.partition;
  const auto answer = [this, index](o::input in) {
    return [this, index, in] {
      feed(index, lease::input{lease::tick{}});
      feed(index, in);
    };
  };
  const auto there = owners_.find(p.value);
  const auto revision = there == owners_.end() ? stream_seq{} : there->second.revision;
  if (revision != w.record.revision) return answer(o::owner_refused{p, w.number});
  if (there != owners_.end()) {
    const auto& before = there->second;
    if (w.record.epoch < before.epoch) broke("an epoch fell", p.value);
    if (!w.record.released && w.record.epoch == before.epoch) broke("a take did not raise the epoch", p.value);
    const bool mine = before.node == w.record.node || lives_[index].settings.known_dead.contains(before.node);
    if (!w.record.released && !before.released && !mine) ++result_.taken_from_silent;
  }
  if (w.record.released && !w.record.unclean && cut_off_[p.value])
    broke("released, though something was cut off", p.value);
  auto stored = w.record;
  stored.revision = {++revision_};
  owners_[p.value] = stored;
  return answer(o::owner_written{p, w.number, stored.revision});
}

std::function<void()> cluster_simulation::forget(const node_record& record) {
  const auto nothing = [] {};
  const auto there = nodes_.find(record.node);
  if (there == nodes_.end() || there->second.revision != record.revision) return nothing;
  for (const auto& l : lives_) {
    if (l.id != record.node || !l.alive || clock_of(l) >= l.lease_from + plan_.lease.held_for) continue;
    broke("the record of a node that holds its lease was removed", l.machine);
  }
  nodes_.erase(there);
  ++result_.forgotten;
  return nothing;
}

// ---- the account

void cluster_simulation::broke(const std::string& rule, std::uint64_t partition) {
  result_.broken.push_back("seed " + std::to_string(plan_.seed) + ", " + std::to_string(now_) + " ms, partition "
      + std::to_string(partition) + ": " + rule);
}

bool cluster_simulation::works_on(const life& l, std::uint64_t partition) const {
  const auto w = l.workers.find(partition);
  if (!l.alive || w == l.workers.end()) return false;
  return clock_of(l) < w->second.closing_under.value_or(l.lease_from) + plan_.lease.held_for + time_to_stop;
}

void cluster_simulation::check_no_overlap() {
  for (std::uint64_t p = 0; p < plan_.partitions; ++p) {
    int working = 0;
    for (const auto& l : lives_) {
      working += works_on(l, p) ? 1 : 0;
    }
    if (working > 1) broke("two nodes work on it at once", p);
  }
}

void cluster_simulation::check_healed() {
  std::vector<node_id> members;
  for (const auto& l : lives_) {
    if (l.alive) members.push_back(l.id);
  }
  for (const auto& l : lives_) {
    if (!l.alive) continue;
    if (!ownership::is_ready(l.owns, l.settings)) broke("a node is not ready in a kind world", l.machine);
    for (std::uint64_t p = 0; p < plan_.partitions; ++p) {
      const auto* o = std::get_if<ownership::owned>(&l.owns.partitions[p].now);
      const bool open = o != nullptr && o->at == ownership::owned::stage::open;
      if (open != (cluster::assigned({p}, members) == l.id)) broke("it is not where it belongs in a kind world", p);
    }
  }
}

} // namespace baton::support
