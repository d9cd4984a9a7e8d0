// baton nodes, baton drain.
#include <algorithm>

#include "bridge/nats/js_api.hpp"
#include "messages/subjects.hpp"
#include "ops/baton/cluster.hpp"
#include "ops/baton/commands.hpp"

namespace baton::cli {
namespace {

constexpr milliseconds answer_patience{5'000};
/// Between two looks at a node that drains.
constexpr milliseconds look_every{500};

std::size_t owned_by(const cluster_view& seen, const node_id& node) {
  const auto found = std::ranges::find(seen.nodes, node, [](const seen_node& n) { return n.record.node; });
  return found == seen.nodes.end() ? 0 : found->owned.size();
}

/// Names of live nodes that a complaint lists.
constexpr std::size_t names_max = 20;

/// There is no such node, or it is there and says nothing.
ending no_answer_from(const node_id& node, desk& at) {
  const auto seen = look_at_cluster(at);
  if (!seen) return unexpected{seen.error()};
  std::vector<std::string> live;
  for (const auto& other : seen->nodes) {
    if (other.alive && other.record.node == node) {
      return complain(exit_code::unreachable, node.text() + " is alive but does not answer; SIGTERM to its batond drains it, too");
    }
    if (other.alive) live.push_back(other.record.node.text());
  }
  if (live.empty()) return complain(exit_code::refused, "no live node is called " + node.text() + ", and none lives at all");
  std::string names;
  for (std::size_t i = 0; i < std::min(live.size(), names_max); ++i) names += "\n  " + live[i];
  if (live.size() > names_max) names += "\n  and " + std::to_string(live.size() - names_max) + " more";
  return complain(exit_code::refused, "no live node is called " + node.text() + "; these live:" + names);
}

} // namespace

ending list_nodes(desk& at) {
  const auto seen = look_at_cluster(at);
  if (!seen) return unexpected{seen.error()};
  for (const auto& node : seen->nodes) {
    if (at.tell.json()) {
      at.tell.object(to_value(node));
    } else {
      at.tell.line(shown(node));
    }
  }
  const auto idle = seen->without_owner();
  if (!idle.empty()) at.tell.aside(std::to_string(idle.size()) + " of " + std::to_string(seen->partitions) + " partitions have no live owner");
  return exit_code::done;
}

ending drain_node(const drain_order& o, desk& at) {
  const auto ear = at.broker.listen({subjects::node(o.node)});
  if (!ear) return unexpected{ear.error()};
  const auto answer = nats::call(at.broker.over(), subjects::drain(o.node), {}, {}, answer_patience);
  if (!answer) return no_answer_from(o.node, at);
  if (o.no_wait) return exit_code::done;
  const auto until = at.time.monotonic_now() + o.timeout;
  auto left = std::size_t{0};
  for (auto first = true; first || at.time.monotonic_now() < until; first = false) {
    const auto seen = look_at_cluster(at);
    if (!seen) return unexpected{seen.error()};
    const auto owned = owned_by(*seen, o.node);
    if (owned == 0) {
      at.tell.line(o.node.text() + " owns nothing any more");
      return exit_code::done;
    }
    if (owned != left) at.tell.aside(std::to_string(owned) + (owned == 1 ? " partition left" : " partitions left"));
    left = owned;
    [[maybe_unused]] const auto beat = (*ear)->next(look_every);
  }
  return unexpected{complaint{exit_code::timed_out, o.node.text() + " still owns " + std::to_string(left) + " partitions; it goes on draining"}};
}

} // namespace baton::cli
