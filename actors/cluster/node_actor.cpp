#include "actors/cluster/node_actor.hpp"

#include <algorithm>
#include <caf/send.hpp>
#include <utility>

#include "actors/crash_point.hpp"

namespace baton::actors {
namespace {

/// Fine enough for every limit of the lease; nothing waits for a tick but time itself.
constexpr std::chrono::milliseconds tick_every{100};

/// Numbers that one line names.
constexpr std::size_t named_max = 16;

std::string named(const std::vector<partition_id>& all) {
  std::string text = all.size() == 1 ? "partition " : std::to_string(all.size()) + " partitions (";
  for (std::size_t i = 0; i < std::min(all.size(), named_max); ++i) text += (i == 0 ? "" : ", ") + std::to_string(all[i].value);
  if (all.size() > named_max) text += " and others";
  return all.size() == 1 ? text : text + ")";
}

template <class Input>
void post(const caf::actor& to, Input in) {
  caf::anon_send(to, cluster::ownership_input{std::move(in)});
}

} // namespace

/// Carries out what the lease's machine orders.
struct keeping {
  node_actor& self;

  void operator()(const lease::write_beat& e) const { self.write_beat(e.number); }
  void operator()(const lease::tell_late&) const { self.take(ownership::input{ownership::heartbeat_late{}}); }
  void operator()(const lease::tell_gained& e) const {
    self.at_.fence->renewed(e.from);
    self.take(ownership::input{ownership::lease_gained{}});
  }
  void operator()(const lease::tell_renewed& e) const { self.at_.fence->renewed(e.from); }
  void operator()(const lease::tell_lost&) const {
    self.at_.notices->say(severity::warning, "no heartbeat was confirmed in time: this node stops its work and starts anew");
    self.take(ownership::input{ownership::lease_lost{}});
    self.at_.fence->lost();
  }
};

/// Carries out what the ownership machine orders.
struct owning {
  node_actor& self;

  void operator()(const ownership::read_nodes&) const {
    self.at_.store->read_nodes([me = caf::actor_cast<caf::actor>(&self)](auto records) {
      if (records) return post(me, ownership::nodes_read{*std::move(records)});
      post(me, ownership::nodes_unreadable{});
    });
  }
  void operator()(const ownership::read_owners&) const {
    self.at_.store->read_owners([me = caf::actor_cast<caf::actor>(&self)](auto records) {
      if (records) return post(me, ownership::owners_read{*std::move(records)});
      post(me, ownership::owners_unreadable{});
    });
  }
  void operator()(const ownership::remove_node& e) const { self.at_.store->remove_node(e.record); }
  void operator()(const ownership::write_owner& e) const {
    self.at_.store->write_owner(e.record, [me = caf::actor_cast<caf::actor>(&self), partition = e.record.partition,
                                           number = e.number](const write_result& result) {
      if (const auto* done = std::get_if<written>(&result)) {
        return post(me, ownership::owner_written{partition, number, done->revision});
      }
      if (std::holds_alternative<write_refused>(result)) return post(me, ownership::owner_refused{partition, number});
      post(me, ownership::owner_failed{partition, number});
    });
  }
  void operator()(const ownership::open_partition& e) const { self.open(e); }
  void operator()(const ownership::close_partition& e) const { to_partition(e.partition, e.epoch, close_partition{}); }
  void operator()(const ownership::release_partition& e) const { to_partition(e.partition, e.epoch, drain_partition{}); }
  void operator()(const ownership::tell_taken& e) const { self.taken_[e.from].push_back(e.partition); }
  void operator()(const ownership::tell_handed& e) const { self.handed_[e.to].push_back(e.partition); }
  void operator()(const ownership::finish& e) const {
    self.tell_moves();
    self.finished_ = true;
    self.at_.finished(e.quiet);
  }

  /// One that is gone already has said so, or its down message is on the way.
  template <class Message>
  void to_partition(partition_id partition, epoch of, Message m) const {
    const auto found = self.open_.find(partition);
    if (found != self.open_.end() && found->second.epoch == of) self.send(found->second.actor, std::move(m));
  }
};

node_actor::node_actor(caf::actor_config& config, place at)
    : caf::event_based_actor(config), at_(std::move(at)), own_(ownership::initial(at_.own)) {
  set_down_handler([this](const caf::down_msg& down) { on_down(down); });
}

caf::behavior node_actor::make_behavior() {
  tick();
  return {
      [this](cluster::clock_ticked) { tick(); },
      [this](const cluster::lease_input& in) {
        take(in.in);
        tell_if_ready();
      },
      [this](cluster::ownership_input& in) {
        // It may have waited long: a lease that ran out meanwhile is lost before anything is decided under it.
        take(lease::input{lease::tick{}});
        take(std::move(in.in));
        tell_if_ready();
      },
      [this](cluster::drain_node) {
        draining_ = true;
        take(lease::input{lease::beat_wanted{}});
        take(ownership::input{ownership::drain{}});
        tell_if_ready();
      },
  };
}

void node_actor::tick() {
  if (finished_) return;
  take(lease::input{lease::tick{}});
  take(ownership::input{ownership::tick{}});
  tell_moves();
  tell_if_ready();
  delayed_send(this, tick_every, cluster::clock_ticked{});
}

void node_actor::take(const lease::input& in) {
  if (finished_) return;
  const auto made = lease::decide(lease_, in, at_.clock->monotonic_now(), at_.lease);
  for (const auto& e : made.events) lease_ = lease::evolve(std::move(lease_), e);
  for (const auto& e : made.effects) std::visit(keeping{*this}, e);
}

void node_actor::take(ownership::input in) {
  const auto made = ownership::decide(own_, in, at_.clock->monotonic_now(), at_.own);
  for (const auto& e : made.events) own_ = ownership::evolve(std::move(own_), e);
  for (const auto& e : made.effects) std::visit(owning{*this}, e);
}

void node_actor::write_beat(lease::beat_number number) {
  bug_point("node.beat");
  node_record record;
  record.node = at_.own.self;
  record.beat = number;
  record.host = at_.host;
  record.slots = at_.slots;
  record.draining = draining_;
  at_.store->write_node(std::move(record), [me = caf::actor_cast<caf::actor>(this), number](const write_result& result) {
    if (std::holds_alternative<written>(result)) {
      caf::anon_send(me, cluster::lease_input{lease::beat_confirmed{number}});
    } else {
      caf::anon_send(me, cluster::lease_input{lease::beat_failed{number}});
    }
  });
}

void node_actor::open(const ownership::open_partition& order) {
  const auto me = caf::actor_cast<caf::actor>(this);
  const auto p = order.partition;
  const auto e = order.epoch;
  partition_reports reports;
  reports.opened = [me, p, e] { post(me, ownership::partition_opened{p, e}); };
  reports.stopped = [me, p, e](source_failure why) { post(me, ownership::partition_stopped{p, e, why}); };
  reports.closed = [me, p, e] { post(me, ownership::partition_closed{p, e}); };
  // Taken after a crash, some session may still be as the crash left it, so the next owner has to look, too, and the one after it.
  // Nobody knows when the last one was seen to: its messages may wait beyond the credit, in a backlog, or for a quarantine to end.
  // To look again costs a commit for each session with messages at the take, and no attempt, for what yields is not cut off; to
  // forget too early would leave a zombie's append without its fence.
  reports.released = [me, p, e, clean = !order.unclean] { post(me, ownership::partition_released{p, e, clean}); };
  auto actor = at_.open(p, e, order.unclean, std::move(reports));
  monitor(actor);
  open_[p] = {std::move(actor), e};
}

void node_actor::on_down(const caf::down_msg& down) {
  for (auto at = open_.begin(); at != open_.end(); ++at) {
    if (at->second.actor.address() != down.source) continue;
    const ownership::partition_closed gone{at->first, at->second.epoch};
    open_.erase(at);
    // Whatever it reported before it ended came first; then this one is about an epoch that no longer counts.
    take(ownership::input{gone});
    tell_if_ready();
    return;
  }
}

void node_actor::tell_if_ready() {
  const bool now = ownership::is_ready(own_, at_.own);
  if (now == std::exchange(ready_, now)) return;
  tell_moves();
  at_.ready(now, ownership::share_of(own_, at_.own));
}

void node_actor::tell_moves() {
  const auto share = ownership::share_of(own_, at_.own);
  for (const auto& [from, which] : std::exchange(taken_, {})) {
    at_.notices->say(severity::info, "took over " + named(which) + " from node " + from.text() + ": " + std::to_string(share.open)
                                         + " of " + std::to_string(share.due) + " that should be here are open");
  }
  for (const auto& [to, which] : std::exchange(handed_, {})) {
    at_.notices->say(severity::info, named(which) + (to.empty() ? " given back, free for any node" : " handed to node " + to.text()));
  }
}

void node_actor::on_exit() {
  for (auto& [partition, held] : open_) send_exit(held.actor, caf::exit_reason::kill);
  open_.clear();
  at_.open = nullptr;
}

} // namespace baton::actors
