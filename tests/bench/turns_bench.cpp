// Turns through the whole path, beside what the broker can do in the same run: `bench turns --batond PROGRAM [--json]`;
// and the command line of `bench slots`.
#include <nats/nats.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/node_under_test.hpp"
#include "tests/bench/cluster_bench.hpp"
#include "tests/bench/raw_limit.hpp"
#include "tests/bench/slots_bench.hpp"
#include "tests/support/nats_server.hpp"

namespace {

using namespace baton;
using steady = std::chrono::steady_clock;

/// Sees every commit as a dashboard does.
class commit_watch {
public:
  explicit commit_watch(const std::string& url) {
    natsConnection_ConnectTo(&nc_, url.c_str());
    natsConnection_Subscribe(&sub_, nc_, "baton.committed.*", on_commit, this);
    natsSubscription_SetPendingLimits(sub_, -1, -1);
    natsConnection_Flush(nc_);
  }
  ~commit_watch() {
    natsSubscription_Destroy(sub_);
    natsConnection_Destroy(nc_);
  }
  commit_watch(const commit_watch&) = delete;
  commit_watch& operator=(const commit_watch&) = delete;

  [[nodiscard]] std::uint64_t seen() const { return seen_; }
  void wait_for(std::uint64_t count) const {
    for (auto now = seen_.load(); now < count; now = seen_.load()) seen_.wait(now);
  }
  /// Bytes of all bodies.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

private:
  static void on_commit(natsConnection*, natsSubscription*, natsMsg* m, void* closure) {
    auto& self = *static_cast<commit_watch*>(closure);
    const char* size = nullptr;
    if (natsMsgHeader_Get(m, "Nats-Msg-Size", &size) == NATS_OK) self.bytes_ += std::strtoull(size, nullptr, 10);
    ++self.seen_;
    self.seen_.notify_one();
    natsMsg_Destroy(m);
  }
  natsConnection* nc_ = nullptr;
  natsSubscription* sub_ = nullptr;
  std::atomic<std::uint64_t> seen_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

struct settings {
  std::string batond;
  /// No more for a session than it holds in memory, so that none is read from the broker twice.
  std::uint64_t turns = 60'000;
  std::uint64_t sessions = 1'000;
  /// As many as the raw loop has in flight.
  std::uint64_t slots = 512;
  std::uint64_t samples = 1'000;
  int rounds = 3;
  bool json = false;
};

struct figures {
  double turns_per_s = 0;
  double limit_per_s = 0;
  double cpu_us_per_turn = 0;
  double commit_bytes = 0;
  double p50_us = 0;
  double p99_us = 0;
  double raw_p50_us = 0;
};

double at(const std::vector<double>& sorted, double part) {
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(part * static_cast<double>(sorted.size())))];
}

const std::string payload_prefix = R"({"kind":"turn","runner":"echo","id":"t)";
const std::string payload_suffix =
    R"(","input":"A short message of the size that people write to an assistant, some hundred and twenty characters or so, no more."})";

std::vector<double> latencies(const std::string& url, const commit_watch& watch, std::uint64_t samples) {
  natsConnection* nc = nullptr;
  natsOptions* options = nullptr;
  natsOptions_Create(&options);
  natsOptions_SetURL(options, url.c_str());
  natsOptions_SetSendAsap(options, true);
  natsConnection_Connect(&nc, options);
  natsOptions_Destroy(options);
  std::vector<double> took;
  for (std::uint64_t i = 0; i < samples; ++i) {
    const auto before = watch.seen();
    const auto subject = "baton.task.idle" + std::to_string(i % 50);
    const auto payload = payload_prefix + "i" + std::to_string(i) + payload_suffix;
    const auto began = steady::now();
    natsConnection_Publish(nc, subject.c_str(), payload.data(), static_cast<int>(payload.size()));
    watch.wait_for(before + 1);
    took.push_back(std::chrono::duration<double, std::micro>(steady::now() - began).count());
  }
  natsConnection_Destroy(nc);
  std::ranges::sort(took);
  return took;
}

figures measure(const settings& s) {
  support::nats_server server;
  figures f;
  bench::raw_load load{s.turns, s.sessions, payload_prefix.size() + payload_suffix.size() + 6, 0, 150};
  {
    support::temp_dir dir;
    const support::node_under_test node{s.batond, server.url(), dir.path(), {"--slots", std::to_string(s.slots)}};
    const commit_watch watch{server.url()};
    const auto idle = latencies(server.url(), watch, s.samples);
    f.p50_us = at(idle, 0.5);
    f.p99_us = at(idle, 0.99);
    const auto before = watch.seen();
    const auto bytes_before = watch.bytes();
    const auto cpu_before = node.cpu_seconds();
    node.pause();
    bench::publish_tasks(server.url(), s.turns, s.sessions, payload_prefix, payload_suffix, "s");
    const auto began = steady::now();
    node.resume();
    watch.wait_for(before + s.turns);
    const std::chrono::duration<double> took = steady::now() - began;
    f.turns_per_s = static_cast<double>(s.turns) / took.count();
    f.cpu_us_per_turn = (node.cpu_seconds() - cpu_before) * 1e6 / static_cast<double>(s.turns);
    f.commit_bytes = static_cast<double>(watch.bytes() - bytes_before) / static_cast<double>(s.turns);
  }
  load.commit_bytes = static_cast<std::size_t>(f.commit_bytes);
  f.limit_per_s = bench::raw_per_second(server.url(), load);
  load.messages = s.samples;
  f.raw_p50_us = at(bench::raw_sequence_us(server.url(), load), 0.5);
  return f;
}

double median(std::vector<figures> all, double figures::*which) {
  std::ranges::sort(all, {}, which);
  return all[all.size() / 2].*which;
}

void print(const settings& s, const std::vector<figures>& all) {
  const auto of = [&](double figures::*which) { return median(all, which); };
  const auto turns = of(&figures::turns_per_s);
  const auto limit = of(&figures::limit_per_s);
  std::vector<double> ratios;
  for (const auto& f : all) ratios.push_back(f.turns_per_s / f.limit_per_s);
  std::ranges::sort(ratios);
  const auto ratio = ratios[ratios.size() / 2];
  if (s.json) {
    const nlohmann::json told{{"turns_per_s", turns},           {"limit_per_s", limit},
                              {"ratio", ratio},                 {"p50_us", of(&figures::p50_us)},
                              {"p99_us", of(&figures::p99_us)}, {"raw_p50_us", of(&figures::raw_p50_us)},
                              {"cpu_us_per_turn", of(&figures::cpu_us_per_turn)},
                              {"commit_bytes", of(&figures::commit_bytes)},
                              {"turns", s.turns},               {"sessions", s.sessions},
                              {"slots", s.slots},
                              {"rounds", s.rounds}};
    std::cout << told.dump() << '\n';
    return;
  }
  std::printf("%llu echo turns over %llu sessions, %d rounds, medians; broker on the same machine\n",
              static_cast<unsigned long long>(s.turns), static_cast<unsigned long long>(s.sessions), s.rounds);
  std::printf("%-44s %12s %12s %8s\n", "", "baton", "raw limit", "ratio");
  std::printf("%-44s %10.0f/s %10.0f/s %8.2f\n", "fetch + append + acknowledge", turns, limit, ratio);
  std::printf("%-44s %9.0f us %9.0f us %8.2f\n", "publish -> committed, idle node, p50", of(&figures::p50_us),
              of(&figures::raw_p50_us), of(&figures::p50_us) / of(&figures::raw_p50_us));
  std::printf("%-44s %9.0f us\n", "publish -> committed, idle node, p99", of(&figures::p99_us));
  std::printf("%-44s %9.1f us\n", "processor time of batond per turn", of(&figures::cpu_us_per_turn));
  std::printf("%-44s %9.0f B\n", "a commit's size, mean", of(&figures::commit_bytes));
}

void add_slots(CLI::App& to, bench::slots_settings& s) {
  s.program = BATON_SOURCE_DIR "/examples/programs/count_words.py";
  auto& app = *to.add_subcommand("slots", "how long turns wait for a slot, with and without a tenant that floods");
  app.add_option("--batond", s.batond, "the program to measure; default: the one beside this");
  app.add_option("--program", s.program, "what the turns run; it yields when asked")->capture_default_str();
  app.add_option("--slots", s.slots, "slices that the node runs at once")->capture_default_str();
  app.add_option("--sessions", s.sessions, "long turns, each in a session of its own")->capture_default_str();
  app.add_option("--flood", s.flood, "as many of another tenant")->capture_default_str();
  app.add_option("--lines", s.lines, "steps in a turn, each with a checkpoint")->capture_default_str();
  app.add_option("--line-ms", s.line_ms, "how long a step takes")->capture_default_str();
  app.add_option("--share-ms", s.share_ms, "session.slice_share")->capture_default_str();
  app.add_flag("--json", s.json, "one JSON object instead of a table");
}

} // namespace

int main(int argc, char** argv) {
  settings s;
  CLI::App program{"Measures Baton. Run it on an idle machine, with a release build."};
  program.require_subcommand(1);
  auto& app = *program.add_subcommand("turns", "turns through a node, beside the broker's own limit in the same run");
  app.add_option("--batond", s.batond, "the program to measure; default: the one beside this");
  app.add_option("--turns", s.turns, "turns in each round")->capture_default_str();
  app.add_option("--sessions", s.sessions, "sessions that they are spread over")->capture_default_str();
  app.add_option("--slots", s.slots, "slices that the node runs at once")->capture_default_str();
  app.add_option("--samples", s.samples, "turns sent one at a time, for the latency")->capture_default_str();
  app.add_option("--rounds", s.rounds, "each with a fresh broker and node")->capture_default_str();
  app.add_flag("--json", s.json, "one JSON object instead of a table");
  bench::slots_settings of_slots;
  add_slots(program, of_slots);
  const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "batond";
  bench::add_cluster(program, beside);
  CLI11_PARSE(program, argc, argv);
  if (program.got_subcommand("slots")) {
    if (of_slots.batond.empty()) of_slots.batond = beside;
    bench::measure_slots(of_slots);
    return 0;
  }
  if (!program.got_subcommand("turns")) return 0;
  if (s.batond.empty()) s.batond = beside;
  std::vector<figures> all;
  for (int i = 0; i < s.rounds; ++i) all.push_back(measure(s));
  print(s, all);
}
