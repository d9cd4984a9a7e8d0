#include "actors/cluster/watch.hpp"

namespace baton::cluster {

watch observe(const watch& before, const nodes_seen& seen, milliseconds lease_time) {
  watch after;
  const auto see = [&](const node_id& node, stream_seq revision, bool draining) {
    const auto known = before.find(node);
    if (known == before.end()) {
      after.emplace(node, watched{revision, seen.arrived_at, false, draining, false});
    } else if (known->second.revision != revision) {
      after.emplace(node, watched{revision, seen.arrived_at, true, draining, false});
    } else {
      watched w = known->second;
      w.silent = seen.sent_at - w.unchanged_since >= lease_time;
      w.beating = w.beating && !w.silent;
      after.emplace(node, w);
    }
  };
  for (const auto& r : seen.records) {
    see(r.node, r.revision, r.draining);
  }
  for (const auto& owner : seen.owners) {
    if (!after.contains(owner)) see(owner, stream_seq{}, false);
  }
  return after;
}

watch restart(watch w, monotonic_instant now) {
  for (auto& [node, seen] : w) {
    seen.unchanged_since = now;
    seen.silent = false;
  }
  return w;
}

bool is_silent(const watch& w, const node_id& node) {
  const auto seen = w.find(node);
  return seen != w.end() && seen->second.silent;
}

std::vector<node_id> members(const watch& w) {
  std::vector<node_id> found;
  for (const auto& [node, seen] : w) {
    if (seen.beating && !seen.draining) found.push_back(node);
  }
  return found;
}

} // namespace baton::cluster
