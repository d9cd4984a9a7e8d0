#include "tests/bench/raw_limit.hpp"

#include <nats/nats.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace baton::bench {
namespace {

using steady = std::chrono::steady_clock;

void check(natsStatus status, const char* what) {
  if (status != NATS_OK) throw std::runtime_error(std::string{what} + ": " + natsStatus_GetText(status));
}

struct link {
  explicit link(const std::string& url, bool at_once) {
    natsOptions* options = nullptr;
    check(natsOptions_Create(&options), "options");
    natsOptions_SetURL(options, url.c_str());
    natsOptions_SetSendAsap(options, at_once);
    const auto status = natsConnection_Connect(&nc, options);
    natsOptions_Destroy(options);
    check(status, "connect");
  }
  ~link() { natsConnection_Destroy(nc); }
  link(const link&) = delete;
  link& operator=(const link&) = delete;
  natsConnection* nc = nullptr;
};

struct subscription {
  subscription(natsConnection* nc, const std::string& subject, natsMsgHandler handler, void* closure) {
    check(natsConnection_Subscribe(&sub, nc, subject.c_str(), handler, closure), "subscribe");
    natsSubscription_SetPendingLimits(sub, -1, -1);
  }
  ~subscription() { natsSubscription_Destroy(sub); }
  subscription(const subscription&) = delete;
  subscription& operator=(const subscription&) = delete;
  natsSubscription* sub = nullptr;
};

std::string ask(natsConnection* nc, const std::string& subject, const std::string& payload) {
  natsMsg* answer = nullptr;
  check(natsConnection_RequestString(&answer, nc, subject.c_str(), payload.c_str(), 10'000), subject.c_str());
  std::string text{natsMsg_GetData(answer), static_cast<std::size_t>(natsMsg_GetDataLength(answer))};
  natsMsg_Destroy(answer);
  if (text.find("\"error\"") != std::string::npos) throw std::runtime_error(subject + ": " + text);
  return text;
}

/// The same shapes as the streams that matter for a turn, under other names.
void make_streams(natsConnection* nc) {
  ask(nc, "$JS.API.STREAM.CREATE.RAW_TASKS",
      R"({"name":"RAW_TASKS","subjects":["raw.task.*"],"retention":"workqueue","storage":"file","allow_direct":true,)"
      R"("discard":"new","subject_transform":{"src":"raw.task.*","dest":"raw.task.{{partition(32,1)}}.{{wildcard(1)}}"}})");
  ask(nc, "$JS.API.STREAM.CREATE.RAW_LOG",
      R"({"name":"RAW_LOG","subjects":["raw.log.*"],"storage":"file","allow_direct":true,"discard":"new",)"
      R"("allow_rollup_hdrs":true,"republish":{"src":"raw.log.*","dest":"raw.committed.{{wildcard(1)}}","headers_only":true}})");
  ask(nc, "$JS.API.CONSUMER.DURABLE.CREATE.RAW_TASKS.raw",
      R"({"stream_name":"RAW_TASKS","config":{"durable_name":"raw","ack_policy":"explicit","max_ack_pending":-1,)"
      R"("ack_wait":3600000000000}})");
}

void drop_streams(natsConnection* nc) {
  ask(nc, "$JS.API.STREAM.DELETE.RAW_TASKS", "");
  ask(nc, "$JS.API.STREAM.DELETE.RAW_LOG", "");
}

void request_batch(natsConnection* nc, int batch) {
  const auto wanted = "{\"batch\":" + std::to_string(batch) + ",\"expires\":30000000000}";
  check(natsConnection_PublishRequestString(nc, "$JS.API.CONSUMER.MSG.NEXT.RAW_TASKS.raw", "raw.in", wanted.c_str()), "pull");
}

constexpr int batch = 256;

/// Fetch, append by compare-and-set per session, acknowledge; as many in flight as there are sessions.
class worker {
public:
  worker(const std::string& url, const raw_load& load)
      : load_(load), link_(url, false), body_(load.commit_bytes, 'c'), event_(load.event_bytes, 'e'), last_(load.sessions),
        reply_(load.sessions) {}

  double run() {
    make_streams(link_.nc);
    const subscription taken{link_.nc, "raw.in", on_task, this};
    const subscription stored{link_.nc, "raw.acks.*", on_stored, this};
    const subscription watched{link_.nc, "raw.committed.*", ignore, nullptr};
    publish_tasks_raw();
    const auto began = steady::now();
    request_batch(link_.nc, batch);
    request_batch(link_.nc, batch);
    while (done_ < load_.messages) nats_Sleep(1);
    const std::chrono::duration<double> took = steady::now() - began;
    drop_streams(link_.nc);
    return static_cast<double>(load_.messages) / took.count();
  }

private:
  void publish_tasks_raw() {
    const std::string payload(load_.task_bytes, 't');
    std::atomic<std::uint64_t> acked{0};
    const subscription acks{link_.nc, "raw.published", count, &acked};
    for (std::uint64_t i = 0; i < load_.messages; ++i) {
      const auto subject = "raw.task." + std::to_string(i % load_.sessions);
      natsConnection_PublishRequest(link_.nc, subject.c_str(), "raw.published", payload.data(), static_cast<int>(payload.size()));
      while (acked + 4'000 < i) nats_Sleep(1);
    }
    while (acked < load_.messages) nats_Sleep(1);
  }

  static void count(natsConnection*, natsSubscription*, natsMsg* m, void* closure) {
    ++*static_cast<std::atomic<std::uint64_t>*>(closure);
    natsMsg_Destroy(m);
  }
  static void ignore(natsConnection*, natsSubscription*, natsMsg* m, void*) { natsMsg_Destroy(m); }

  static void on_task(natsConnection* nc, natsSubscription*, natsMsg* m, void* closure) {
    auto& self = *static_cast<worker*>(closure);
    const char* reply = natsMsg_GetReply(m);
    if (reply != nullptr) self.append(nc, m, reply);
    natsMsg_Destroy(m);
    if (++self.fetched_ % batch == 0) request_batch(nc, batch);
  }

  void append(natsConnection* nc, natsMsg* task, const char* reply) {
    const std::string subject = natsMsg_GetSubject(task);
    const auto session = std::strtoull(subject.c_str() + subject.rfind('.') + 1, nullptr, 10);
    reply_[session] = reply;
    const auto to = "raw.log." + std::to_string(session);
    const auto answer_to = "raw.acks." + std::to_string(session);
    natsMsg* commit = nullptr;
    natsMsg_Create(&commit, to.c_str(), answer_to.c_str(), body_.data(), static_cast<int>(body_.size()));
    natsMsgHeader_Set(commit, "Nats-Expected-Last-Subject-Sequence", std::to_string(last_[session]).c_str());
    natsMsgHeader_Set(commit, "Baton-Event", event_.c_str());
    natsConnection_PublishMsg(nc, commit);
    natsMsg_Destroy(commit);
  }

  static void on_stored(natsConnection* nc, natsSubscription*, natsMsg* m, void* closure) {
    auto& self = *static_cast<worker*>(closure);
    const std::string subject = natsMsg_GetSubject(m);
    const auto session = std::strtoull(subject.c_str() + subject.rfind('.') + 1, nullptr, 10);
    const std::string answer{natsMsg_GetData(m), static_cast<std::size_t>(natsMsg_GetDataLength(m))};
    natsMsg_Destroy(m);
    const auto at = answer.find("\"seq\":");
    if (at == std::string::npos) {
      // Two tasks of one session were in flight; a runtime would not have sent the second. Counted, not repeated.
      ++self.done_;
      return;
    }
    self.last_[session] = std::strtoull(answer.c_str() + at + 6, nullptr, 10);
    natsConnection_PublishString(nc, self.reply_[session].c_str(), "+ACK");
    ++self.done_;
  }

  raw_load load_;
  link link_;
  std::string body_;
  std::string event_;
  std::vector<std::uint64_t> last_;
  std::vector<std::string> reply_;
  std::uint64_t fetched_ = 0;
  std::atomic<std::uint64_t> done_{0};
};

} // namespace

double raw_per_second(const std::string& url, const raw_load& load) { return worker{url, load}.run(); }

std::vector<double> raw_sequence_us(const std::string& url, const raw_load& load) {
  link to{url, true};
  make_streams(to.nc);
  natsSubscription* in = nullptr;
  check(natsConnection_SubscribeSync(&in, to.nc, "raw.in"), "subscribe");
  const std::string task(load.task_bytes, 't');
  const std::string body(load.commit_bytes, 'c');
  std::vector<double> took;
  for (std::uint64_t i = 0; i < load.messages; ++i) {
    request_batch(to.nc, 1);
    const auto began = steady::now();
    ask(to.nc, "raw.task." + std::to_string(i), task);
    natsMsg* m = nullptr;
    check(natsSubscription_NextMsg(&m, in, 5'000), "fetch");
    ask(to.nc, "raw.log." + std::to_string(i), body);
    took.push_back(std::chrono::duration<double, std::micro>(steady::now() - began).count());
    natsConnection_PublishString(to.nc, natsMsg_GetReply(m), "+ACK");
    natsMsg_Destroy(m);
  }
  natsSubscription_Destroy(in);
  drop_streams(to.nc);
  std::ranges::sort(took);
  return took;
}

void publish_tasks(const std::string& url, std::uint64_t count, std::uint64_t sessions, const std::string& payload_prefix,
                   const std::string& payload_suffix, const std::string& session_prefix) {
  link to{url, false};
  std::atomic<std::uint64_t> acked{0};
  const auto counting = [](natsConnection*, natsSubscription*, natsMsg* m, void* closure) {
    ++*static_cast<std::atomic<std::uint64_t>*>(closure);
    natsMsg_Destroy(m);
  };
  const subscription acks{to.nc, "bench.published", counting, &acked};
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto subject = "baton.task." + session_prefix + std::to_string(i % sessions);
    const auto payload = payload_prefix + std::to_string(i) + payload_suffix;
    natsConnection_PublishRequest(to.nc, subject.c_str(), "bench.published", payload.data(), static_cast<int>(payload.size()));
    while (acked + 4'000 < i) nats_Sleep(1);
  }
  while (acked < count) nats_Sleep(1);
}

} // namespace baton::bench
