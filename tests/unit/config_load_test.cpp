// From file, environment and flags to options, or to everything that is wrong with them.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include "config/load.hpp"
#include "config/table.hpp"
#include "messages/task.hpp"
#include "tests/support/config_from.hpp"

using namespace baton;
using namespace baton::config;
using namespace baton::support;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

origin in_file(std::uint32_t line) { return {.layer = layer::file, .name = "baton.toml", .line = line}; }
origin in_variable(std::string name) { return {.layer = layer::environment, .name = std::move(name)}; }
origin in_flag(std::string name) { return {.layer = layer::flag, .name = std::move(name)}; }

} // namespace

TEST_CASE("without a word from anybody the defaults hold", "[config]") {
  options defaults;
  defaults.node.data_dir = "/home/ada/.local/state/baton";
  REQUIRE(options_from({}) == defaults);
  REQUIRE(options_from({}).runners.at("echo").type == runner_type::echo);
}

TEST_CASE("the data directory follows XDG, then the home", "[config]") {
  REQUIRE(options_from({.environment = {{"HOME", "/home/ada"}, {"XDG_STATE_HOME", "/state"}}}).node.data_dir
      == "/state/baton");
  REQUIRE(options_from({.environment = {{"HOME", "/h"}, {"XDG_STATE_HOME", "relative"}}}).node.data_dir
      == "/h/.local/state/baton");
  REQUIRE(options_from({.args = {"--data-dir", "/srv/baton"}, .environment = {}}).node.data_dir == "/srv/baton");
  const auto faults = faults_from({.environment = {}});
  REQUIRE(faults.size() == 1);
  REQUIRE(faults[0].kind == fault_kind::missing);
  REQUIRE(faults[0].option == "node.data_dir");
}

TEST_CASE("default, file, environment, flag: the last that speaks is heard", "[config]") {
  const std::string file = "[node]\nslots = 2\n";
  const variables environment = {{"HOME", "/home/ada"}, {"BATON_NODE_SLOTS", "3"}};
  REQUIRE(options_from({}).node.slots == 64);
  REQUIRE(options_from({.file = file}).node.slots == 2);
  REQUIRE(options_from({.environment = environment, .file = file}).node.slots == 3);
  REQUIRE(options_from({.args = {"--slots", "4"}, .environment = environment, .file = file}).node.slots == 4);
  REQUIRE(options_from({.args = {"--slots", "4", "--slots=5"}, .file = file}).node.slots == 5);
}

TEST_CASE("flags may be written with dashes or underscores, with a space or an equals sign", "[config]") {
  for (const auto& args : std::vector<std::vector<std::string>>{{"--lease.self-stop", "7s"},
           {"--lease.self_stop", "7s"}, {"--lease.self-stop=7s"}, {"--lease.self_stop=7s"}}) {
    REQUIRE(options_from({.args = args}).lease.self_stop == seconds{7});
  }
}

TEST_CASE("a switch needs no value", "[config]") {
  REQUIRE(options_from({.args = {"--broker.tls-required", "--nats", "tls://h"}}).broker.tls_required);
  REQUIRE_FALSE(options_from({.args = {"--broker.tls-required=false"}, .file = "[broker]\ntls_required = true"})
          .broker.tls_required);
}

TEST_CASE("an empty value behind an equals sign is a value", "[config]") {
  const auto o = options_from({.args = {"--nats=", "--slots", "9"}, .file = "[broker]\nurl = 'nats://h'"});
  REQUIRE(o.broker.url.empty());
  REQUIRE(o.node.slots == 9);
}

TEST_CASE("the file is named by flag, else by variable", "[config]") {
  const auto read = [](const std::string& path) -> file_text { return "[node]\nname = '" + path + "'"; };
  const auto name = [&](std::vector<std::string> args, variables environment) {
    environment["HOME"] = "/h";
    auto result = load({.args = std::move(args), .environment = std::move(environment), .read = read});
    return std::get<loaded>(result).options.node.name;
  };
  REQUIRE(name({"-c", "a"}, {{"BATON_CONFIG", "b"}}) == "a");
  REQUIRE(name({}, {{"BATON_CONFIG", "b"}}) == "b");
  REQUIRE(name({}, {{"BATON_CONFIG", ""}}).empty());
  REQUIRE(name({}, {}).empty());
}

TEST_CASE("what is asked for is handed on", "[config]") {
  const auto wanted = [](std::vector<std::string> args) {
    return std::get<loaded>(load_from({.args = std::move(args)})).wanted;
  };
  REQUIRE(wanted({}) == action::run);
  REQUIRE(wanted({"--check-config"}) == action::check_config);
  REQUIRE(wanted({"--dump-config", "--check-config"}) == action::dump_config);
  REQUIRE(wanted({"--version", "--dump-config"}) == action::version);
  REQUIRE(wanted({"--help", "--version"}) == action::help);
  REQUIRE(wanted({"-h", "--nonsense", "--slots", "0"}) == action::help);
  REQUIRE_FALSE(version().empty());
}

namespace {

struct example {
  outside from;
  fault is;
};

/// It is the only fault, and this.
void require_only(const outside& from, const fault& is) {
  const auto faults = faults_from(from);
  CAPTURE(to_text(is), to_text(faults));
  REQUIRE(faults == std::vector{is});
}

} // namespace

TEST_CASE("each kind of fault of a file names option, value, line and what is wanted", "[config]") {
  const auto [from, is] = GENERATE(values<example>({
      {{.file = "[lease]\nhartbeat = '2s'"},
          {fault_kind::unknown_option, "lease.hartbeat", "\"2s\"", in_file(2), "lease.heartbeat"}},
      {{.file = "slots = 3"}, {fault_kind::unknown_option, "slots", "3", in_file(1), ""}},
      {{.file = "\n[leese]\n"}, {fault_kind::unknown_option, "leese", "{}", in_file(2), ""}},
      {{.file = "[node]\nslots = '3'"},
          {fault_kind::wrong_type, "node.slots", "\"3\"", in_file(2), "a whole number, 1 to 100000"}},
      {{.file = "[node]\nslots = 3.5"},
          {fault_kind::wrong_type, "node.slots", "a number with a fraction", in_file(2),
              "a whole number, 1 to 100000"}},
      {{.file = "[node.slots]\nx = 1"},
          {fault_kind::wrong_type, "node.slots", "a table of something else than texts", in_file(1),
              "a whole number, 1 to 100000"}},
      {{.file = "[lease]\nheartbeat = 2"},
          {fault_kind::wrong_type, "lease.heartbeat", "2", in_file(2), "a duration such as \"10s\", 50ms to 1m"}},
      {{.file = "[payload]\nsize_max = '64KB'"},
          {fault_kind::malformed, "payload.size_max", "\"64KB\"", in_file(2),
              "a size such as \"64KiB\", 1KiB to 32MiB"}},
      {{.file = "[payload]\nreply_prefixes = ['a.', 'b']"},
          {fault_kind::malformed, "payload.reply_prefixes", "[\"a.\", \"b\"]", in_file(2),
              "a list of texts, at most 64, each the beginning of a subject, without wildcards, ending in a dot"}},
  }));
  require_only(from, is);
}

TEST_CASE("each kind of fault of a variable or a flag names option, value and what is wanted", "[config]") {
  const auto [from, is] = GENERATE(values<example>({
      {{.environment = {{"HOME", "/h"}, {"BATON_NODE_SLOTS", "many"}}},
          {fault_kind::malformed, "node.slots", "\"many\"", in_variable("BATON_NODE_SLOTS"),
              "a whole number, 1 to 100000"}},
      {{.environment = {{"HOME", "/h"}, {"BATON_LEASE_HEARTBEET", "2s"}}},
          {fault_kind::unknown_option, "BATON_LEASE_HEARTBEET", "\"2s\"", in_variable("BATON_LEASE_HEARTBEET"),
              "BATON_LEASE_HEARTBEAT"}},
      {{.args = {"--slots", "0"}},
          {fault_kind::out_of_bounds, "node.slots", "\"0\"", in_flag("--node.slots"), "a whole number, 1 to 100000"}},
      {{.args = {"--slots", "-1"}},
          {fault_kind::out_of_bounds, "node.slots", "\"-1\"", in_flag("--node.slots"), "a whole number, 1 to 100000"}},
      {{.args = {"--slots", "99999999999999999999"}},
          {fault_kind::out_of_bounds, "node.slots", "\"99999999999999999999\"", in_flag("--node.slots"),
              "a whole number, 1 to 100000"}},
      {{.args = {"--logging.level", "loud"}},
          {fault_kind::out_of_bounds, "logging.level", "\"loud\"", in_flag("--logging.level"),
              "error, warning, info, debug or trace"}},
      {{.args = {"--lease.self-stp", "8s"}},
          {fault_kind::unknown_option, "--lease.self-stp", "\"8s\"", in_flag("command line"), "--lease.self-stop"}},
      {{.args = {"--lease.self-stp=8s"}},
          {fault_kind::unknown_option, "--lease.self-stp", "\"8s\"", in_flag("command line"), "--lease.self-stop"}},
      {{.args = {"start"}}, {fault_kind::unknown_option, "\"start\"", "", in_flag("command line"), ""}},
      {{.args = {"--check-config", "--slots"}},
          {fault_kind::malformed, "--slots", "", in_flag("command line"), "a value behind it"}},
      {{.args = {"-c", "elsewhere.toml"}},
          {fault_kind::file_unreadable, "", "", {.layer = layer::file, .name = "elsewhere.toml"}, "it is not there"}},
      {{.args = {"--lease.self-stop", "10s"}},
          {fault_kind::relation, "lease.self_stop", "\"10s\"", in_flag("--lease.self-stop"),
              "lease.self_stop must be below lease.duration; lease.duration is \"10s\" (default)"}},
  }));
  require_only(from, is);
}

TEST_CASE("a file that is not TOML is named with its line", "[config]") {
  const auto faults = faults_from({.file = "[node]\nslots = 3\nslots = \n"});
  REQUIRE(faults.size() == 1);
  REQUIRE(faults[0].kind == fault_kind::file_syntax);
  REQUIRE(faults[0].from == in_file(3));
  REQUIRE_FALSE(faults[0].wanted.empty());
}

TEST_CASE("all faults are reported at once, in the order in which the layers are read", "[config]") {
  const auto faults = faults_from({
      .args = {"--source.credit", "no", "--nonsense", "--session.retry-first", "2m"},
      .environment = {{"HOME", "/h"}, {"BATON_HTTP_LISTEN", "80"}, {"BATON_LEASE_DURATION", "9s"},
          {"BATON_LEASE_SELF_STOP", "9s"}},
      .file = "[node]\nslots = 0\nsluts = 1\n[runners.agent]\ntype = 'command'\nprogram = 'bin/agent'\n",
  });
  REQUIRE(to_text(faults)
      == "node.slots = 0 (baton.toml:2): out of bounds: wanted is a whole number, 1 to 100000\n"
         "node.sluts = 1 (baton.toml:3): no such option; did you mean node.slots?\n"
         "http.listen = \"80\" (environment BATON_HTTP_LISTEN): cannot be read: wanted is host:port, or off\n"
         "--nonsense (flag command line): no such option\n"
         "source.credit = \"no\" (flag --source.credit): cannot be read: wanted is a whole number, 1 to 1000000\n"
         "lease.self_stop = \"9s\" (environment BATON_LEASE_SELF_STOP): lease.self_stop must be below lease.duration; "
         "lease.duration is \"9s\" (environment BATON_LEASE_DURATION)\n"
         "session.retry_first = \"2m\" (flag --session.retry-first): session.retry_first must not be above "
         "session.retry_longest; "
         "session.retry_longest is \"1m\" (default)\n"
         "runners.agent.program = \"bin/agent\" (baton.toml:6): cannot be read: wanted is an absolute path, or a name "
         "on PATH\n");
}

TEST_CASE("a fault in a layer counts even if a higher one overrides it", "[config]") {
  REQUIRE(faults_from({.args = {"--slots", "3"}, .file = "[node]\nslots = 0"}).size() == 1);
}

TEST_CASE("a value that was not taken in breaks no relation", "[config]") {
  // With the default in its place, each of these would be one fault more.
  for (const auto& args : std::vector<std::vector<std::string>>{
           {"--lease.heartbeat", "x", "--lease.duration", "5s", "--lease.self-stop", "4s"},
           {"--lease.duration", "x", "--lease.self-stop", "11s"}}) {
    const auto faults = faults_from({.args = args});
    REQUIRE(faults.size() == 1);
    REQUIRE(faults[0].kind == fault_kind::malformed);
  }
}

TEST_CASE("of two that do not go together the one that was said last is blamed", "[config]") {
  const auto faults = faults_from({.args = {"--lease.duration", "7s"}});
  REQUIRE(faults.size() == 1);
  REQUIRE(to_text(faults[0])
      == "lease.duration = \"7s\" (flag --lease.duration): lease.self_stop must be below lease.duration; "
         "lease.self_stop is \"8s\" (default)");
}

TEST_CASE("each relation is checked", "[config]") {
  const std::map<std::string, std::vector<std::string>> broken_by = {
      {"lease.heartbeat lease.duration", {"--lease.heartbeat", "3334ms"}},
      {"lease.heartbeat lease.self_stop", {"--lease.heartbeat", "1s", "--lease.self-stop", "1s"}},
      {"lease.self_stop lease.duration", {"--lease.self-stop", "10s"}},
      {"session.in_memory_max session.backlog_max", {"--session.backlog-max", "63"}},
      {"session.retry_first session.retry_longest", {"--session.retry-first", "61s"}},
      {"session.debounce session.debounce_longest", {"--session.debounce", "21s"}},
      {"session.slice_time_limit session.run_wall_limit", {"--session.run-wall-limit", "299s"}},
      {"source.fetch_batch source.credit", {"--source.credit", "255"}},
      {"source.credit session.waiting_inputs_max", {"--session.waiting-inputs-max", "8191"}},
      {"streams.log_reserve streams.log_max", {"--streams.log-max", "64MiB"}},
      {"broker.tls_cert_file broker.tls_key_file", {"--broker.tls-cert-file", "/c", "--nats", "tls://h"}},
      {"broker.credentials_file broker.nkey_seed_file",
          {"--broker.credentials-file", "/c", "--broker.nkey-seed-file", "/n", "--nats", "tls://h"}},
      {"broker.credentials_file broker.url", {"--broker.credentials-file", "/c"}},
      {"broker.nkey_seed_file broker.url", {"--broker.nkey-seed-file", "/c"}},
      {"broker.tls_ca_file broker.url", {"--broker.tls-ca-file", "/c"}},
      {"broker.tls_cert_file broker.url", {"--broker.tls-cert-file", "/c", "--broker.tls-key-file", "/k"}},
      {"broker.tls_required broker.url", {"--broker.tls-required"}},
      {"broker.port broker.url", {"--broker.port", "4222", "--nats", "nats://h"}},
      {"broker.sync_interval broker.url", {"--broker.sync-interval", "always", "--nats", "nats://h"}},
      {"broker.replicas broker.url", {"--broker.replicas", "3"}},
  };
  for (const auto& rule : relations()) {
    const auto names = std::string{rule.left} + " " + std::string{rule.right};
    CAPTURE(names);
    REQUIRE(broken_by.contains(names));
    const auto faults = faults_from({.args = broken_by.at(names)});
    const auto is_it = [&](const fault& f) {
      return f.kind == fault_kind::relation && f.wanted.starts_with(rule.says);
    };
    REQUIRE(std::ranges::count_if(faults, is_it) == 1);
  }
  REQUIRE(broken_by.size() == relations().size());
}

TEST_CASE("the private server writes through at once if it always does, and says so again", "[config]") {
  CHECK(options_from({}).broker.sync_interval == std::chrono::minutes{2});
  const auto given = options_from({.args = {"--broker.sync-interval", "always"}});
  CHECK(given.broker.sync_interval == milliseconds{0});
  CHECK(dump(given).find("sync_interval = \"always\"") != std::string::npos);
  CHECK(options_from({.file = dump(given)}) == given);
  CHECK(options_from({.args = {"--broker.sync-interval", "500ms"}}).broker.sync_interval == milliseconds{500});
  CHECK(to_text(faults_from({.args = {"--broker.sync-interval", "0s"}})).find("always, or 100ms to 1h") != std::string::npos);
}

TEST_CASE("relations hold up to their last step", "[config]") {
  REQUIRE(options_from({.args = {"--lease.heartbeat", "3333ms"}}).lease.heartbeat == milliseconds{3333});
  REQUIRE(options_from({.args = {"--lease.duration", "6s", "--lease.self-stop", "5s"}}).lease.duration == seconds{6});
  REQUIRE(options_from({.args = {"--lease.self-stop", "9999ms"}}).lease.self_stop == milliseconds{9999});
  REQUIRE(options_from({.args = {"--session.backlog-max", "64"}}).session.backlog_max == 64);
  REQUIRE(options_from({.args = {"--source.credit", "256"}}).source.credit == 256);
  REQUIRE(options_from({.args = {"--session.waiting-inputs-max", "8192"}}).session.waiting_inputs_max == 8192);
  REQUIRE(options_from({.args = {"--streams.log-max", "0"}}).streams.log_max.bytes == 0);
}

TEST_CASE("a session may be allowed as many labels as a message, and no more", "[config]") {
  const auto most = std::to_string(labels_max);
  REQUIRE(options_from({.args = {"--session.labels-max", most}}).session.labels_max == labels_max);
  REQUIRE(options{}.session.labels_max == labels_max);
  const auto faults = faults_from({.args = {"--session.labels-max", std::to_string(labels_max + 1)}});
  REQUIRE(faults.size() == 1);
}

TEST_CASE("a password in a URL is not shown", "[config]") {
  const auto text =
      to_text(faults_from({.args = {"--nats", "nats://ada:s3cr@t@h:4222,nats://s3cr3t@i:x", "--broker.port", "1"}}));
  REQUIRE(text.find("s3cr") == std::string::npos);
  REQUIRE(text.find("nats://ada:***@h:4222,nats://***@i:x") != std::string::npos);
  const auto relation = to_text(faults_from({.args = {"--nats", "nats://ada:secret@h", "--broker.port", "1"}}));
  REQUIRE(relation.find("broker.port = 1") != std::string::npos);
  REQUIRE(relation.find("secret") == std::string::npos);
}

TEST_CASE("URLs are checked as far as they can be", "[config]") {
  for (const auto* url :
      {"nats://h", "tls://h:4443", "nats://[::1]:4222", "nats://[::1]", "nats://u:p@h:1", "nats://a,tls://b:2"}) {
    CAPTURE(url);
    REQUIRE(options_from({.args = {"--nats", url}}).broker.url == url);
  }
  for (const auto* url : {"h:4222", "http://h", "nats://", "nats://h:0", "nats://h:65536", "nats://h, nats://i",
           "nats://h,", ",nats://h"}) {
    CAPTURE(url);
    REQUIRE(faults_from({.args = {"--nats", url}}).size() == 1);
  }
}

TEST_CASE("variables that are not ours are left alone", "[config]") {
  const auto o =
      options_from({.environment = {{"HOME", "/h"}, {"PATH", "x"}, {"BATON_SESSION", "s1"}, {"BATON_RUN", "r"},
                        {"BATON_EXECUTION", "e"}, {"BATON_EPOCH", "3"}, {"LEASE_HEARTBEAT", "x"}}});
  REQUIRE(o.lease == lease_options{});
}

TEST_CASE("tenants are named in the file, and all their faults at once", "[config]") {
  const auto o = options_from({.file = "[tenants.acme]\nslots_max = 2\nweight = 5\n[tenants.'a b']\n"});
  REQUIRE(o.tenants.size() == 2);
  REQUIRE(o.tenants.at("acme") == tenant_options{.slots_max = 2, .weight = 5});
  REQUIRE(o.tenants.at("a b") == tenant_options{});
  REQUIRE(said_of("[tenants.a]\nslots_max = '3'\nweight = 0\nwieght = 2\n[tenants.b]\nweight = 1001\n[tenants]\n'' = {}\nc = 3")
      == "tenants.c = 3 (baton.toml:9): of the wrong type: wanted is a table for each tenant, [tenants.NAME]\n"
         "tenants. (baton.toml:8): cannot be read: wanted is a name of 1 to 64 bytes without control characters\n"
         "tenants.a.slots_max = \"3\" (baton.toml:2): of the wrong type: wanted is a whole number, 0 to 100000\n"
         "tenants.a.weight = 0 (baton.toml:3): out of bounds: wanted is a whole number, 1 to 1000\n"
         "tenants.a.wieght = 2 (baton.toml:4): no such option; did you mean tenants.a.weight?\n"
         "tenants.b.weight = 1001 (baton.toml:6): out of bounds: wanted is a whole number, 1 to 1000\n");
  REQUIRE(said_of("tenants = 3").starts_with("tenants = 3 (baton.toml:1): of the wrong type: wanted is a table for each tenant"));
}

TEST_CASE("whatever a turn may name as its tenant may be named in the file", "[config]") {
  const std::string longest(tenant_bytes_max, 'x');
  REQUIRE(options_from({.file = "[tenants.'" + longest + "']\n"}).tenants.contains(longest));
  REQUIRE_FALSE(faults_from({.file = "[tenants.'" + longest + "x']\n"}).empty());
}

TEST_CASE("tenants survive a dump", "[config]") {
  auto given = options_from({});
  given.tenants["acme"] = {.slots_max = 3, .weight = 7};
  given.tenants["\"odd\" \\ ä€.x"] = {};
  REQUIRE(options_from({.file = dump(given)}) == given);
}

TEST_CASE("a configuration file is read from the disk", "[config]") {
  const auto folder = std::filesystem::temp_directory_path() / ("baton_config_test." + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const auto path = (folder / "baton.toml").string();
  std::ofstream{path} << "[node]\nslots = 3\n";
  REQUIRE(std::get<std::string>(read_file(path)) == "[node]\nslots = 3\n");
  std::ofstream{path} << std::string(file_bytes_max, ' ');
  REQUIRE(std::get<std::string>(read_file(path)).size() == file_bytes_max);
  std::ofstream{path} << std::string(file_bytes_max + 1, ' ');
  REQUIRE(std::holds_alternative<unreadable>(read_file(path)));
  REQUIRE_FALSE(std::get<unreadable>(read_file(path + ".not")).why.empty());
  REQUIRE(std::get<unreadable>(read_file(folder.string())).why == "Is a directory");
  std::filesystem::remove_all(folder);
}

TEST_CASE("the environment is handed over as it is", "[config]") {
  const auto all = environment();
  REQUIRE(all.contains("PATH"));
  REQUIRE(std::ranges::none_of(all, [](const auto& pair) { return pair.first.find('=') != std::string::npos; }));
}
