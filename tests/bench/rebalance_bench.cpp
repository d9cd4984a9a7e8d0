// `bench rebalance`: what a steady load feels while partitions move: a second and a third node join, then the first one drains.
#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "messages/subjects.hpp"
#include "tests/bench/cluster_bench.hpp"
#include "tests/bench/turn_feed.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/node_under_test.hpp"

namespace baton::bench {
namespace {

constexpr std::uint64_t partitions = 32;
constexpr std::chrono::seconds patience{120};

struct settings {
  std::string batond;
  std::uint64_t sessions = 320;
  std::uint64_t per_second = 640;
  double lease_ms = 10'000;
  double quiet_ms = 5'000;
  int rounds = 3;
  bool json = false;
};

struct phase {
  double took_s = 0;
  /// The longest time without a commit in one partition that always has turns to come, and the median over the partitions of each
  /// one's longest.
  double longest_gap_s = 0;
  double median_gap_s = 0;
};

constexpr std::array phase_names{"nothing moves", "a second node joins", "a third node joins", "the first node drains"};
using phases = std::array<phase, phase_names.size()>;

struct figures {
  phases of;
  faults found;
  std::uint64_t turns = 0;
  int drain_code = 0;
};

/// The longest time between two turns' ends, partition by partition.
class gap_watch {
public:
  void on_event(const seen_event& e) {
    if (!e.is_final()) return;
    const auto partition = subjects::partition_of(*session_id::parse(e.session), partitions).value;
    const std::lock_guard hold{lock_};
    note(partition, e.at);
    last_[partition] = e.at;
    seen_[partition] = true;
  }
  /// A gap that began before belongs to the phase, too.
  void begin() {
    const std::lock_guard hold{lock_};
    longest_.fill(0);
  }
  /// From now on, in each partition.
  void wait_for_all() {
    {
      const std::lock_guard hold{lock_};
      seen_.fill(false);
    }
    wait_for([&] { return has_seen_all(); }, "a commit in each partition", patience);
  }
  [[nodiscard]] std::vector<double> longest() {
    const std::lock_guard hold{lock_};
    const auto now = steady::now();
    for (std::uint64_t p = 0; p < partitions; ++p) note(p, now);
    return {longest_.begin(), longest_.end()};
  }

private:
  [[nodiscard]] bool has_seen_all() const {
    const std::lock_guard hold{lock_};
    return std::ranges::all_of(seen_, [](bool seen) { return seen; });
  }
  void note(std::uint64_t partition, steady::time_point at) {
    if (last_[partition] != steady::time_point{}) {
      longest_[partition] = std::max(longest_[partition], seconds_between(last_[partition], at));
    }
  }

  mutable std::mutex lock_;
  std::array<steady::time_point, partitions> last_{};
  std::array<double, partitions> longest_{};
  std::array<bool, partitions> seen_{};
};

/// As many in each partition, one partition after the other.
std::vector<std::string> evenly_spread(std::uint64_t count) {
  std::vector<std::string> found;
  for (std::uint64_t i = 0; found.size() < count; ++i) {
    auto name = "s" + std::to_string(i);
    if (subjects::partition_of(*session_id::parse(name), partitions).value == found.size() % partitions) found.push_back(std::move(name));
  }
  return found;
}

/// Publishes turn after turn, session after session, until it is told to stop.
class steady_load {
public:
  steady_load(turn_feed& feed, const settings& s)
      : thread_{[&feed, sessions = evenly_spread(s.sessions), rate = s.per_second](const std::stop_token& stop) {
          const auto began = steady::now();
          for (std::uint64_t i = 0; !stop.stop_requested(); ++i) {
            while (steady::now() < began + std::chrono::microseconds{i * 1'000'000 / rate}) nats_Sleep(1);
            feed.publish(sessions[i % sessions.size()], "echo");
          }
        }} {}
  void end() {
    thread_.request_stop();
    thread_.join();
  }

private:
  std::jthread thread_;
};

figures measure(const settings& s) {
  support::nats_server server;
  std::array<support::temp_dir, 3> dirs;
  gap_watch watch;
  turn_feed feed{server.url(), [&](const seen_event& e) { watch.on_event(e); }};
  const auto ms = [](double count) { return std::to_string(static_cast<long>(count)) + "ms"; };
  const auto node = [&](std::size_t i) {
    return std::make_unique<support::node_under_test>(s.batond, server.url(), dirs[i].path(),
        std::vector<std::string>{"--broker.partitions", std::to_string(partitions), "--lease.duration", ms(s.lease_ms),
            "--lease.heartbeat", ms(s.lease_ms / 5), "--lease.self-stop", ms(s.lease_ms * 4 / 5)});
  };
  figures f;
  const auto during = [&](std::size_t which, const auto& what) {
    watch.begin();
    const auto began = steady::now();
    what();
    f.of[which].took_s = seconds_between(began, steady::now());
    // A partition that still stands still shows its gap.
    watch.wait_for_all();
    const auto gaps = watch.longest();
    f.of[which].longest_gap_s = at_part(gaps, 1);
    f.of[which].median_gap_s = at_part(gaps, 0.5);
  };
  const auto first = node(0);
  std::unique_ptr<support::node_under_test> second;
  std::unique_ptr<support::node_under_test> third;
  steady_load load{feed, s};
  watch.wait_for_all();
  const auto quiet_until = steady::now() + std::chrono::milliseconds{static_cast<long>(s.quiet_ms)};
  during(0, [&] { wait_for([&] { return steady::now() > quiet_until; }, "the quiet phase", patience); });
  during(1, [&] { second = node(1); });
  during(2, [&] { third = node(2); });
  during(3, [&] {
    f.drain_code = first->drain();
    watch.wait_for_all();
  });
  load.end();
  feed.wait_accepted();
  feed.wait_ended(patience);
  f.found = feed.found();
  f.turns = feed.published();
  return f;
}

double median(const std::vector<figures>& all, std::size_t of, double phase::*which) {
  std::vector<double> values;
  for (const auto& f : all) values.push_back(f.of[of].*which);
  return at_part(values, 0.5);
}

void print(const settings& s, const std::vector<figures>& all, double load) {
  figures sum;
  int drained = 0;
  for (const auto& f : all) {
    sum.found += f.found;
    sum.turns += f.turns;
    drained += f.drain_code == 0 ? 1 : 0;
  }
  if (s.json) {
    nlohmann::json told{{"lease_s", s.lease_ms / 1e3}, {"per_second", s.per_second}, {"sessions", s.sessions}, {"turns", sum.turns},
        {"lost", sum.found.lost}, {"twice", sum.found.twice}, {"failed", sum.found.failed}, {"disordered", sum.found.disordered},
        {"drained_well", drained}, {"rounds", s.rounds}, {"load_average", load}};
    for (std::size_t i = 0; i < phase_names.size(); ++i) {
      told["phases"].push_back({{"name", phase_names[i]}, {"took_s", median(all, i, &phase::took_s)},
          {"longest_gap_s", median(all, i, &phase::longest_gap_s)}, {"median_gap_s", median(all, i, &phase::median_gap_s)}});
    }
    std::cout << told.dump() << '\n';
    return;
  }
  std::printf("%llu partitions under %llu echo turns a second over %llu sessions, lease %.1f s; %d rounds, medians\n",
      static_cast<unsigned long long>(partitions), static_cast<unsigned long long>(s.per_second),
      static_cast<unsigned long long>(s.sessions), s.lease_ms / 1e3, s.rounds);
  std::printf("nodes, broker and producer share one machine; a join counts from the start of the process until it owns its share, a drain\n"
              "until the process has ended and each partition goes on elsewhere; load average at the start %.2f\n",
      load);
  std::printf("%-28s %12s %26s %26s\n", "", "balanced in", "longest gap of any", "median of their longest");
  for (std::size_t i = 0; i < phase_names.size(); ++i) {
    std::printf("%-28s %10.2f s %24.3f s %24.3f s\n", phase_names[i], median(all, i, &phase::took_s),
        median(all, i, &phase::longest_gap_s), median(all, i, &phase::median_gap_s));
  }
  std::printf("%llu turns: lost %llu, twice %llu, failed %llu, sessions out of order %llu; drained in good order %d of %d\n",
      static_cast<unsigned long long>(sum.turns), static_cast<unsigned long long>(sum.found.lost),
      static_cast<unsigned long long>(sum.found.twice), static_cast<unsigned long long>(sum.found.failed),
      static_cast<unsigned long long>(sum.found.disordered), drained, s.rounds);
}

bool run(const settings& s) {
  const auto load = load_average();
  std::vector<figures> all;
  for (int i = 0; i < s.rounds; ++i) all.push_back(measure(s));
  print(s, all, load);
  return std::ranges::none_of(all, [](const figures& f) { return f.found.any() || f.drain_code != 0; });
}

} // namespace

void add_rebalance(CLI::App& to, const std::filesystem::path& beside) {
  const auto s = std::make_shared<settings>();
  s->batond = beside;
  auto& app = *to.add_subcommand("rebalance", "what a steady load feels while nodes join and one drains");
  app.add_option("--batond", s->batond, "the program to measure");
  app.add_option("--sessions", s->sessions, "sessions, as many in each partition")->capture_default_str()->check(CLI::Range(32, 1'000'000));
  app.add_option("--per-second", s->per_second, "turns")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--lease", s->lease_ms, "lease.duration of the nodes: 10s")->transform(duration_with_unit());
  app.add_option("--quiet", s->quiet_ms, "how long nothing moves at first: 5s")->transform(duration_with_unit());
  app.add_option("--rounds", s->rounds, "each with a fresh broker and nodes")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_flag("--json", s->json, "one JSON object instead of a table");
  app.callback([s] { guarded([&] { return run(*s); }); });
}

} // namespace baton::bench
