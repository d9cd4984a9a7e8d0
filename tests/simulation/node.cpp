#include "tests/simulation/node.hpp"

#include <utility>

namespace baton::simulation {
namespace {

process process_called(const std::string& name, world& in) {
  process p;
  p.name = name;
  p.monotonic_offset = 1'000'000 + static_cast<std::int64_t>(in.pick(1'000'000));
  p.clock_rate = 980 + static_cast<std::int64_t>(in.pick(41));
  p.wall_offset = static_cast<std::int64_t>(in.pick(2'001)) - 1'000;
  return p;
}

} // namespace

node::node(world& in, network& over, broker& at, checkers& told, const node_terms& terms, const std::string& name)
    : process_(process_called(name, in)), link_(over, process_), clock_(in, process_), ids_(in, process_),
      log_(link_, at), letters_(link_, at), events_(in, process_, told), notices_(in, process_), runner_(in, process_),
      runners_(runner_), source_(in, process_, link_, at, terms.source), around_{in, process_, {}, told, terms.planted} {
  auto& with = around_.with;
  with.clock = &clock_;
  with.ids = &ids_;
  with.log = &log_;
  with.source = &source_;
  with.dead = &letters_;
  with.events = &events_;
  with.metrics = &metrics_;
  with.notices = &notices_;
  with.runners = &runners_;
  with.node = node_id::parse(name).value();
  with.limits = terms.limits;
  with.slots = terms.slots;
  with.passivate_after = milliseconds{5'000};
  slots_ = std::make_shared<slots_shell>(around_);
  link_.changed = [this] {
    if (process_.is_alive) source_.connection_changed();
  };
  source_.start();
}

void node::open(partition_id partition, epoch of, bool after_crash, partition_reports reports) {
  auto& shell = partitions_[partition];
  shell = std::make_shared<partition_shell>(
      around_, partition_shell::place{partition, of, after_crash, slots_, std::move(reports)});
  shell->post([p = shell.get()] { p->open(); });
}

void node::close(partition_id partition, epoch of) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end() || found->second->epoch() != of) return;
  found->second->post([p = found->second.get()] { p->close(); });
}

void node::drain(partition_id partition, epoch of) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end() || found->second->epoch() != of) return;
  found->second->post([p = found->second.get()] { p->drain(); });
}

void node::break_a_session() {
  for (const auto& [id, shell] : partitions_) {
    if (!shell->is_over()) shell->post([p = shell.get()] { p->break_a_session(); });
  }
}

std::map<session_id, session::state> node::sessions() const {
  std::map<session_id, session::state> found;
  for (const auto& [id, shell] : partitions_) {
    if (shell->is_over()) continue;
    for (const auto& s : shell->sessions()) found.emplace(s->now().id, s->now());
  }
  return found;
}

bool node::is_quiet() const {
  for (const auto& [id, shell] : partitions_) {
    if (shell->is_over()) continue;
    for (const auto& s : shell->sessions()) {
      if (!s->is_settled() || !session::is_quiet(s->now())) return false;
    }
  }
  return true;
}

} // namespace baton::simulation
