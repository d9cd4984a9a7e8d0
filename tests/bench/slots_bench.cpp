#include "tests/bench/slots_bench.hpp"

#include <nats/nats.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "tests/support/nats_server.hpp"
#include "tests/support/node_under_test.hpp"

namespace baton::bench {
namespace {

using steady = std::chrono::steady_clock;
constexpr std::chrono::minutes patience{20};

/// When each session began to wait, and how long it did, as an observer of the commits sees it: from the task's publication,
/// or the commit of a yield, to the next commit of the slice that follows. That includes the start of the program.
class wait_watch {
public:
  explicit wait_watch(const std::string& url) {
    natsConnection_ConnectTo(&nc_, url.c_str());
    natsConnection_Subscribe(&sub_, nc_, "baton.committed.*", on_commit, this);
    natsSubscription_SetPendingLimits(sub_, -1, -1);
    natsConnection_Flush(nc_);
  }
  ~wait_watch() {
    natsSubscription_Destroy(sub_);
    natsConnection_Destroy(nc_);
  }
  wait_watch(const wait_watch&) = delete;
  wait_watch& operator=(const wait_watch&) = delete;

  /// Only sessions whose name begins with `q` are watched.
  void publish(const std::string& session, const std::string& payload) {
    if (session.starts_with('q')) {
      const std::lock_guard hold{lock_};
      waits_since_.insert_or_assign(session, steady::now());
    }
    const auto subject = "baton.task." + session;
    natsConnection_Publish(nc_, subject.c_str(), payload.data(), static_cast<int>(payload.size()));
  }
  /// Seconds, once `count` of the watched sessions have completed; the shortest first.
  std::vector<double> waits(std::uint64_t count) {
    natsConnection_Flush(nc_);
    std::unique_lock hold{lock_};
    const auto is_done = [&] { return completed_ >= count || has_failed_; };
    if (!changed_.wait_for(hold, patience, is_done) || has_failed_) throw std::runtime_error("the turns do not complete");
    std::ranges::sort(waited_);
    return waited_;
  }

private:
  static void on_commit(natsConnection*, natsSubscription*, natsMsg* m, void* closure) {
    static_cast<wait_watch*>(closure)->note(m);
    natsMsg_Destroy(m);
  }
  void note(natsMsg* m) {
    const std::string_view subject = natsMsg_GetSubject(m);
    const std::string session{subject.substr(subject.rfind('.') + 1)};
    const char** events = nullptr;
    int count = 0;
    if (!session.starts_with('q') || natsMsgHeader_Values(m, "Baton-Event", &events, &count) != NATS_OK) return;
    const std::lock_guard hold{lock_};
    for (int i = 0; i < count; ++i) on_event(session, nlohmann::json::parse(events[i]).value("kind", ""));
    std::free(static_cast<void*>(events));
    changed_.notify_one();
  }
  void on_event(const std::string& session, const std::string& kind) {
    const auto now = steady::now();
    has_failed_ = has_failed_ || kind == "run_failed";
    if (kind != "slice_started" && kind != "checkpoint_stored" && kind != "run_yielded" && kind != "run_completed") return;
    if (const auto since = waits_since_.extract(session)) {
      waited_.push_back(std::chrono::duration<double>(now - since.mapped()).count());
    }
    if (kind == "run_yielded") waits_since_.emplace(session, now);
    if (kind == "run_completed") completed_ += 1;
  }

  natsConnection* nc_ = nullptr;
  natsSubscription* sub_ = nullptr;
  std::mutex lock_;
  std::condition_variable changed_;
  std::map<std::string, steady::time_point> waits_since_;
  std::vector<double> waited_;
  std::uint64_t completed_ = 0;
  bool has_failed_ = false;
};

struct figures {
  double median_s = 0;
  double longest_s = 0;
  double took_s = 0;
  std::size_t waits = 0;
};

figures measure(const slots_settings& s, std::uint64_t flood) {
  support::nats_server server;
  support::temp_dir dir;
  const auto config = dir.path() / "baton.toml";
  std::ofstream{config} << "[session]\nslice_share = \"" << s.share_ms << "ms\"\n[runners.work]\ntype = \"command\"\nmode = \"jsonl\"\n"
                        << "program = \"" << s.program << "\"\n";
  const support::node_under_test node{
      s.batond, server.url(), dir.path(), {"--config", config.string(), "--slots", std::to_string(s.slots)}};
  wait_watch watch{server.url()};
  std::string text;
  for (std::uint64_t i = 0; i < s.lines; ++i) text += "a line\n";
  const auto task = [&](const char* tenant) {
    return nlohmann::json{{"runner", "work"}, {"tenant", tenant}, {"input", text},
        {"options", {{"pause", static_cast<double>(s.line_ms) / 1'000}}}}
        .dump();
  };
  // The flood is there first.
  for (std::uint64_t i = 0; i < flood; ++i) watch.publish("f" + std::to_string(i), task("flood"));
  const auto began = steady::now();
  for (std::uint64_t i = 0; i < s.sessions; ++i) watch.publish("q" + std::to_string(i), task("quiet"));
  const auto waits = watch.waits(s.sessions);
  const std::chrono::duration<double> took = steady::now() - began;
  return {waits[waits.size() / 2], waits.back(), took.count(), waits.size()};
}

nlohmann::json to_json(const figures& f) {
  return {{"median_s", f.median_s}, {"longest_s", f.longest_s}, {"took_s", f.took_s}, {"waits", f.waits}};
}

void print(const char* name, const figures& f) {
  std::printf("%-34s %9.2f s %9.2f s %9.1f s %8zu\n", name, f.median_s, f.longest_s, f.took_s, f.waits);
}

} // namespace

void measure_slots(const slots_settings& s) {
  const auto alone = measure(s, 0);
  const auto flooded = measure(s, s.flood);
  if (s.json) {
    const nlohmann::json told{{"alone", to_json(alone)}, {"flooded", to_json(flooded)}, {"slots", s.slots}, {"sessions", s.sessions},
        {"flood", s.flood}, {"lines", s.lines}, {"line_ms", s.line_ms}, {"share_ms", s.share_ms}};
    std::cout << told.dump() << '\n';
    return;
  }
  std::printf("%llu sessions on %llu slots, a turn of %.1f s in each, session.slice_share %.1f s; a tenant that floods has %llu more\n",
      static_cast<unsigned long long>(s.sessions), static_cast<unsigned long long>(s.slots),
      static_cast<double>(s.lines * s.line_ms) / 1'000, static_cast<double>(s.share_ms) / 1'000,
      static_cast<unsigned long long>(s.flood));
  std::printf("%-34s %11s %11s %11s %8s\n", "wait for a slot", "median", "longest", "all done", "waits");
  print("alone", alone);
  print("beside the tenant that floods", flooded);
}

} // namespace baton::bench
