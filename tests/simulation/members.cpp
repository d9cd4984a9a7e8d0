#include "tests/simulation/members.hpp"

#include <algorithm>
#include <utility>

#include "messages/overloaded.hpp"

namespace baton::simulation {
namespace {

/// A node that has lost its lease has this long to stop what it runs.
constexpr milliseconds time_to_stop{1'000};
constexpr std::int64_t longest_nap = 500;

} // namespace

// ---- the streams

std::vector<owner_record> members::owners() const {
  std::vector<owner_record> all;
  for (const auto& [p, r] : owners_) all.push_back(r);
  return all;
}

std::vector<node_record> members::nodes() const {
  std::vector<node_record> all;
  for (const auto& [n, r] : nodes_) all.push_back(r);
  return all;
}

write_result members::write_owner(owner_record record) {
  const auto there = owners_.find(record.partition);
  const auto revision = there == owners_.end() ? stream_seq{} : there->second.revision;
  if (revision != record.revision) return write_refused{};
  if (there != owners_.end()) {
    if (record.epoch < there->second.epoch) throw support::rule_broken("rule 5: the epoch of a partition fell");
    if (!record.released && record.epoch == there->second.epoch) throw support::rule_broken("rule 5: a take did not raise the epoch");
  }
  record.revision = {++revision_};
  owners_[record.partition] = record;
  return written{record.revision};
}

write_result members::write_node(node_record record) {
  record.revision = {++revision_};
  record.stored_at = world_.true_time();
  nodes_[record.node] = record;
  return written{record.revision};
}

void members::remove_node(const node_record& record) {
  const auto there = nodes_.find(record.node);
  if (there != nodes_.end() && there->second.revision == record.revision) nodes_.erase(there);
}

// ---- the member

struct member::keeping {
  member& self;

  void operator()(const lease::write_beat& e) const { self.write_beat(e.number); }
  void operator()(const lease::tell_late&) const { self.take(ownership::input{ownership::heartbeat_late{}}); }
  void operator()(const lease::tell_gained& e) const {
    self.lease_from_ = e.from;
    self.take(ownership::input{ownership::lease_gained{}});
  }
  void operator()(const lease::tell_renewed& e) const { self.lease_from_ = e.from; }
  void operator()(const lease::tell_lost&) const {
    self.world_.told().fault("lease lost");
    self.world_.tell(self.process_.name, "has lost its lease");
    self.take(ownership::input{ownership::lease_lost{}});
    self.node_.kill_slices();
  }
};

struct member::owning {
  member& self;

  void operator()(const ownership::read_nodes&) const {
    self.ask([s = &self.store_] { return s->nodes(); },
        [me = &self](const std::vector<node_record>& all) { me->answer(ownership::nodes_read{all}); },
        [me = &self] { me->answer(ownership::nodes_unreadable{}); });
  }
  void operator()(const ownership::read_owners&) const {
    self.ask([s = &self.store_] { return s->owners(); },
        [me = &self](const std::vector<owner_record>& all) { me->answer(ownership::owners_read{all}); },
        [me = &self] { me->answer(ownership::owners_unreadable{}); });
  }
  void operator()(const ownership::remove_node& e) const {
    self.ask([s = &self.store_, r = e.record] { return s->remove_node(r), true; }, [](bool) {}, [] {});
  }
  void operator()(const ownership::write_owner& e) const {
    const auto p = e.record.partition;
    const auto n = e.number;
    self.ask([s = &self.store_, r = e.record] { return s->write_owner(r); },
        [me = &self, p, n](const write_result& result) {
          if (const auto* done = std::get_if<written>(&result)) return me->answer(ownership::owner_written{p, n, done->revision});
          me->answer(ownership::owner_refused{p, n});
        },
        [me = &self, p, n] { me->answer(ownership::owner_failed{p, n}); });
  }
  void operator()(const ownership::open_partition& e) const { self.open(e); }
  void operator()(const ownership::close_partition& e) const { self.node_.close(e.partition, e.epoch); }
  void operator()(const ownership::release_partition& e) const { self.node_.drain(e.partition, e.epoch); }
  void operator()(const ownership::tell_taken& e) const {
    self.world_.told().fault("takeover");
    self.world_.tell(self.process_.name, "takes partition " + std::to_string(e.partition.value) + " from " + e.from.text());
  }
  void operator()(const ownership::tell_handed& e) const {
    self.world_.told().fault("hand-over");
    self.world_.tell(self.process_.name, "gives partition " + std::to_string(e.partition.value) + " back");
  }
  void operator()(const ownership::finish&) const {
    self.finished_ = true;
    self.at_.finished();
  }
};

member::member(world& in, node& of, members& store, place at)
    : actor(in, of.self()), node_(of), store_(store), at_(std::move(at)), own_(ownership::initial(at_.own)) {}

/// The answer is mail, as everything from the store is.
template <class Ask, class Then>
void member::ask(Ask at_store, Then then, std::function<void()> failed) {
  const auto me = weak_from_this();
  node_.connection().request(
      [me, at_store, then]() -> std::function<void()> {
        return [me, then, result = at_store()] {
          if (const auto m = me.lock()) m->post([then, result] { then(result); });
        };
      },
      api_patience,
      [me, failed] {
        if (const auto m = me.lock()) m->post(failed);
      });
}

void member::answer(const ownership::input& in) {
  // It may have waited long: a lease that ran out meanwhile is lost before anything is decided under it.
  take(lease::input{lease::tick{}});
  take(in);
}

void member::tick() {
  if (finished_) return;
  take(lease::input{lease::tick{}});
  take(ownership::input{ownership::tick{}});
  const auto now = world_.clock_of(process_);
  const auto wait = (lease::wake_at(lease_, now, at_.lease) - now).count();
  post_after(milliseconds{std::clamp<std::int64_t>(wait, 1, longest_nap)}, [this] { tick(); });
}

void member::drain() {
  draining_ = true;
  take(lease::input{lease::beat_wanted{}});
  take(ownership::input{ownership::drain{}});
}

void member::take(const lease::input& in) {
  if (finished_) return;
  const auto made = lease::decide(lease_, in, world_.clock_of(process_), at_.lease);
  for (const auto& e : made.events) lease_ = lease::evolve(std::move(lease_), e);
  for (const auto& e : made.effects) {
    world_.crash_place(process_);
    std::visit(keeping{*this}, e);
  }
}

void member::take(const ownership::input& in) {
  const auto made = ownership::decide(own_, in, world_.clock_of(process_), at_.own);
  for (const auto& e : made.events) own_ = ownership::evolve(std::move(own_), e);
  for (const auto& e : made.effects) {
    world_.crash_place(process_);
    std::visit(owning{*this}, e);
  }
}

void member::write_beat(lease::beat_number number) {
  node_record record;
  record.node = at_.own.self;
  record.beat = number;
  record.draining = draining_;
  ask([s = &store_, record] { return s->write_node(record); },
      [this, number](const write_result&) { take(lease::input{lease::beat_confirmed{number}}); },
      [this, number] { take(lease::input{lease::beat_failed{number}}); });
}

void member::open(const ownership::open_partition& order) {
  const auto p = order.partition;
  const auto e = order.epoch;
  partition_reports reports;
  const auto said = [this](ownership::input in) { post([this, in] { answer(in); }); };
  reports.opened = [said, p, e] { said(ownership::partition_opened{p, e}); };
  reports.stopped = [said, p, e](source_failure why) { said(ownership::partition_stopped{p, e, why}); };
  reports.closed = [said, p, e] { said(ownership::partition_closed{p, e}); };
  reports.released = [said, p, e, clean = !order.unclean] { said(ownership::partition_released{p, e, clean}); };
  node_.open(p, e, order.unclean, std::move(reports));
}

bool member::may_work() const {
  return process_.is_alive && world_.clock_of(process_) < lease_from_ + at_.lease.held_for + time_to_stop;
}

} // namespace baton::simulation
