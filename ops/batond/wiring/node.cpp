#include "ops/batond/wiring/node.hpp"

#include <unistd.h>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <algorithm>
#include <filesystem>
#include <thread>

#include "actors/cluster/node_actor.hpp"
#include "actors/partition/actor.hpp"
#include "actors/supervisor/actor.hpp"
#include "bridge/http/prometheus_metrics.hpp"
#include "bridge/http/status_server.hpp"
#include "bridge/nats/dead_letters.hpp"
#include "bridge/nats/event_sink.hpp"
#include "bridge/nats/log_gauge.hpp"
#include "bridge/nats/node_orders.hpp"
#include "bridge/nats/owner_store.hpp"
#include "bridge/nats/session_log.hpp"
#include "bridge/nats/streams.hpp"
#include "bridge/nats/task_source.hpp"
#include "bridge/nats/wakes.hpp"
#include "bridge/process/group_records.hpp"
#include "bridge/process/program_host.hpp"
#include "ops/batond/wiring/broker.hpp"
#include "ops/batond/wiring/broker_watch.hpp"
#include "ops/batond/home.hpp"
#include "ops/batond/wiring/runners.hpp"
#include "ops/batond/wiring/settings.hpp"

namespace baton::batond {
namespace {

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "node";
}

void configure(caf::actor_system_config& config, const options& o) {
  // Fairness: without a bound, an actor with a full mailbox keeps its thread for ever. Sharing costs less on few cores.
  config.set("scheduler.max-throughput", std::size_t{200});
  config.set("scheduler.policy", caf::atom("sharing"));
  const auto threads = o.node.scheduler_threads > 0 ? o.node.scheduler_threads : std::thread::hardware_concurrency();
  config.set("scheduler.max-threads", std::max(std::size_t{threads}, std::size_t{1}));
}

} // namespace

/// In the order of construction; destroyed the other way round.
struct node::parts {
  options given;
  const system_clock& time;
  operator_log& log;
  node::notices told;
  node_id id;
  std::string status_url;
  std::atomic<bool> ready{false};
  std::atomic<bool> stopping{false};

  home at;
  prometheus_metrics metrics;
  broker reached;
  std::unique_ptr<broker_watch> looks_after;
  node_ids ids;
  std::unique_ptr<nats::nats_owner_store> owners;
  std::unique_ptr<nats::nats_session_log> sessions;
  std::unique_ptr<nats::nats_log_gauge> gauge;
  std::unique_ptr<nats::nats_dead_letters> dead;
  std::unique_ptr<nats::nats_wake_store> wakes;
  std::unique_ptr<nats::nats_event_sink> events;
  std::unique_ptr<nats::nats_task_source> source;
  std::unique_ptr<program_host> programs;
  std::unique_ptr<configured_runners> runners;
  std::unique_ptr<status_server> status;
  std::shared_ptr<services> shared;
  caf::actor_system_config caf_config;
  std::unique_ptr<caf::actor_system> actors;
  caf::actor supervisor;
  caf::actor member;
  std::unique_ptr<nats::node_orders> orders;

  parts(const options& o, const system_clock& t, operator_log& l, node::notices n, home h, broker b, node_id self)
      : given(o), time(t), log(l), told(std::move(n)), id(std::move(self)), at(std::move(h)), reached(std::move(b)), ids(id) {}

  std::optional<std::string> open_ports();
  std::optional<std::string> open_status();
  void start_actors();
  std::optional<std::string> take_orders();
  void watch(const caf::actor& part, const std::string& name);
  void stop();
};

std::optional<std::string> node::parts::open_ports() {
  const nats::stream_memory kept{at.stream_memory(), false};
  looks_after = std::make_unique<broker_watch>(reached.requests(), kept, time, log, told.broke);
  owners = std::make_unique<nats::nats_owner_store>(reached.requests(), reached.partitions());
  const auto full = [this, say = looks_after->full_stream()](std::string_view stream) {
    metrics.count(counter::stream_was_full);
    say(stream);
  };
  sessions = std::make_unique<nats::nats_session_log>(reached.requests(), nats::log_patience,
      nats::nats_session_log::notices{looks_after->missing_stream(), full});
  gauge = std::make_unique<nats::nats_log_gauge>(reached.requests());
  dead = std::make_unique<nats::nats_dead_letters>(reached.requests(), full);
  wakes = std::make_unique<nats::nats_wake_store>(reached.requests(), full);
  events = std::make_unique<nats::nats_event_sink>(reached.link(), [this] { metrics.count(counter::messages_dropped); });
  auto how = source_options_of(given);
  how.trouble = [this](const std::string& what) { log.say(severity::warning, what); };
  auto opened = nats::nats_task_source::start(reached.link(), reached.acks(), time, std::move(how));
  if (!opened) return "cannot read the queue: " + std::string{to_text(opened.error())};
  source = *std::move(opened);
  program_host_options host;
  host.guard = at.guard_program();
  host.groups = at.groups();
  host.lease = given.lease.self_stop;
  host.settle = given.session.settle;
  programs = std::make_unique<program_host>(std::move(host));
  runners = std::make_unique<configured_runners>(given.runners, *programs, at.workspaces().string());
  return std::nullopt;
}

std::optional<std::string> node::parts::open_status() {
  if (!given.http.listen) return std::nullopt;
  status_server::sources ask;
  ask.why_not_ready = [this]() -> std::optional<std::string> {
    if (ready) return std::nullopt;
    return "not all partitions that this node should own are open";
  };
  ask.metrics = [this] { return metrics.text(); };
  auto started = status_server::start(*given.http.listen, std::move(ask));
  if (!started) return std::move(started).error();
  status = *std::move(started);
  status_url = "http://" + status->address().host + ":" + std::to_string(status->address().port);
  return std::nullopt;
}

void node::parts::start_actors() {
  shared = std::make_shared<services>(node_services(given));
  shared->clock = &time;
  shared->ids = &ids;
  shared->log = sessions.get();
  shared->gauge = gauge.get();
  shared->source = source.get();
  shared->dead = dead.get();
  shared->wakes = wakes.get();
  shared->events = events.get();
  shared->metrics = &metrics;
  shared->notices = &log;
  shared->runners = runners.get();
  shared->node = id;
  configure(caf_config, given);
  actors = std::make_unique<caf::actor_system>(caf_config);
  supervisor = actors->spawn<baton::actors::supervisor_actor>(shared);
  watch(supervisor, "supervisor");

  baton::actors::node_actor::place place;
  place.own.self = id;
  place.own.partitions = reached.partitions();
  place.own.known_dead = at.known_dead();
  place.own.lease_time = given.lease.duration;
  // Often enough that a heartbeat is seen soon after it came: the wait for a silent node counts from there.
  place.own.read_every = given.lease.heartbeat / 4;
  place.own.drain_timeout = given.node.drain_timeout;
  place.lease.beat_every = given.lease.heartbeat;
  place.lease.held_for = given.lease.self_stop;
  place.lease.late_after = given.lease.heartbeat;
  place.host = host_name();
  place.slots = given.node.slots;
  place.clock = shared->clock;
  place.store = owners.get();
  place.fence = programs.get();
  place.notices = &log;
  place.open = [this](partition_id p, epoch e, bool after_crash, baton::actors::partition_reports reports) {
    return actors->spawn<baton::actors::partition_actor>(
        shared, baton::actors::partition_actor::place{p, e, after_crash, supervisor, std::move(reports)});
  };
  place.ready = [this](bool is, const ownership::share& share) {
    ready = is;
    told.ready(is, share);
  };
  place.finished = [this](bool quiet) { told.finished(quiet); };
  member = actors->spawn<baton::actors::node_actor, caf::detached>(std::move(place));
  watch(member, "node");
}

/// Without it this process would do nothing for ever, and look alive.
void node::parts::watch(const caf::actor& part, const std::string& name) {
  part->attach_functor([this, name](const caf::error& why) {
    if (!stopping) told.broke("the " + name + " actor has ended, which is a bug (" + actors->render(why) + ")");
  });
}

std::optional<std::string> node::parts::take_orders() {
  auto listening = nats::node_orders::listen(reached.link(), id, [this] {
    log.say(severity::info, "asked to drain (baton drain): gives back its partitions, then stops");
    caf::anon_send(member, cluster::drain_node{});
  });
  if (!listening) return "cannot listen for orders: " + std::string{to_text(listening.error())};
  orders = *std::move(listening);
  return std::nullopt;
}

void node::parts::stop() {
  stopping = true;
  orders.reset();
  if (programs) programs->lost();
  if (!actors) return;
  caf::anon_send_exit(member, caf::exit_reason::kill);
  caf::anon_send_exit(supervisor, caf::exit_reason::kill);
  member = nullptr;
  supervisor = nullptr;
  // Waits for every actor.
  actors.reset();
}

node::node(std::unique_ptr<parts> made) : parts_(std::move(made)) {}

node::~node() {
  parts_->stop();
  parts_->at.forget_client();
}

expected<std::unique_ptr<node>, std::string> node::start(const options& o, const system_clock& time, operator_log& log,
                                                         notices told, const stop_signals& signals) {
  auto at = home::open(o);
  if (!at) return unexpected{std::move(at).error()};
  const auto left = kill_recorded_groups(at->groups());
  if (!left) return unexpected{left.error()};
  if (left->count > 0)
    log.say(severity::warning, "killed " + std::to_string(left->count) + " programs that an earlier batond left running");
  for (const auto& each : left->unreadable)
    log.say(severity::warning, "could not read the record " + each.string() + " of an earlier batond's program; nothing of it runs");
  auto reached = broker::reach(o, *at, time, log, signals);
  if (!reached) return unexpected{std::move(reached).error()};

  const auto id = fresh_node_id(o.node.name.empty() ? host_name() : o.node.name, time);
  auto made = std::make_unique<parts>(o, time, log, std::move(told), *std::move(at), *std::move(reached), id);
  if (auto failed = made->open_ports()) return unexpected{*failed};
  if (auto failed = made->open_status()) return unexpected{*failed};
  if (auto failed = made->at.remember_life(id)) return unexpected{*failed};
  if (auto failed = made->at.tell_clients(made->reached.client_url())) return unexpected{*failed};
  made->start_actors();
  if (auto failed = made->take_orders()) return unexpected{*failed};
  return std::unique_ptr<node>{new node{std::move(made)}};
}

void node::drain() { caf::anon_send(parts_->member, cluster::drain_node{}); }
const std::string& node::broker_url() const { return parts_->reached.shown_url(); }
const std::string& node::status_url() const { return parts_->status_url; }
const std::string& node::data_dir() const { return parts_->given.node.data_dir; }

} // namespace baton::batond
