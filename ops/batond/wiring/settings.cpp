#include "ops/batond/wiring/settings.hpp"

#include <algorithm>

#include "messages/event.hpp"
#include "messages/head.hpp"

namespace baton::batond {

namespace {
/// Of a commit: its names and numbers, and the headers that are no events.
constexpr std::uint64_t commit_envelope_max = 4 * 1024;
/// So many sessions must hold all they may before a partition holds all it may, and they are stopped half way.
constexpr std::uint64_t sessions_to_fill_partition = 16;
} // namespace

session::limits session_limits(const options& o) {
  session::limits l;
  l.in_memory_max = o.session.in_memory_max;
  l.in_memory_bytes_max = o.source.held_max.bytes / sessions_to_fill_partition;
  l.backlog_max = o.session.backlog_max;
  l.max_attempts = static_cast<std::uint32_t>(o.session.max_attempts);
  l.retry_first = o.session.retry_first;
  l.retry_longest = o.session.retry_longest;
  l.slice_time_limit = o.session.slice_time_limit;
  l.run_wall_limit = o.session.run_wall_limit;
  l.slices_max = o.session.slices_max;
  l.debounce = o.session.debounce;
  l.debounce_longest = o.session.debounce_longest;
  l.delay_max = o.session.delay_max;
  l.settle = o.session.settle;
  l.labels_max = o.session.labels_max;
  l.record_bytes_max = o.session.record_bytes_max.bytes;
  for (const auto& [name, how] : o.runners) l.runners.insert(name);
  return l;
}

services node_services(const options& o) {
  services s;
  s.limits = session_limits(o);
  s.slots.most = o.node.slots;
  s.slice_commit_after = o.session.slice_commit_after;
  // Some time must be left to reach a boundary before the slice is stopped.
  s.slots.yield_after = std::min(o.session.slice_soft_limit, o.session.slice_time_limit * 4 / 5);
  s.slots.share_after = o.session.slice_share;
  for (const auto& [name, of] : o.tenants) {
    s.slots.tenants[name] = {of.slots_max, static_cast<std::uint32_t>(of.weight)};
  }
  s.passivate_after = o.session.passivate_after;
  s.waiting_inputs_max = o.session.waiting_inputs_max;
  s.log_reserve = o.streams.log_reserve.bytes;
  s.wake_settings.per_second = o.wakes.per_second;
  return s;
}

std::uint64_t message_bytes_needed(const options& o) {
  const auto task = o.payload.size_max.bytes + nats::task_headers_max;
  const auto commit = o.session.record_bytes_max.bytes + head_bytes_max + event_bytes_max + commit_envelope_max;
  return std::max<std::uint64_t>(task, commit);
}

nats::connect_options connect_options_of(const options& o, const std::string& url) {
  nats::connect_options c;
  c.url = url;
  c.name = "batond";
  c.credentials_file = o.broker.credentials_file;
  c.nkey_seed_file = o.broker.nkey_seed_file;
  c.tls_ca_file = o.broker.tls_ca_file;
  c.tls_certificate_file = o.broker.tls_cert_file;
  c.tls_key_file = o.broker.tls_key_file;
  return c;
}

nats::stream_plan stream_plan_of(const options& o) {
  nats::stream_plan p;
  p.partitions = o.broker.partitions;
  p.replicas = o.broker.replicas;
  p.payload_max = o.payload.size_max.bytes;
  p.tasks_max = o.streams.tasks_max.bytes;
  p.control_max = o.streams.control_max.bytes;
  p.log_max = o.streams.log_max.bytes;
  p.dead_max = o.streams.dead_max.bytes;
  p.blobs_max = o.streams.blobs_max.bytes;
  p.wakes_max = o.streams.wakes_max.bytes;
  return p;
}

nats::task_source_options source_options_of(const options& o) {
  nats::task_source_options s;
  s.decode = {o.payload.size_max.bytes, o.payload.depth_max, o.payload.values_max};
  s.reply_prefixes = o.payload.reply_prefixes;
  s.pull.credit = o.source.credit;
  s.pull.batch = o.source.fetch_batch;
  s.pull.held_bytes = o.source.held_max.bytes;
  s.ack_wait = o.session.run_wall_limit + std::chrono::hours{1};
  return s;
}

} // namespace baton::batond
