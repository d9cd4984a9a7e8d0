#include "bridge/nats/task_source.hpp"

#include <utility>

#include "bridge/nats/task_source_core.hpp"

namespace baton::nats {

expected<std::unique_ptr<nats_task_source>, failure> nats_task_source::start(
    connection& over, requester& ask, const clock& time, task_source_options options) {
  auto made = std::make_shared<core>(over, ask, time, std::move(options));
  if (const auto why = made->start()) return unexpected{*why};
  return std::unique_ptr<nats_task_source>{new nats_task_source{std::move(made)}};
}

nats_task_source::nats_task_source(std::shared_ptr<core> held) : core_{std::move(held)} {}
nats_task_source::~nats_task_source() { core_->stop(); }

void nats_task_source::open(partition_id partition, epoch of, std::shared_ptr<task_listener> to,
    std::function<void(expected<opened, source_failure>)> done) {
  core_->open(partition, of, std::move(to), std::move(done));
}

void nats_task_source::acknowledge(
    partition_id partition, message_kind kind, stream_seq seq, std::function<void()> confirmed) {
  core_->acknowledge(partition, kind, seq, std::move(confirmed));
}

void nats_task_source::lighten(partition_id partition, message_kind kind, stream_seq seq) {
  core_->lighten(partition, kind, seq);
}

delivery_round nats_task_source::forget(partition_id partition, const session_id& session) {
  return core_->forget(partition, session);
}

void nats_task_source::read_back(
    partition_id partition, message_kind kind, stream_seq seq, std::function<void(read_result)> done) {
  core_->read_back(partition, kind, seq, std::move(done));
}

void nats_task_source::close(partition_id partition) { core_->close(partition); }

} // namespace baton::nats
