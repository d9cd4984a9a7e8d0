#include "bridge/http/prometheus_metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>

namespace baton {

struct prometheus_metrics::series {
  series() {
    for (std::size_t i = 0; i < counters.size(); ++i) {
      auto& family = prometheus::BuildCounter()
                         .Name(std::string{counters[i].name})
                         .Help(std::string{counters[i].help})
                         .Register(registry);
      by_counter[i] = &family.Add({});
    }
    auto& family =
        prometheus::BuildCounter().Name(std::string{refusals.name}).Help(std::string{refusals.help}).Register(registry);
    for (std::size_t i = 0; i < reasons.size(); ++i) {
      by_reason[i] = &family.Add({{std::string{refusals.label}, std::string{reasons[i].text}}});
    }
  }

  prometheus::Family<prometheus::Gauge>& gauge(std::string_view name, std::string_view help) {
    return prometheus::BuildGauge().Name(std::string{name}).Help(std::string{help}).Register(registry);
  }

  prometheus::Registry registry;
  prometheus::Family<prometheus::Gauge>& waiting = gauge(tenant_series.waiting, tenant_series.waiting_help);
  prometheus::Family<prometheus::Gauge>& running = gauge(tenant_series.running, tenant_series.running_help);
  // The registry owns them; they live as long.
  std::array<prometheus::Counter*, counters.size()> by_counter{};
  std::array<prometheus::Counter*, reasons.size()> by_reason{};
};

prometheus_metrics::prometheus_metrics() : series_(std::make_unique<series>()) {}
prometheus_metrics::~prometheus_metrics() = default;

void prometheus_metrics::count(counter what, std::uint64_t by) {
  series_->by_counter.at(static_cast<std::size_t>(what))->Increment(static_cast<double>(by));
}

void prometheus_metrics::count_refusal(reason why) {
  series_->by_reason.at(static_cast<std::size_t>(why))->Increment();
}

void prometheus_metrics::tenants_have(const std::vector<tenant_load>& loads) {
  for (const auto& load : loads) {
    const prometheus::Labels its{{std::string{tenant_series.label}, load.tenant}};
    series_->waiting.Add(its).Set(static_cast<double>(load.waiting));
    series_->running.Add(its).Set(static_cast<double>(load.running));
  }
}

std::string prometheus_metrics::text() const {
  return prometheus::TextSerializer{}.Serialize(series_->registry.Collect());
}

} // namespace baton
