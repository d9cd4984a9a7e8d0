#include "actors/cluster/assignment.hpp"

#include <algorithm>
#include <cstdint>

namespace baton::cluster {
namespace {

/// FNV-1a over the node's id, then the finalizer of splitmix64, which spreads neighbouring partitions apart.
std::uint64_t score(partition_id partition, const node_id& node) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (const char c : node.text()) {
    h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  h += (partition.value + 1) * 0x9e3779b97f4a7c15;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
  h = (h ^ (h >> 27)) * 0x94d049bb133111eb;
  return h ^ (h >> 31);
}

} // namespace

const node_id& assigned(partition_id partition, std::span<const node_id> members) {
  return *std::max_element(members.begin(), members.end(), [&](const node_id& a, const node_id& b) {
    const auto of_a = score(partition, a);
    const auto of_b = score(partition, b);
    return of_a != of_b ? of_a < of_b : a < b;
  });
}

} // namespace baton::cluster
