// The counters of actors/ports/metrics.hpp as Prometheus sees them: one series per row of the table, one per reason of a
// refusal; all there from the start at 0; and those of the tenants, once they are known. Any thread; counting is an atomic addition.
#pragma once

#include <memory>
#include <string>

#include "actors/ports/metrics.hpp"

namespace baton {

class prometheus_metrics final : public metrics {
public:
  prometheus_metrics();
  ~prometheus_metrics() override;
  prometheus_metrics(const prometheus_metrics&) = delete;
  prometheus_metrics& operator=(const prometheus_metrics&) = delete;

  void count(counter what, std::uint64_t by = 1) override;
  void count_refusal(reason why) override;
  /// Takes a lock.
  void tenants_have(const std::vector<tenant_load>& loads) override;

  /// All of them, in Prometheus' text format. Takes a lock that counting does not.
  [[nodiscard]] std::string text() const;

private:
  struct series;
  std::unique_ptr<series> series_;
};

} // namespace baton
