// baton doctor: what is there, what is wrong with it, and what it does not guarantee.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "bridge/nats/streams.hpp"
#include "messages/codec.hpp"
#include "messages/subjects.hpp"
#include "ops/baton/cluster.hpp"
#include "ops/baton/commands.hpp"
#include "ops/baton/shown.hpp"

namespace baton::cli {
namespace {

constexpr milliseconds clock_tolerance{1'000};
/// Of a stream's own limit, in percent.
constexpr std::uint64_t full_at = 90;
constexpr auto server_info_subject = "$SYS.REQ.USER.INFO";

/// What was found, in the order in which it was looked at.
struct findings {
  value::object facts;
  std::vector<std::string> lines;
  std::vector<std::string> not_guaranteed;
  std::vector<std::string> wrong;

  void row(std::string_view name, const std::string& text) { lines.push_back(padded(name, 12) + text); }
};

value::array as_array(const std::vector<std::string>& texts) {
  value::array all;
  for (const auto& text : texts) all.emplace_back(text);
  return all;
}

bool is_older_than_2_10(const std::string& version) {
  int major = 0;
  int minor = 0;
  const auto* end = version.data() + version.size();
  const auto first = std::from_chars(version.data(), end, major);
  if (first.ec != std::errc{} || first.ptr == end) return false;
  std::from_chars(first.ptr + 1, end, minor);
  return major < 2 || (major == 2 && minor < 10);
}

/// Version and clock, as the server tells any user.
void look_at_server(desk& at, findings& found) {
  const auto before = at.time.now();
  const auto answer = nats::call(at.broker.over(), server_info_subject, {}, {}, nats::api_patience);
  const auto after = at.time.now();
  const auto read = answer ? nats::read_api_answer(answer->payload()) : nats::api_result{unexpected{nats::api_failure{}}};
  const auto version = read ? nats::text_at(*read, {"server", "ver"}) : std::string{};
  const auto takes = at.broker.link().max_payload();
  found.row("broker", at.broker.link().server_url() + ", nats-server " + (version.empty() ? "of an unknown version" : version)
                          + ", takes messages of " + shown_bytes(takes));
  value::object facts{{"url", at.broker.link().server_url()}, {"version", version}, {"max_payload", std::uint64_t{takes}}};
  if (is_older_than_2_10(version)) found.wrong.push_back("nats-server " + version + " is too old: 2.10 or newer is needed");
  const auto theirs = read ? nats::parse_server_time(nats::text_at(*read, {"server", "time"})) : std::nullopt;
  if (theirs) {
    const auto ours = before + (after - before) / 2;
    const auto ahead = *theirs - ours;
    facts.emplace_back("clock_ahead_ms", std::int64_t{ahead.count()});
    found.row("clock", "the broker's is " + std::to_string(std::abs(ahead.count())) + " ms "
                           + (ahead.count() < 0 ? "behind" : "ahead of") + " this machine's");
    if (std::chrono::abs(ahead) > clock_tolerance) {
      found.wrong.push_back("the clocks differ by " + std::to_string(std::abs(ahead.count()))
                            + " ms: deadlines and due times are compared across them (use NTP)");
    }
  } else {
    found.row("clock", "the broker does not tell its time");
  }
  found.facts.emplace_back("server", std::move(facts));
}

void judge_stream(const nats::stream_report& s, findings& found) {
  if (s.replicas_current < s.replicas) {
    found.wrong.push_back("stream " + s.name + " has " + std::to_string(s.replicas_current) + " of " + std::to_string(s.replicas)
                          + " replicas up to date: another loss may stop it");
  }
  if (s.bytes_max > 0 && s.bytes * 100 >= s.bytes_max * full_at) {
    found.wrong.push_back("stream " + s.name + " is nearly full: " + shown_bytes(s.bytes) + " of " + shown_bytes(s.bytes_max));
  }
}

/// What of a stream's shape differs from what Baton needs.
void judge_shapes(desk& at, const std::set<std::string>& there, findings& found) {
  nats::stream_plan plan;
  std::optional<std::uint64_t> partitions;
  std::vector<std::pair<std::string, value>> configs;
  for (const auto& shape : nats::stream_shapes(plan)) {
    const std::string name{shape.name};
    if (!there.contains(name)) {
      found.wrong.push_back("stream " + name + " is missing: a node makes it when it starts");
      continue;
    }
    const auto info = nats::call_api(at.broker.over(), nats::api_subject("STREAM.INFO", name));
    const auto* config = info ? info->find("config") : nullptr;
    if (config == nullptr) continue;
    if (!partitions) partitions = nats::partitions_of(*config);
    configs.emplace_back(name, *config);
  }
  plan.partitions = partitions.value_or(plan.partitions);
  for (const auto& shape : nats::stream_shapes(plan)) {
    for (const auto& [name, config] : configs) {
      if (name != shape.name) continue;
      const auto other = nats::difference(shape, config);
      if (!other.empty()) found.wrong.push_back("stream " + name + " is not as Baton needs it: " + other);
    }
  }
}

/// What the data directory of the node on this machine says of its own broker; nothing if another one is in use.
std::optional<std::string> private_settings(const doctor_order& o, desk& at) {
  std::ifstream in{std::filesystem::path{o.data_dir} / "nats" / "server.conf"};
  std::stringstream read;
  read << in.rdbuf();
  const auto url = at.broker.link().server_url();
  const auto port = url.substr(url.rfind(':') + 1);
  if (read.str().find("listen: \"127.0.0.1:" + port + "\"") == std::string::npos) return std::nullopt;
  return read.str();
}

void judge_durability(const doctor_order& o, desk& at, std::uint64_t replicas, findings& found) {
  if (replicas == 1) {
    found.not_guaranteed.push_back("one replica: a lost or damaged disk loses tasks and sessions (broker.replicas, with a cluster of three)");
  }
  const auto settings = private_settings(o, at);
  if (!settings) {
    found.row("sync", "not visible to clients: see jetstream { sync_interval } of the server's configuration");
    found.not_guaranteed.push_back("unless the server says sync_interval: always, a power cut may lose the last acknowledged writes"
                                   + std::string{replicas > 1 ? " (of one server: its replicas have them)" : ""});
    return;
  }
  const auto place = settings->find("sync_interval: ");
  const auto mode = place == std::string::npos ? std::string{"the server's default (2m)"}
                                               : settings->substr(place + 15, settings->find('\n', place) - place - 15);
  found.row("sync", "interval " + mode + ", private server of the node on this machine");
  found.facts.emplace_back("sync_interval", mode);
  if (mode != "always") {
    found.not_guaranteed.push_back("sync_interval is not always: a power cut may lose the last acknowledged writes (a crash of "
                                   "nats-server or of a node loses none)");
  }
}

void look_at_streams(const doctor_order& o, desk& at, findings& found) {
  const auto streams = nats::read_streams(at.broker.over());
  if (!streams) {
    found.wrong.push_back(streams.error().text);
    return;
  }
  value::array all;
  std::set<std::string> there;
  std::uint64_t replicas = 0;
  for (const auto& s : *streams) {
    there.insert(s.name);
    replicas = replicas == 0 ? s.replicas : std::min(replicas, s.replicas);
    found.row("stream", padded(s.name, 16) + padded(std::to_string(s.messages) + " messages", 20) + padded(shown_bytes(s.bytes), 12)
                            + (s.bytes_max > 0 ? "of " + shown_bytes(s.bytes_max) + ", " : "") + std::to_string(s.replicas)
                            + (s.replicas == 1 ? " replica" : " replicas"));
    all.push_back(value::object{{"name", s.name}, {"messages", s.messages}, {"bytes", s.bytes}, {"bytes_max", s.bytes_max},
        {"replicas", s.replicas}, {"replicas_current", s.replicas_current}, {"consumers", s.consumers}});
    judge_stream(s, found);
  }
  found.facts.emplace_back("streams", std::move(all));
  judge_shapes(at, there, found);
  if (replicas > 0) judge_durability(o, at, replicas, found);
}

std::string numbers(const std::vector<std::uint64_t>& all) {
  std::string text;
  for (const auto n : all) text.append(text.empty() ? "" : ", ").append(std::to_string(n));
  return text;
}

void tell_nodes(const cluster_view& seen, findings& found) {
  value::array all;
  for (const auto& node : seen.nodes) {
    all.push_back(to_value(node));
    found.row("node", shown(node));
  }
  found.facts.emplace_back("nodes", std::move(all));
}

void look_at_nodes(desk& at, findings& found) {
  const auto seen = look_at_cluster(at);
  if (!seen) {
    found.wrong.push_back(seen.error().text);
    return;
  }
  tell_nodes(*seen, found);
  const auto idle = seen->without_owner();
  found.row("partitions", std::to_string(seen->partitions) + ", " + std::to_string(idle.size()) + " of them without a live owner");
  value::array without;
  for (const auto p : idle) without.emplace_back(p);
  found.facts.emplace_back("partitions", value::object{{"count", seen->partitions}, {"without_owner", std::move(without)}});
  const auto alive = std::ranges::count_if(seen->nodes, &seen_node::alive);
  if (alive == 0) {
    found.wrong.push_back("no node is alive: tasks are safe, but nothing runs (start one with ops/run, or batond)");
  } else if (!idle.empty()) {
    found.wrong.push_back("no live owner: partitions " + numbers(idle) + "; if that lasts longer than the lease time, look at the nodes' logs");
  }
  found.row("workspaces", "local to each node, unless the runner's workspace_root is a shared folder");
  if (alive > 1) {
    found.not_guaranteed.push_back("workspaces: a run that moves to another node finds its files only if its runner's workspace_root is shared");
  }
}

} // namespace

ending doctor(const doctor_order& o, desk& at) {
  findings found;
  look_at_server(at, found);
  look_at_streams(o, at, found);
  look_at_nodes(at, found);
  const auto code = found.wrong.empty() ? exit_code::done : exit_code::run_failed;
  if (at.tell.json()) {
    found.facts.emplace_back("not_guaranteed", as_array(found.not_guaranteed));
    found.facts.emplace_back("wrong", as_array(found.wrong));
    at.tell.object(value{std::move(found.facts)});
    return code;
  }
  for (const auto& line : found.lines) at.tell.line(line);
  if (!found.not_guaranteed.empty()) at.tell.line("\nNot guaranteed:");
  for (const auto& line : found.not_guaranteed) at.tell.line("  - " + line);
  if (!found.wrong.empty()) at.tell.line("\nNeeds a person:");
  for (const auto& line : found.wrong) at.tell.line("  - " + line);
  if (found.wrong.empty()) at.tell.line("\nAll is well.");
  return code;
}

} // namespace baton::cli
