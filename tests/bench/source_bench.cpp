// What the task source delivers and acknowledges per second, beside a bare loop of nats.c on a work queue of the same
// messages: fetch and acknowledge, unconfirmed. Both in one run.
//   source_bench [messages] [partitions]
#include <nats/nats.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "bridge/nats/js_api.hpp"
#include "messages/codec.hpp"
#include "tests/ports/task_source_world.hpp"

using namespace baton;
using namespace baton::nats;

namespace {

constexpr int sessions = 1000;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Of this process, all threads.
double processor_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto in_seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return in_seconds(used.ru_utime) + in_seconds(used.ru_stime);
}

struct measured {
  double per_second = 0;
  /// Of our process, for one message.
  double processor_us = 0;
};

class stopwatch {
public:
  [[nodiscard]] measured of(int messages) const {
    return {messages / seconds_since(start_), (processor_seconds() - processor_) * 1e6 / messages};
  }

private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double processor_ = processor_seconds();
};

/// Some 200 bytes of msgpack.
std::string payload(int i) {
  task t;
  t.id = task_id::parse("t" + std::to_string(i)).value();
  t.what = turn{std::string(120, 'x'), "echo", {}};
  return codec::encode_task(t, encoding::msgpack);
}

/// Acknowledges what it hears, and tells when so many are confirmed.
class acknowledger final : public task_listener {
public:
  acknowledger(task_source& source, int messages) : source_{source}, left_{messages} {}
  void delivered(std::vector<delivery> batch) override {
    batches_.fetch_add(1, std::memory_order_relaxed);
    for (const auto& d : batch) {
      source_.acknowledge(d.partition, d.kind, d.seq, [this] {
        if (left_.fetch_sub(1) == 1) all_.set_value();
      });
    }
  }
  void stopped(partition_id, epoch, source_failure) override { std::exit(1); }
  void wait() { all_.get_future().wait(); }
  [[nodiscard]] int batches() const { return batches_; }

private:
  task_source& source_;
  std::atomic<int> left_;
  std::atomic<int> batches_ = 0;
  std::promise<void> all_;
};

/// Publishes to `prefix` + session and waits until the stream has them all.
void fill(queue_world& world, source_node& producer, const std::string& prefix, const std::string& info, int messages) {
  for (int i = 0; i < messages; ++i) {
    while (producer.link().publish(prefix + "s" + std::to_string(i % sessions), {}, {}, payload(i))) {
      (void)producer.link().flush(std::chrono::seconds{10});
    }
  }
  (void)producer.link().flush(std::chrono::seconds{60});
  while (number_at(world.call(info), {"state", "messages"}) < static_cast<std::uint64_t>(messages)) {
  }
}

void must(natsStatus status, const char* what) {
  if (status == NATS_OK) return;
  std::fprintf(stderr, "%s: %s\n", what, natsStatus_GetText(status));
  std::exit(1);
}

struct raw_link {
  explicit raw_link(const std::string& url) {
    must(natsConnection_ConnectTo(&connection, url.c_str()), "connect");
    must(natsConnection_JetStream(&stream, connection, nullptr), "jetstream");
  }
  ~raw_link() {
    jsCtx_Destroy(stream);
    natsConnection_Destroy(connection);
  }
  raw_link(const raw_link&) = delete;
  raw_link& operator=(const raw_link&) = delete;
  natsConnection* connection = nullptr;
  jsCtx* stream = nullptr;
};

/// One durable pull consumer per filter, fetched from in turn.
measured fetch_and_acknowledge(
    queue_world& world, const char* stream, const std::vector<std::string>& filters, int messages) {
  const raw_link link{world.url()};
  std::vector<subscription_handle> subscriptions;
  for (const auto& filter : filters) {
    jsSubOptions options;
    must(jsSubOptions_Init(&options), "options");
    options.Stream = stream;
    options.Config.MaxAckPending = -1;
    natsSubscription* made = nullptr;
    const auto durable = "raw" + std::to_string(subscriptions.size());
    must(
        js_PullSubscribe(&made, link.stream, filter.c_str(), durable.c_str(), nullptr, &options, nullptr), "subscribe");
    subscriptions.emplace_back(made);
  }
  std::vector<std::int64_t> left;
  for (const auto& one : subscriptions) {
    jsConsumerInfo* info = nullptr;
    must(natsSubscription_GetConsumerInfo(&info, one.get(), nullptr, nullptr), "consumer");
    left.push_back(static_cast<std::int64_t>(info->NumPending));
    jsConsumerInfo_Destroy(info);
  }
  const stopwatch watch;
  for (int done = 0; done < messages;) {
    for (std::size_t i = 0; i < subscriptions.size(); ++i) {
      if (left[i] == 0) continue;
      natsMsgList batch{};
      const auto size = static_cast<int>(std::min<std::int64_t>(left[i], 256));
      must(natsSubscription_Fetch(&batch, subscriptions[i].get(), size, 5000, nullptr), "fetch");
      for (int k = 0; k < batch.Count; ++k)
        must(natsMsg_Ack(batch.Msgs[k], nullptr), "ack");
      done += batch.Count;
      left[i] -= batch.Count;
      natsMsgList_Destroy(&batch);
    }
  }
  must(natsConnection_Flush(link.connection), "flush");
  const auto rate = watch.of(messages);
  for (auto& one : subscriptions)
    natsSubscription_Unsubscribe(one.get());
  return rate;
}

measured raw(queue_world& world, source_node& producer, int messages) {
  (void)world.call("$JS.API.STREAM.CREATE.RAW",
      R"({"name":"RAW","subjects":["raw.*"],"retention":"workqueue","storage":"file","num_replicas":1})");
  fill(world, producer, "raw.", "$JS.API.STREAM.INFO.RAW", messages);
  const auto rate = fetch_and_acknowledge(world, "RAW", {"raw.*"}, messages);
  (void)world.call("$JS.API.STREAM.DELETE.RAW");
  return rate;
}

/// On the stream that the source works on, with consumers like its own.
measured raw_by_partition(queue_world& world, source_node& producer, int messages, std::uint64_t partitions) {
  fill(world, producer, "baton.task.", stream_info_subject(message_kind::task), messages);
  std::vector<std::string> filters;
  for (std::uint64_t p = 0; p < partitions; ++p)
    filters.push_back(subjects::stored_tasks_of({p}));
  const auto rate = fetch_and_acknowledge(world, "BATON_TASKS", filters, messages);
  for (const auto& name : world.consumers(message_kind::task))
    (void)world.call(consumer_delete_subject(message_kind::task, name));
  return rate;
}

measured with_source(queue_world& world, source_node& producer, int messages, std::uint64_t partitions) {
  fill(world, producer, "baton.task.", stream_info_subject(message_kind::task), messages);
  source_node node{world.url()};
  const auto heard = std::make_shared<acknowledger>(node.source(), messages);
  const stopwatch watch;
  for (std::uint64_t p = 0; p < partitions; ++p)
    node.source().open({p}, {1}, heard, [](const auto&) {});
  heard->wait();
  const auto rate = watch.of(messages);
  std::printf(
      "%-50s %10.1f\n", "source: messages handed over at once", static_cast<double>(messages) / heard->batches());
  node.end_source();
  return rate;
}

} // namespace

int main(int argc, char** argv) {
  const int messages = argc > 1 ? std::atoi(argv[1]) : 100'000;
  const std::uint64_t partitions = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 32;
  queue_world world{partitions};
  source_node producer{world.url()};
  const auto show = [](const char* what, const measured& m, double of) {
    std::printf(
        "%-48s %9.0f /s %7.1f us of processor each   %.2f\n", what, m.per_second, m.processor_us, m.per_second / of);
  };
  const auto limit = raw(world, producer, messages);
  show("nats.c: fetch + ack, one consumer, no filter", limit, limit.per_second);
  const auto same_shape = raw_by_partition(world, producer, messages, partitions);
  show("nats.c: fetch + ack, a consumer per partition", same_shape, limit.per_second);
  const auto ours = with_source(world, producer, messages, partitions);
  show("source: decoded, delivered + ack confirmed", ours, limit.per_second);
}
