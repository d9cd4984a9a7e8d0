#include "ops/baton/cluster.hpp"

#include <algorithm>
#include <future>
#include <memory>
#include <set>

#include "bridge/nats/owner_store.hpp"
#include "messages/subjects.hpp"
#include "ops/baton/shown.hpp"

namespace baton::cli {
namespace {

/// Longer than two heartbeats of a node that is well.
constexpr milliseconds heartbeat_patience{5'000};

template <class Record, class Read>
std::optional<std::vector<Record>> read_records(Read read) {
  using result = expected<std::vector<Record>, store_failure>;
  const auto got = std::make_shared<std::promise<result>>();
  auto came = got->get_future();
  read([got](result r) { got->set_value(std::move(r)); });
  auto records = came.get();
  return records ? std::optional{*std::move(records)} : std::nullopt;
}

/// Those of `wanted` whose heartbeat came while we listened, and whoever else's did.
std::set<node_id> hear_heartbeats(desk& at, hearing& ear, const std::set<node_id>& wanted) {
  std::set<node_id> alive;
  const auto until = at.time.monotonic_now() + heartbeat_patience;
  for (auto now = at.time.monotonic_now(); now < until; now = at.time.monotonic_now()) {
    if (!wanted.empty() && std::includes(alive.begin(), alive.end(), wanted.begin(), wanted.end())) break;
    const auto h = ear.next(until - now);
    if (!h) break;
    if (const auto node = node_id::parse(subjects::last_token(h->subject))) alive.insert(*node);
  }
  return alive;
}

} // namespace

std::vector<std::uint64_t> cluster_view::without_owner() const {
  std::set<std::uint64_t> served;
  for (const auto& node : nodes) {
    if (node.alive) served.insert(node.owned.begin(), node.owned.end());
  }
  std::vector<std::uint64_t> idle;
  for (std::uint64_t p = 0; p < partitions; ++p) {
    if (!served.contains(p)) idle.push_back(p);
  }
  return idle;
}

or_complaint<cluster_view> look_at_cluster(desk& at) {
  const auto ear = at.broker.listen({std::string{subjects::node_intake}});
  if (!ear) return unexpected{ear.error()};
  const auto log = at.broker.reader();
  if (!log) return unexpected{log.error()};
  nats::nats_owner_store store{at.broker.over(), log->partitions()};
  const auto owners = read_records<owner_record>([&](auto done) { store.read_owners(done); });
  const auto nodes = read_records<node_record>([&](auto done) { store.read_nodes(done); });
  if (!owners || !nodes) {
    return unexpected{complaint{exit_code::unreachable,
        "who owns what cannot be read: the streams have no leader, or hold what is not Baton's"}};
  }
  std::set<node_id> owning;
  for (const auto& owner : *owners) {
    if (!owner.released) owning.insert(owner.node);
  }
  const auto alive = hear_heartbeats(at, **ear, owning);
  cluster_view seen;
  seen.partitions = log->partitions();
  for (const auto& record : *nodes) {
    seen_node node{record, alive.contains(record.node), {}};
    for (const auto& owner : *owners) {
      if (!owner.released && owner.node == record.node) node.owned.push_back(owner.partition.value);
    }
    if (node.alive || !node.owned.empty()) seen.nodes.push_back(std::move(node));
  }
  return seen;
}

std::string shown(const seen_node& node) {
  const auto& r = node.record;
  return padded(r.node.text(), 32) + (node.alive ? "alive" : "SILENT") + (r.draining ? ", draining" : "") + ", "
      + std::to_string(node.owned.size()) + " partitions, " + std::to_string(r.slots) + " slots, on " + r.host;
}

value to_value(const seen_node& node) {
  value::array owned;
  for (const auto p : node.owned) owned.emplace_back(p);
  const auto& r = node.record;
  return value::object{{"node", r.node.text()}, {"host", r.host}, {"alive", node.alive}, {"draining", r.draining},
      {"slots", r.slots}, {"partitions", std::move(owned)}};
}

} // namespace baton::cli
