// Which tenants are told apart where only so many can be: in metrics, whose readers keep each label for ever. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "actors/ports/metrics.hpp"

namespace baton::supervisor {

/// Labels in the life of a node; all further tenants together are `other_tenants`.
inline constexpr std::size_t tenant_labels_max = 64;
inline constexpr const char* other_tenants = "other";

class tenant_labels {
public:
  /// They have theirs before all others.
  explicit tenant_labels(const std::vector<std::string>& named) {
    for (const auto& name : named) give(name);
  }

  /// The loads by label: every label that was ever given, those with nothing included.
  [[nodiscard]] std::vector<tenant_load> of(const std::vector<tenant_load>& loads) {
    for (auto& [label, load] : by_label_) load = {label, 0, 0};
    for (const auto& load : loads) {
      auto& sum = give(load.tenant);
      sum.waiting += load.waiting;
      sum.running += load.running;
    }
    std::vector<tenant_load> all;
    for (const auto& [label, load] : by_label_) all.push_back(load);
    return all;
  }

private:
  tenant_load& give(const std::string& tenant) {
    const bool is_there = by_label_.contains(tenant) || by_label_.size() < tenant_labels_max - 1;
    const std::string label = is_there ? tenant : other_tenants;
    return by_label_.try_emplace(label, tenant_load{label, 0, 0}).first->second;
  }

  std::map<std::string, tenant_load> by_label_;
};

} // namespace baton::supervisor
