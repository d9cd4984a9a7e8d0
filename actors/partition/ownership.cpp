#include "actors/partition/ownership.hpp"

#include <algorithm>

#include "actors/cluster/assignment.hpp"
#include "messages/overloaded.hpp"

namespace baton::ownership {
namespace {

std::vector<node_id> members_with_self(const state& s, const settings& set) {
  auto all = cluster::members(s.nodes);
  std::erase_if(all, [&](const node_id& n) { return n == set.self || set.known_dead.contains(n); });
  all.push_back(set.self);
  return all;
}

bool may_take(const owner_record& r, const state& s, const settings& set) {
  return r.revision == stream_seq{} || r.released || r.node == set.self || set.known_dead.contains(r.node)
      || cluster::is_silent(s.nodes, r.node);
}

/// The owner on record is this node: nobody else can take it as long as this node lives, wherever it belongs.
bool stands_as_ours(const owner_record& r, const settings& set) {
  return r.revision != stream_seq{} && !r.released && r.node == set.self;
}

/// Collects what is decided, on a copy of the state that already knows it.
class draft {
public:
  draft(const state& s, monotonic_instant now, const settings& set) : after_(s), now_(now), set_(set) {}

  void on(const tick&) {
    if (after_.drain_until && now_ >= *after_.drain_until) return stop();
    write_releases_again();
    if (!after_.lease_held || after_.drain_until || after_.reading != state::read::none) return;
    const bool is_due = now_ >= after_.read_sent_at + set_.read_every
        || cluster::is_silence_due(after_.nodes, after_.read_sent_at, now_, set_.lease_time);
    if (is_due) read();
  }

  void on(const owners_read& in) {
    happened(owners_were_read{in.records});
    for (const auto& r : in.records) {
      if (r.partition.value < after_.partitions.size()) superseded_by(r);
    }
    start(state::read::nodes);
    order(read_nodes{});
  }
  void on(const owners_unreadable&) { happened(read_failed{}); }
  void on(const nodes_unreadable&) { happened(read_failed{}); }

  void on(const nodes_read& in) {
    std::set<node_id> owners;
    for (const auto& p : after_.partitions) {
      if (p.record.revision != stream_seq{} && p.record.node != set_.self) owners.insert(p.record.node);
    }
    const cluster::nodes_seen seen{in.records, owners, after_.read_sent_at, now_};
    auto nodes = cluster::observe(after_.nodes, seen, set_.lease_time);
    for (auto& r : cluster::let_go(nodes, seen, set_.known_dead, set_.forget_after)) {
      if (r.node != set_.self) order(remove_node{std::move(r)});
    }
    happened(nodes_were_read{std::move(nodes)});
    if (!after_.lease_held || after_.drain_until) return;
    if (after_.owners_fresh) {
      take_missing();
    } else if (wants_owners()) {
      return read();
    }
    release_one();
  }

  void on(const owner_written& in) {
    if (const auto* t = phase_of<taking>(in.partition); t != nullptr && t->number == in.number) {
      const auto take = *t;
      tell_if_taken(after_.partitions[in.partition.value].record);
      wrote({in.partition, set_.self, take.epoch, false, in.revision});
      if (after_.drain_until) return give_back(in.partition, take.epoch, in.revision, take.unclean);
      move(in.partition, owned{take.epoch, in.revision, owned::stage::opening});
      return order(open_partition{in.partition, take.epoch, take.unclean});
    }
    if (const auto* g = phase_of<giving_back>(in.partition); g != nullptr && g->number == in.number) {
      wrote({in.partition, set_.self, g->epoch, true, in.revision, g->unclean});
      order(tell_handed{in.partition, heir_of(in.partition)});
      end(in.partition);
    }
  }
  void on(const owner_refused& in) { not_written(in.partition, in.number, false); }
  void on(const owner_failed& in) { not_written(in.partition, in.number, true); }

  void on(const heartbeat_late&) { happened(counts_restarted{now_}); }

  void on(const lease_gained&) {
    happened(lease_changed{true, now_});
    if (!after_.drain_until && after_.reading == state::read::none) read();
  }

  void on(const lease_lost&) {
    happened(lease_changed{false, now_});
    for (const auto p : all()) {
      if (phase_of<owned>(p) != nullptr) close(p);
      if (phase_of<closing>(p) == nullptr) move(p, idle{});
    }
    finish_if_quiet();
  }

  void on(const partition_opened& in) {
    const auto* o = owned_at(in.partition, in.epoch);
    if (o == nullptr || o->at != owned::stage::opening) return;
    move(in.partition, owned{o->epoch, o->revision, owned::stage::open});
    if (after_.drain_until) release(in.partition);
  }

  void on(const partition_stopped& in) {
    if (!ended(in.partition, in.epoch)) return;
    switch (in.why) {
    case source_failure::superseded: return read_owners_soon();
    case source_failure::unreachable: return;
    }
  }

  void on(const partition_released& in) {
    const auto* o = owned_at(in.partition, in.epoch);
    if (o != nullptr && o->at == owned::stage::releasing)
      return give_back(in.partition, o->epoch, o->revision, !in.clean);
    ended(in.partition, in.epoch);
  }

  void on(const partition_closed& in) { ended(in.partition, in.epoch); }

  void on(const drain&) {
    if (after_.drain_until) return stop();
    happened(drain_began{now_ + set_.drain_timeout});
    for (const auto p : all()) {
      if (const auto* o = phase_of<owned>(p); o != nullptr && o->at == owned::stage::open) release(p);
    }
    finish_if_quiet();
  }

  [[nodiscard]] decision made() && { return std::move(made_); }

private:
  template <class Event>
  void happened(Event e) {
    made_.events.emplace_back(std::move(e));
    after_ = evolve(std::move(after_), made_.events.back());
  }
  template <class Effect>
  void order(Effect e) {
    made_.effects.emplace_back(std::move(e));
  }
  void move(partition_id p, phase to) { happened(partition_moved{p, to}); }
  void wrote(owner_record r) { happened(record_was_written{std::move(r)}); }

  template <class Phase>
  [[nodiscard]] const Phase* phase_of(partition_id p) const {
    return p.value < after_.partitions.size() ? std::get_if<Phase>(&after_.partitions[p.value].now) : nullptr;
  }
  [[nodiscard]] const owned* owned_at(partition_id p, epoch e) const {
    const auto* o = phase_of<owned>(p);
    return o != nullptr && o->epoch == e ? o : nullptr;
  }
  [[nodiscard]] std::vector<partition_id> all() const {
    std::vector<partition_id> found;
    for (std::uint64_t n = 0; n < after_.partitions.size(); ++n) {
      found.push_back({n});
    }
    return found;
  }

  /// Nothing runs there any more, and nothing was given back. False: it is about an earlier opening.
  bool ended(partition_id p, epoch e) {
    const auto* c = phase_of<closing>(p);
    if (owned_at(p, e) == nullptr && (c == nullptr || c->epoch != e)) return false;
    happened(owners_became_doubtful{});
    end(p);
    return true;
  }

  void start(state::read what) { happened(read_started{what, now_}); }
  void read() {
    if (!wants_owners()) {
      start(state::read::nodes);
      return order(read_nodes{});
    }
    start(state::read::owners);
    order(read_owners{});
  }

  /// Not sooner than `read_every` after the last time: a queue that supersedes all the time must not make this node spin.
  void read_owners_soon() {
    if (after_.lease_held && !after_.drain_until && after_.reading == state::read::none
        && now_ >= after_.owners_read_at + set_.read_every)
      read();
  }

  /// Not ours, and should be.
  [[nodiscard]] std::vector<partition_id> missing() const {
    const auto members = members_with_self(after_, set_);
    auto found = all();
    std::erase_if(found, [&](partition_id p) {
      return phase_of<idle>(p) == nullptr
          || (cluster::assigned(p, members) != set_.self && !stands_as_ours(after_.partitions[p.value].record, set_));
    });
    return found;
  }

  void take_missing() {
    for (const auto p : missing()) {
      const auto& known = after_.partitions[p.value];
      auto record = known.record;
      if (!may_take(record, after_, set_)) continue;
      const bool unclean = record.revision != stream_seq{} && (!record.released || record.unclean);
      record = {p, set_.self, next(known.highest), false, record.revision};
      const auto number = after_.last_write + 1;
      move(p, taking{record.epoch, unclean, number});
      order(write_owner{record, number});
    }
  }

  /// Given back by this node for another member, which has not taken it yet.
  [[nodiscard]] bool is_handing_over() const {
    const auto members = members_with_self(after_, set_);
    return std::ranges::any_of(after_.partitions, [&](const partition& p) {
      const auto& r = p.record;
      return std::holds_alternative<idle>(p.now) && r.revision != stream_seq{} && r.released && r.node == set_.self
          && cluster::assigned(r.partition, members) != set_.self;
    });
  }
  [[nodiscard]] bool wants_owners() const { return after_.owners_wanted || !missing().empty() || is_handing_over(); }

  /// Only while nothing else is on its way, so that one partition at a time moves, and only what is open. On its way it is until
  /// the next owner has taken it: one that beats and takes nothing is left with one.
  void release_one() {
    if (is_handing_over()) return;
    std::optional<partition_id> misplaced;
    const auto members = members_with_self(after_, set_);
    for (const auto p : all()) {
      const auto* o = phase_of<owned>(p);
      if (o == nullptr && phase_of<idle>(p) == nullptr) return;
      if (o == nullptr) continue;
      if (o->at != owned::stage::open) return;
      if (!misplaced && cluster::assigned(p, members) != set_.self) misplaced = p;
    }
    if (misplaced) release(*misplaced);
  }

  void release(partition_id p) {
    const auto o = *phase_of<owned>(p);
    move(p, owned{o.epoch, o.revision, owned::stage::releasing});
    order(release_partition{p, o.epoch});
  }

  void give_back(partition_id p, epoch e, stream_seq revision, bool unclean) {
    const auto number = after_.last_write + 1;
    move(p, giving_back{e, revision, unclean, number});
    order(write_owner{{p, set_.self, e, true, revision, unclean}, number});
  }

  /// `before`: the record that was replaced.
  void tell_if_taken(const owner_record& before) {
    const bool was_another = before.revision != stream_seq{} && before.node != set_.self && !set_.known_dead.contains(before.node);
    if (was_another) order(tell_taken{before.partition, before.node});
  }

  /// Who should own it, this node apart; empty: nobody is known.
  [[nodiscard]] node_id heir_of(partition_id p) const {
    auto others = members_with_self(after_, set_);
    std::erase(others, set_.self);
    return others.empty() ? node_id{} : cluster::assigned(p, others);
  }

  void write_releases_again() {
    for (const auto p : all()) {
      if (const auto* g = phase_of<giving_back>(p); g != nullptr && g->number == 0)
        give_back(p, g->epoch, g->revision, g->unclean);
    }
  }

  void close(partition_id p) {
    const auto e = phase_of<owned>(p)->epoch;
    happened(owners_became_doubtful{});
    move(p, closing{e});
    order(close_partition{p, e});
  }

  void end(partition_id p) {
    move(p, idle{});
    finish_if_quiet();
  }

  void superseded_by(const owner_record& r) {
    if (const auto* o = phase_of<owned>(r.partition); o != nullptr && r.revision > o->revision) close(r.partition);
    // Somebody's, or our own write whose answer was lost: in either case there is nothing left to give back.
    if (const auto* g = phase_of<giving_back>(r.partition); g != nullptr && r.revision > g->revision) end(r.partition);
  }

  void not_written(partition_id p, write_number number, bool in_doubt) {
    if (const auto* t = phase_of<taking>(p); t != nullptr && t->number == number) {
      happened(owners_became_doubtful{});
      return end(p);
    }
    const auto* g = phase_of<giving_back>(p);
    if (g == nullptr || g->number != number) return;
    if (in_doubt) return move(p, giving_back{g->epoch, g->revision, g->unclean, 0});
    happened(owners_became_doubtful{});
    end(p);
  }

  void finish_if_quiet() {
    if (!after_.drain_until || after_.finished) return;
    for (const auto p : all()) {
      if (phase_of<idle>(p) == nullptr) return;
    }
    happened(drain_ended{});
    order(finish{true});
  }

  void stop() {
    for (const auto p : all()) {
      if (phase_of<owned>(p) != nullptr) close(p);
    }
    happened(drain_ended{});
    order(finish{false});
  }

  state after_;
  monotonic_instant now_;
  const settings& set_;
  decision made_;
};

owner_record no_record(partition_id p) {
  owner_record none;
  none.partition = p;
  return none;
}

void apply(state& s, const owners_were_read& h) {
  // Where this node has nothing at stake the record is what was read, be it older than what was known: the write decides.
  const auto follows = [](const partition& p) {
    return std::holds_alternative<idle>(p.now) || std::holds_alternative<closing>(p.now);
  };
  for (auto& p : s.partitions) {
    if (follows(p)) p.record = no_record(p.record.partition);
  }
  for (const auto& r : h.records) {
    if (r.partition.value >= s.partitions.size()) continue;
    auto& p = s.partitions[r.partition.value];
    p.highest = std::max(p.highest, r.epoch);
    if (follows(p) || r.revision > p.record.revision) p.record = r;
  }
}

void apply(state& s, const partition_moved& h) {
  s.partitions[h.partition.value].now = h.to;
  if (const auto* t = std::get_if<taking>(&h.to)) s.last_write = std::max(s.last_write, t->number);
  if (const auto* g = std::get_if<giving_back>(&h.to)) s.last_write = std::max(s.last_write, g->number);
}

void apply(state& s, const read_started& h) {
  s.owners_fresh = h.what == state::read::nodes && s.reading == state::read::owners;
  s.reading = h.what;
  s.read_sent_at = h.at;
  if (h.what != state::read::owners) return;
  s.owners_wanted = false;
  s.owners_read_at = h.at;
}

} // namespace

state initial(const settings& set) {
  state s;
  for (std::uint64_t n = 0; n < set.partitions; ++n) {
    s.partitions.push_back({idle{}, no_record({n}), {}});
  }
  return s;
}

decision decide(const state& s, const input& in, monotonic_instant now, const settings& set) {
  if (s.finished) return {};
  draft d{s, now, set};
  std::visit([&](const auto& i) { d.on(i); }, in);
  return std::move(d).made();
}

state evolve(state s, const event& e) {
  std::visit(overloaded{
                 [&](const lease_changed& h) {
                   s.lease_held = h.held;
                   s.surveyed = false;
                   s.owners_wanted = true;
                   s.nodes = cluster::restart(std::move(s.nodes), h.at);
                 },
                 [&](const counts_restarted& h) { s.nodes = cluster::restart(std::move(s.nodes), h.at); },
                 [&](const read_started& h) { apply(s, h); },
                 [&](const read_failed&) {
                   s.reading = state::read::none;
                   s.owners_wanted = true;
                 },
                 [&](const owners_were_read& h) { apply(s, h); },
                 [&](const nodes_were_read& h) {
                   s.nodes = h.nodes;
                   s.reading = state::read::none;
                   s.surveyed = s.surveyed || s.owners_fresh;
                 },
                 [&](const record_was_written& h) {
                   auto& p = s.partitions[h.record.partition.value];
                   p.record = h.record;
                   p.highest = std::max(p.highest, h.record.epoch);
                 },
                 [&](const partition_moved& h) { apply(s, h); },
                 [&](const owners_became_doubtful&) { s.owners_wanted = true; },
                 [&](const drain_began& h) { s.drain_until = h.until; },
                 [&](const drain_ended&) { s.finished = true; },
             },
      e);
  return s;
}

bool is_ready(const state& s, const settings& set) {
  if (!s.lease_held || !s.surveyed || s.drain_until) return false;
  const auto members = members_with_self(s, set);
  return std::all_of(s.partitions.begin(), s.partitions.end(), [&](const partition& p) {
    const auto* o = std::get_if<owned>(&p.now);
    return (o != nullptr && o->at == owned::stage::open) || cluster::assigned(p.record.partition, members) != set.self;
  });
}

share share_of(const state& s, const settings& set) {
  share found;
  const auto members = members_with_self(s, set);
  for (const auto& p : s.partitions) {
    const auto* o = std::get_if<owned>(&p.now);
    if (o != nullptr && o->at == owned::stage::open) found.open += 1;
    if (!s.drain_until && cluster::assigned(p.record.partition, members) == set.self) found.due += 1;
  }
  return found;
}

} // namespace baton::ownership
