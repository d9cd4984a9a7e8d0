#include "bridge/nats/server_report.hpp"

#include <algorithm>

#include "bridge/nats/js_api.hpp"

namespace baton::nats {
namespace {

constexpr milliseconds greeting_patience{2'000};

account_report account_of(const value& info) {
  account_report report;
  report.storage_used = number_at(info, {"storage"});
  report.storage_max = number_at(info, {"limits", "max_storage"});
  report.memory_used = number_at(info, {"memory"});
  report.streams = number_at(info, {"streams"});
  report.streams_max = number_at(info, {"limits", "max_streams"});
  report.consumers = number_at(info, {"consumers"});
  return report;
}

} // namespace

expected<server_report, streams_refused> read_server_report(requester& over) {
  server_report report;
  report.url = over.link().server_url();
  report.greeting = read_greeting(report.url, greeting_patience);
  report.version_fits = report.greeting && is_new_enough(report.greeting->version);
  const auto account = call_api(over, "$JS.API.INFO");
  if (!account) {
    const auto kind = account.error().link ? streams_refused::kind::unreachable : streams_refused::kind::unfit;
    return unexpected{
        streams_refused{kind, "JetStream at " + report.url + " does not answer: " + account.error().text}};
  }
  report.account = account_of(*account);
  auto streams = read_streams(over);
  if (!streams) return unexpected{streams.error()};
  report.streams = *std::move(streams);
  for (const auto& one : report.streams)
    report.replicas = std::max(report.replicas, one.replicas);
  return report;
}

} // namespace baton::nats
