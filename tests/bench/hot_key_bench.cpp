// `bench hot-key`: what a session with a long queue costs the others. Rounds with and without that queue take turns on one node.
#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "messages/subjects.hpp"
#include "tests/bench/cluster_bench.hpp"
#include "tests/bench/turn_feed.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/node_under_test.hpp"

namespace baton::bench {
namespace {

constexpr std::uint64_t partitions = 32;
constexpr std::chrono::seconds patience{300};

struct settings {
  std::string batond;
  std::uint64_t queued = 10'000;
  std::uint64_t others = 1'000;
  std::uint64_t per_second = 500;
  std::uint64_t slots = 512;
  int rounds = 5;
  bool json = false;
};

/// Of the others' turns in one round.
struct figures {
  double p50_us = 0;
  double p99_us = 0;
  double longest_us = 0;
  /// Of those that are in the hot session's partition.
  double beside_p50_us = 0;
  double beside_longest_us = 0;
  /// Still queued for the hot session when the last of the others ended.
  double left = 0;
};

/// When the others' turns were published, and when each was seen to end; one turn at a time for a session.
class latency_watch {
public:
  void on_event(const seen_event& e) {
    if (!e.is_final()) return;
    if (e.session.starts_with("hot")) {
      ++hot_ended_;
      return;
    }
    const std::lock_guard hold{lock_};
    ended_at_.insert_or_assign(e.session, e.at);
    ++others_ended_;
  }
  [[nodiscard]] std::uint64_t hot_ended() const { return hot_ended_; }
  [[nodiscard]] std::uint64_t others_ended() const { return others_ended_; }
  [[nodiscard]] std::vector<double> latencies_us(
      const std::map<std::string, steady::time_point>& published_at, const std::function<bool(const std::string&)>& which) const {
    const std::lock_guard hold{lock_};
    std::vector<double> found;
    for (const auto& [session, at] : published_at) {
      if (which(session)) found.push_back(seconds_between(at, ended_at_.at(session)) * 1e6);
    }
    return found;
  }

private:
  mutable std::mutex lock_;
  std::map<std::string, steady::time_point> ended_at_;
  std::atomic<std::uint64_t> hot_ended_{0};
  std::atomic<std::uint64_t> others_ended_{0};
};

/// One turn for each of the other sessions, evenly spread over time.
std::map<std::string, steady::time_point> publish_others(turn_feed& feed, const settings& s) {
  std::map<std::string, steady::time_point> published_at;
  const auto began = steady::now();
  for (std::uint64_t i = 0; i < s.others; ++i) {
    const auto due = began + std::chrono::microseconds{i * 1'000'000 / s.per_second};
    while (steady::now() < due) nats_Sleep(1);
    const auto session = "other" + std::to_string(i);
    published_at.emplace(session, feed.publish(session, "echo"));
  }
  return published_at;
}

figures measure(turn_feed& feed, const latency_watch& watch, const settings& s, const std::string& hot, std::uint64_t queued) {
  const auto hot_before = watch.hot_ended();
  const auto others_before = watch.others_ended();
  for (std::uint64_t i = 0; i < queued; ++i) feed.publish(hot, "echo");
  // Not before they are stored: the others are to meet the queue, not its making.
  feed.wait_accepted();
  const auto published_at = publish_others(feed, s);
  wait_for([&] { return watch.others_ended() == others_before + s.others; }, "the other sessions' turns", patience);
  figures f;
  f.left = static_cast<double>(hot_before + queued - watch.hot_ended());
  const auto partition_of = [](const std::string& session) { return subjects::partition_of(*session_id::parse(session), partitions); };
  const auto all = watch.latencies_us(published_at, [](const std::string&) { return true; });
  const auto beside = watch.latencies_us(
      published_at, [&](const std::string& session) { return partition_of(session) == partition_of(hot); });
  f.p50_us = at_part(all, 0.5);
  f.p99_us = at_part(all, 0.99);
  f.longest_us = at_part(all, 1);
  f.beside_p50_us = at_part(beside, 0.5);
  f.beside_longest_us = at_part(beside, 1);
  feed.wait_ended(patience);
  return f;
}

double median(const std::vector<figures>& all, double figures::*which) {
  std::vector<double> values;
  for (const auto& f : all) values.push_back(f.*which);
  return at_part(values, 0.5);
}

nlohmann::json to_json(const std::vector<figures>& all) {
  const auto of = [&](double figures::*which) { return median(all, which); };
  return {{"p50_us", of(&figures::p50_us)}, {"p99_us", of(&figures::p99_us)}, {"longest_us", of(&figures::longest_us)},
      {"beside_p50_us", of(&figures::beside_p50_us)}, {"beside_longest_us", of(&figures::beside_longest_us)}};
}

struct result {
  std::vector<figures> without;
  std::vector<figures> with;
  faults found;
  double load = 0;
};

void print(const settings& s, const result& r) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < r.with.size(); ++i) ratios.push_back(r.with[i].p99_us / r.without[i].p99_us);
  const auto least_left = std::ranges::min(r.with, {}, &figures::left).left;
  if (s.json) {
    const nlohmann::json told{{"without", to_json(r.without)}, {"with", to_json(r.with)}, {"p99_ratio", at_part(ratios, 0.5)},
        {"mark_ratio", 2.0}, {"left_least", least_left}, {"queued", s.queued}, {"others", s.others}, {"per_second", s.per_second},
        {"slots", s.slots}, {"rounds", s.rounds}, {"lost", r.found.lost}, {"twice", r.found.twice}, {"failed", r.found.failed},
        {"disordered", r.found.disordered}, {"load_average", r.load}};
    std::cout << told.dump() << '\n';
    return;
  }
  std::printf("a turn in each of %llu sessions, %llu a second, echo; with %llu turns queued on one session more; %d rounds of each, "
              "by turns, medians\n",
      static_cast<unsigned long long>(s.others), static_cast<unsigned long long>(s.per_second),
      static_cast<unsigned long long>(s.queued), s.rounds);
  std::printf("without them the node is idle but for the others; load average at the start %.2f\n", r.load);
  std::printf("%-52s %12s %12s %8s\n", "publish -> committed, the others", "without", "with", "ratio");
  const auto row = [&](const char* name, double figures::*which) {
    const auto without = median(r.without, which);
    const auto with = median(r.with, which);
    std::printf("%-52s %9.0f us %9.0f us %8.2f\n", name, without, with, without > 0 ? with / without : 0);
  };
  row("p50", &figures::p50_us);
  row("p99", &figures::p99_us);
  row("longest", &figures::longest_us);
  row("in the hot session's partition: p50", &figures::beside_p50_us);
  row("in the hot session's partition: longest", &figures::beside_longest_us);
  std::printf("%-52s %34.2f   mark 2.00\n", "p99 with / p99 without, median of the rounds", at_part(ratios, 0.5));
  std::printf("still queued when the others had ended: at least %.0f%s\n", least_left,
      least_left > 0 ? "" : "; the queue was too short for this measure, raise --queued");
  std::printf("lost %llu, twice %llu, failed %llu, sessions out of order %llu\n", static_cast<unsigned long long>(r.found.lost),
      static_cast<unsigned long long>(r.found.twice), static_cast<unsigned long long>(r.found.failed),
      static_cast<unsigned long long>(r.found.disordered));
}

bool run(const settings& s) {
  result r;
  r.load = load_average();
  support::nats_server server;
  support::temp_dir dir;
  const support::node_under_test node{s.batond, server.url(), dir.path(),
      {"--slots", std::to_string(s.slots), "--session.backlog-max", std::to_string(s.queued * 2), "--broker.partitions",
          std::to_string(partitions)}};
  latency_watch watch;
  turn_feed feed{server.url(), [&](const seen_event& e) { watch.on_event(e); }};
  // The first turn of a session makes it; that is another measure.
  measure(feed, watch, s, "hot", 1);
  for (int i = 0; i < s.rounds; ++i) {
    r.without.push_back(measure(feed, watch, s, "hot", 0));
    r.with.push_back(measure(feed, watch, s, "hot", s.queued));
  }
  feed.wait_accepted();
  r.found = feed.found();
  print(s, r);
  return !r.found.any();
}

} // namespace

void add_hot_key(CLI::App& to, const std::filesystem::path& beside) {
  const auto s = std::make_shared<settings>();
  s->batond = beside;
  auto& app = *to.add_subcommand("hot-key", "what a session with a long queue costs the others");
  app.add_option("--batond", s->batond, "the program to measure");
  app.add_option("--queued", s->queued, "turns queued on one session")->capture_default_str();
  app.add_option("--others", s->others, "other sessions, one turn in each")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--per-second", s->per_second, "of the others' turns")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--slots", s->slots, "slices that the node runs at once")->capture_default_str();
  app.add_option("--rounds", s->rounds, "of each kind, on the same node")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_flag("--json", s->json, "one JSON object instead of a table");
  app.callback([s] { guarded([&] { return run(*s); }); });
}

} // namespace baton::bench
