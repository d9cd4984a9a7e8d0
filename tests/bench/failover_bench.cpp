// `bench failover`: how long the turns of a killed node stand still. Every turn is a program that was started and waits, so it is
// really under way, and takes no processor time from those who are measured; it ends when the gate opens, a lock on a file.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "tests/bench/cluster_bench.hpp"
#include "tests/bench/turn_feed.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/node_under_test.hpp"

namespace baton::bench {
namespace {

struct settings {
  std::string batond;
  std::uint64_t turns = 1'000;
  double lease_ms = 10'000;
  int rounds = 3;
  bool json = false;
};

struct gate {
  explicit gate(const std::filesystem::path& file) : fd{open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)} {
    if (fd < 0 || flock(fd, LOCK_EX) != 0) throw std::runtime_error("cannot lock " + file.string());
  }
  ~gate() { close(fd); }
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;
  void lift() const { flock(fd, LOCK_UN); }
  int fd;
};

/// A turn, as seen from outside.
struct watched_turn {
  /// Where its program spoke last; empty: nowhere yet.
  std::string place;
  std::uint64_t epoch = 0;
  bool slice_is_stored = false;
  std::optional<steady::time_point> taken;
  std::optional<steady::time_point> started;
  std::optional<steady::time_point> spoke;
};

class turn_watch {
public:
  void on_event(const seen_event& e) {
    const std::lock_guard hold{lock_};
    auto& turn = turns_[e.session];
    const bool is_newer = e.epoch > turn.epoch;
    turn.epoch = std::max(turn.epoch, e.epoch);
    turn.slice_is_stored = turn.slice_is_stored || e.kind == "slice_started";
    if (!killed_) return;
    if (e.kind == "session_taken" && is_newer && !turn.taken) turn.taken = e.at;
    // After a take-over each slice is stored before it runs, and only a take-over starts another one here.
    if (turn.taken && (e.kind == "slice_started" || e.is_final()) && !turn.started) turn.started = e.at;
  }
  void on_words(std::string_view session, std::string_view words) {
    const std::lock_guard hold{lock_};
    auto& turn = turns_[std::string{session}];
    turn.place = words;
    if (killed_ && !turn.spoke) turn.spoke = steady::now();
  }
  void note_kill() {
    const std::lock_guard hold{lock_};
    killed_ = true;
  }
  [[nodiscard]] std::uint64_t count(const std::function<bool(const watched_turn&)>& which) const {
    const std::lock_guard hold{lock_};
    std::uint64_t found = 0;
    for (const auto& [session, turn] : turns_) found += which(turn) ? 1 : 0;
    return found;
  }
  [[nodiscard]] std::vector<double> seconds(std::optional<steady::time_point> watched_turn::*when, steady::time_point from) const {
    const std::lock_guard hold{lock_};
    std::vector<double> found;
    for (const auto& [session, turn] : turns_) {
      if (turn.*when) found.push_back(seconds_between(from, *(turn.*when)));
    }
    return found;
  }

private:
  mutable std::mutex lock_;
  std::map<std::string, watched_turn> turns_;
  bool killed_ = false;
};

struct spread {
  double median_s = 0;
  double last_s = 0;
};

struct figures {
  std::uint64_t cut_off = 0;
  std::uint64_t not_going = 0;
  /// Of the node that lived; taken over although it did.
  std::uint64_t disturbed = 0;
  spread taken;
  spread going;
  spread speaking;
  faults found;
};

std::vector<std::string> arguments_for(const settings& s, const std::filesystem::path& dir, const std::filesystem::path& gate_file) {
  const auto config = dir / "baton.toml";
  std::ofstream{config} << "[runners.wait]\ntype = \"command\"\nprogram = \"sh\"\n"
                        << R"(args = ["-c", "echo at work in $PWD; exec flock --shared 9 9<\"$0\"", ")" << gate_file.string() << "\"]\n";
  const auto lease = static_cast<long>(s.lease_ms);
  const auto ms = [](long count) { return std::to_string(count) + "ms"; };
  return {"--config", config.string(), "--slots", std::to_string(s.turns), "--lease.duration", ms(lease),
          "--lease.heartbeat", ms(lease / 5), "--lease.self-stop", ms(lease * 4 / 5)};
}

figures measure(const settings& s) {
  constexpr std::chrono::seconds patience{300};
  support::nats_server server;
  support::temp_dir first_dir;
  support::temp_dir second_dir;
  const gate closed{first_dir.path() / "gate"};
  const auto node = [&](const support::temp_dir& dir) {
    return std::make_unique<support::node_under_test>(
        s.batond, server.url(), dir.path(), arguments_for(s, dir.path(), first_dir.path() / "gate"));
  };
  turn_watch watch;
  turn_feed feed{server.url(), [&](const seen_event& e) { watch.on_event(e); },
                 [&](std::string_view session, std::string_view words) { watch.on_words(session, words); }};
  const auto first = node(first_dir);
  const auto second = node(second_dir);
  for (std::uint64_t i = 0; i < s.turns; ++i) feed.publish("s" + std::to_string(i), "wait");
  feed.wait_accepted();
  const auto is_at_work = [](const watched_turn& t) { return !t.place.empty() && t.slice_is_stored; };
  wait_for([&] { return watch.count(is_at_work) == s.turns; }, "all turns to be under way", patience);

  figures f;
  const auto is_of_first = [&](const watched_turn& t) { return t.place.find(first_dir.path().string()) != std::string::npos; };
  f.cut_off = watch.count(is_of_first);
  watch.note_kill();
  const auto killed_at = steady::now();
  first->kill();
  const auto going = [](const watched_turn& t) { return t.started && t.spoke; };
  const auto until = killed_at + std::chrono::milliseconds{static_cast<long>(s.lease_ms)} + patience;
  while (watch.count(going) < f.cut_off && steady::now() < until) nats_Sleep(5);
  closed.lift();
  feed.wait_ended(patience);

  const auto spread_of = [&](std::optional<steady::time_point> watched_turn::*when) {
    const auto all = watch.seconds(when, killed_at);
    return spread{at_part(all, 0.5) - s.lease_ms / 1e3, at_part(all, 1) - s.lease_ms / 1e3};
  };
  const auto taken = watch.count([](const watched_turn& t) { return t.taken.has_value(); });
  f.not_going = f.cut_off - std::min(f.cut_off, watch.count(going));
  f.disturbed = taken - std::min(f.cut_off, taken);
  f.taken = spread_of(&watched_turn::taken);
  f.going = spread_of(&watched_turn::started);
  f.speaking = spread_of(&watched_turn::spoke);
  f.found = feed.found();
  return f;
}

spread median(const std::vector<figures>& all, spread figures::*which) {
  std::vector<double> medians;
  std::vector<double> lasts;
  for (const auto& f : all) {
    medians.push_back((f.*which).median_s);
    lasts.push_back((f.*which).last_s);
  }
  return {at_part(medians, 0.5), at_part(lasts, 0.5)};
}

void print(const settings& s, const std::vector<figures>& all, double load) {
  figures sum;
  double slowest = all.front().going.last_s;
  for (const auto& f : all) {
    sum.cut_off += f.cut_off;
    sum.not_going += f.not_going;
    sum.disturbed += f.disturbed;
    sum.found += f.found;
    slowest = std::max(slowest, f.going.last_s);
  }
  const auto taken = median(all, &figures::taken);
  const auto going = median(all, &figures::going);
  const auto speaking = median(all, &figures::speaking);
  if (s.json) {
    const auto of = [](const spread& one) { return nlohmann::json{{"median_s", one.median_s}, {"last_s", one.last_s}}; };
    const nlohmann::json told{{"taken", of(taken)}, {"going", of(going)}, {"speaking", of(speaking)}, {"slowest_round_s", slowest},
        {"mark_s", 1.0}, {"lease_s", s.lease_ms / 1e3}, {"turns", s.turns}, {"cut_off", sum.cut_off}, {"not_going", sum.not_going},
        {"disturbed", sum.disturbed}, {"lost", sum.found.lost}, {"twice", sum.found.twice}, {"failed", sum.found.failed},
        {"rounds", s.rounds}, {"load_average", load}};
    std::cout << told.dump() << '\n';
    return;
  }
  std::printf("%llu turns under way on two nodes, one is killed; %d rounds, medians; seconds from the kill less the lease of %.1f s\n",
      static_cast<unsigned long long>(s.turns), s.rounds, s.lease_ms / 1e3);
  std::printf("each turn is a program that waits: the nodes are idle before the kill; load average at the start %.2f\n", load);
  std::printf("%-52s %9s %9s %9s\n", "", "median", "last", "mark");
  std::printf("%-52s %7.2f s %7.2f s\n", "session taken over (its commit is seen)", taken.median_s, taken.last_s);
  std::printf("%-52s %7.2f s %7.2f s %7.2f s\n", "next slice started (its commit is seen)", going.median_s, going.last_s, 1.0);
  std::printf("%-52s %7.2f s %7.2f s\n", "its program is heard", speaking.median_s, speaking.last_s);
  std::printf("%-52s %9s %7.2f s\n", "slowest round: next slice started", "", slowest);
  std::printf("cut off %llu, not going again %llu, lost %llu, twice %llu, failed %llu, taken over without need %llu\n",
      static_cast<unsigned long long>(sum.cut_off), static_cast<unsigned long long>(sum.not_going),
      static_cast<unsigned long long>(sum.found.lost), static_cast<unsigned long long>(sum.found.twice),
      static_cast<unsigned long long>(sum.found.failed), static_cast<unsigned long long>(sum.disturbed));
}

/// False: a count is not what it must be.
bool run(const settings& s) {
  const auto load = load_average();
  std::vector<figures> all;
  for (int i = 0; i < s.rounds; ++i) all.push_back(measure(s));
  print(s, all, load);
  return std::ranges::none_of(all, [](const figures& f) { return f.found.any() || f.not_going > 0; });
}

} // namespace

void add_failover(CLI::App& to, const std::filesystem::path& beside) {
  const auto s = std::make_shared<settings>();
  s->batond = beside;
  auto& app = *to.add_subcommand("failover", "how long the turns of a node that is killed stand still");
  app.add_option("--batond", s->batond, "the program to measure");
  app.add_option("--turns", s->turns, "turns under way when the node is killed, on both nodes together")->capture_default_str();
  app.add_option("--lease", s->lease_ms, "lease.duration of both nodes: 10s")->transform(duration_with_unit());
  app.add_option("--rounds", s->rounds, "each with a fresh broker and nodes")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_flag("--json", s->json, "one JSON object instead of a table");
  app.callback([s] { guarded([&] { return run(*s); }); });
}

} // namespace baton::bench
