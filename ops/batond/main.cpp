// batond: the server. Reads its options, starts a node, and waits for signals.
#include <csignal>
#include <iostream>
#include <system_error>

#include "actors/crash_point.hpp"
#include "actors/cluster/node_actor.hpp"
#include "config/load.hpp"
#include "ops/batond/wiring/node.hpp"
#include "ops/batond/signals.hpp"

namespace {

using namespace baton;

/// As in sysexits.h: what a service manager can tell apart.
enum exit_code : int { ok = 0, cannot_run = 1, bad_usage = 2, not_quiet = 3, broken = 70 };

int complain(const std::vector<config::fault>& faults) {
  for (const auto& f : faults) std::cerr << "batond: " << to_text(f) << '\n';
  std::cerr << "batond: see batond --help\n";
  return bad_usage;
}

#ifdef BATON_CRASH_POINTS
/// BATON_CRASH_AT=label or label:n, for tests.
void arm(const std::map<std::string, std::string>& environment) {
  const auto found = environment.find("BATON_CRASH_AT");
  if (found == environment.end()) return;
  const auto colon = found->second.find(':');
  const auto nth = colon == std::string::npos ? 1 : std::stoull(found->second.substr(colon + 1));
  arm_crash_point(found->second.substr(0, colon), nth);
}
#endif

/// The end of the node as a signal, so that one place waits for everything.
struct endings {
  std::atomic<bool> finished{false};
  std::atomic<bool> quiet{false};
  std::atomic<bool> broke{false};
};

/// A node that drains has nothing due: it gives back, and says so elsewhere.
void tell_ready(operator_log& log, bool is, const ownership::share& has) {
  const auto counts = std::to_string(has.open) + " of " + std::to_string(has.due);
  if (is) return log.say(severity::info, "ready: owns its partitions, all " + std::to_string(has.open));
  if (has.due > 0) log.say(severity::info, "not ready: " + counts + " partitions that should be here are open");
}

int serve(const config::loaded& given) {
  const auto& o = given.options;
  const batond::stop_signals signals;
  const batond::system_clock time;
  batond::stderr_log log{o.logging};
  for (const auto& doubt : given.doubts) log.say(severity::warning, to_text(doubt) + "; the tasks of this runner will fail");
  endings over;
  batond::node::notices told;
  told.ready = [&log](bool is, const ownership::share& has) { tell_ready(log, is, has); };
  told.finished = [&over](bool quiet) {
    over.quiet = quiet;
    over.finished = true;
    batond::stop_signals::raise_stop();
  };
  told.broke = [&log, &over](const std::string& what) {
    log.say(severity::error, what + ": batond stops");
    over.broke = true;
    over.finished = true;
    batond::stop_signals::raise_stop();
  };
  auto started = batond::node::start(o, time, log, std::move(told), signals);
  if (!started) {
    log.say(severity::error, started.error());
    return cannot_run;
  }
  auto& running = **started;
  std::cout << "batond " << config::version() << " listens\n"
            << "  broker    " << running.broker_url() << '\n'
            << "  data      " << running.data_dir() << '\n';
  if (!running.status_url().empty()) std::cout << "  status    " << running.status_url() << "/metrics\n";
  std::cout << "Try:  baton send hello \"Good morning\"\n" << std::flush;

  while (!over.finished) {
    const auto came = signals.wait();
    if (over.finished || came == SIGUSR1) continue;
    log.say(severity::info, "asked to stop: gives back its partitions (again: stops at once)");
    running.drain();
  }
  log.say(severity::info, over.quiet ? "stopped, in good order" : "stopped at once; what ran is delivered again");
  if (over.broke) return broken;
  return over.quiet ? ok : not_quiet;
}

/// The parts of a node that cannot be without a descriptor or a thread throw when they are made.
int start(const config::loaded& given) {
  try {
    return serve(given);
  } catch (const std::system_error& why) {
    std::cerr << "batond: cannot start, the system refuses what it needs: " << why.what() << '\n';
    return cannot_run;
  }
}

} // namespace

int main(int argc, char** argv) {
  config::invocation by;
  by.args.assign(argv + 1, argv + argc);
  by.environment = config::environment();
#ifdef BATON_CRASH_POINTS
  arm(by.environment);
#endif
  const auto result = config::load(by);
  if (const auto* faults = std::get_if<std::vector<config::fault>>(&result)) return complain(*faults);
  const auto& given = std::get<config::loaded>(result);
  switch (given.wanted) {
    case config::action::help: std::cout << config::help("batond"); return ok;
    case config::action::version: std::cout << "batond " << config::version() << '\n'; return ok;
    case config::action::dump_config: std::cout << config::dump(given.options); return ok;
    case config::action::check_config: std::cout << "the configuration is fine\n"; return ok;
    case config::action::run: return start(given);
  }
}
