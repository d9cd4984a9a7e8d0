#include "actors/cluster/watch.hpp"

#include <algorithm>

namespace baton::cluster {

watch observe(const watch& before, const nodes_seen& seen, milliseconds lease_time) {
  watch after;
  const auto see = [&](const node_id& node, stream_seq revision, bool draining) {
    const auto known = before.find(node);
    if (known == before.end()) {
      after.emplace(node, watched{revision, seen.arrived_at, false, draining, false});
    } else if (known->second.revision != revision) {
      after.emplace(node, watched{revision, seen.arrived_at, revision != stream_seq{}, draining, false});
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

std::vector<node_record> let_go(
    watch& w, const nodes_seen& seen, const std::set<node_id>& known_dead, milliseconds age) {
  instant newest{};
  for (const auto& r : seen.records) {
    newest = std::max(newest, r.stored_at);
  }
  std::vector<node_record> found;
  for (const auto& r : seen.records) {
    const bool long_silent = is_silent(w, r.node) && !seen.owners.contains(r.node) && newest - r.stored_at >= age;
    if ((long_silent || known_dead.contains(r.node)) && !w.at(r.node).let_go) found.push_back(r);
  }
  std::ranges::sort(found, {}, &node_record::revision);
  if (found.size() > removals_max) found.resize(removals_max);
  for (const auto& r : found) {
    w.at(r.node).let_go = true;
  }
  return found;
}

watch restart(watch w, monotonic_instant now) {
  for (auto& [node, seen] : w) {
    seen.unchanged_since = now;
    seen.silent = false;
    seen.let_go = false;
  }
  return w;
}

bool is_silent(const watch& w, const node_id& node) {
  const auto seen = w.find(node);
  return seen != w.end() && seen->second.silent;
}

bool is_silence_due(const watch& w, monotonic_instant last_sent, monotonic_instant now, milliseconds lease_time) {
  return std::ranges::any_of(w, [&](const auto& one) {
    const auto due = one.second.unchanged_since + lease_time;
    return !one.second.silent && last_sent < due && due <= now;
  });
}

std::vector<node_id> members(const watch& w) {
  std::vector<node_id> found;
  for (const auto& [node, seen] : w) {
    if (seen.beating && !seen.draining) found.push_back(node);
  }
  return found;
}

} // namespace baton::cluster
