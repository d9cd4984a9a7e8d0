#include "ops/baton/arguments.hpp"

#include <CLI/CLI.hpp>

#include <memory>

#include "config/load.hpp"
#include "config/quantity.hpp"
#include "messages/codec.hpp"

namespace baton::cli {
namespace {

constexpr auto exit_codes = R"(Exit codes:
  0    done
  1    the run failed or was cancelled; doctor: something needs a person
  2    the command line is wrong
  3    the broker, or a node, cannot be reached
  4    refused, in conflict with what is there, or unknown
  5    timed out waiting
  130  interrupted: the run goes on)";

/// Where a node keeps its data if nobody says otherwise, as batond works it out.
std::string default_data_dir(const std::map<std::string, std::string>& environment) {
  config::invocation by;
  for (const auto* name : {"XDG_STATE_HOME", "HOME", "BATON_DATA_DIR", "BATON_NODE_DATA_DIR"}) {
    if (const auto found = environment.find(name); found != environment.end()) by.environment.insert(*found);
  }
  const auto result = config::load(by);
  const auto* loaded = std::get_if<config::loaded>(&result);
  return loaded == nullptr ? std::string{} : loaded->options.node.data_dir;
}

// ---- what an option's text becomes

[[noreturn]] void refuse(const std::string& option, const std::string& why) { throw CLI::ValidationError(option, why); }

template <class Id>
CLI::Option* add_id(CLI::App& to, const std::string& name, Id& into, const std::string& help) {
  return to.add_option_function<std::string>(name, [&into, name](const std::string& text) {
    const auto id = Id::parse(text);
    if (!id) refuse(name, "'" + text + "' is none: letters, digits, _ and - (a run's also . and :), not too long");
    into = *id;
  }, help);
}

template <class Into>
CLI::Option* add_duration(CLI::App& to, const std::string& name, Into& into, const std::string& help) {
  return to.add_option_function<std::string>(name, [&into, name](const std::string& text) {
    const auto read = config::parse_duration(text);
    if (!read || read->count() <= 0) refuse(name, "'" + text + "' is no duration such as 500ms, 30s, 10m, 2h");
    into = *read;
  }, help)->type_name("DURATION");
}

/// Any JSON; the codec reads objects and arrays, so the text is read as the only element of one.
template <class Into>
CLI::Option* add_json(CLI::App& to, const std::string& name, Into& into, bool only_object, const std::string& help) {
  return to.add_option_function<std::string>(name, [&into, name, only_object](const std::string& text) {
    const auto read = codec::decode_value("[" + text + "]", {.bytes_max = text.size() + 2});
    const auto* list = read ? read->value.as<value::array>() : nullptr;
    if (list == nullptr || list->size() != 1) {
      refuse(name, "is not JSON" + (read ? std::string{} : ": " + read.error().detail));
    }
    if (only_object && list->front().as<value::object>() == nullptr) refuse(name, "is not a JSON object");
    into = list->front();
  }, help)->type_name("JSON");
}

CLI::Option* add_labels(CLI::App& to, const std::string& name, labels& into, const std::string& help) {
  return to.add_option_function<std::vector<std::string>>(name, [&into, name](const std::vector<std::string>& all) {
    for (const auto& pair : all) {
      const auto equals = pair.find('=');
      if (equals == 0 || equals == std::string::npos || equals + 1 == pair.size()) refuse(name, "'" + pair + "' is not NAME=TEXT");
      into[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
  }, help)->type_name("NAME=TEXT")->take_all()->allow_extra_args(false);
}

// ---- the tree

/// Holds what the options write into until the chosen command has run.
struct typed {
  target_options target;
  bool json = false;
  send_order send;
  show_order show;
  std::function<ending(desk&)> command;
};
using shared_typed = std::shared_ptr<typed>;

/// `chosen` runs with what was typed.
template <class Run>
void on_chosen(CLI::App& command, const shared_typed& all, Run run) {
  command.callback([at = all.get(), run] { at->command = run; });
}

void add_target(CLI::App& to, typed& all, const std::map<std::string, std::string>& environment) {
  all.target.data_dir = default_data_dir(environment);
  to.add_option("--nats", all.target.url, "broker, instead of the one that the node on this machine uses")->type_name("URL");
  to.add_option("--data-dir", all.target.data_dir, "data directory of the node on this machine")->type_name("DIR");
  to.add_option("--creds", all.target.credentials_file, "credentials file")->type_name("FILE");
  to.add_option("--nkey", all.target.nkey_seed_file, "file with an NKey seed")->type_name("FILE");
  to.add_option("--tls-ca", all.target.tls_ca_file, "certificates that the broker's is checked with")->type_name("FILE");
  to.add_option("--tls-cert", all.target.tls_cert_file, "our certificate")->type_name("FILE");
  to.add_option("--tls-key", all.target.tls_key_file, "our certificate's key")->type_name("FILE");
  to.add_flag("--json", all.json, "JSON objects, one a line, for programs");
}

void add_send(CLI::App& to, const shared_typed& all) {
  auto& o = all->send;
  auto& c = *to.add_subcommand("send", "Give a session a turn; wait for it, showing what it says, and print its result");
  add_id(c, "SESSION", o.session, "the session")->required();
  c.add_option("TEXT", o.text, "the input; - or nothing: stdin");
  add_json(c, "--input-json", o.input, false, "the input as JSON, instead of TEXT")->excludes("TEXT");
  c.add_option("--runner", o.runner, "who runs it")->capture_default_str();
  add_id(c, "--id", o.id, "the task's id; sending it again with the same content is harmless");
  add_json(c, "--options", o.options, true, "for the runner");
  c.add_option("--tenant", o.tenant, "on whose account");
  add_labels(c, "--label", o.labels, "on the task; may be repeated");
  add_duration(c, "--deadline", o.deadline, "give the run up when it is not done by then");
  add_duration(c, "--timeout", o.timeout, "wait no longer; the run goes on");
  c.add_flag("--no-wait", o.no_wait, "only print the run's id once the task is stored");
  on_chosen(c, all, [at = all.get()](desk& d) { return send(at->send, d); });
}

void add_show(CLI::App& to, const shared_typed& all) {
  auto& c = *to.add_subcommand("show", "Show a session: phase, run, transcript");
  add_id(c, "SESSION", all->show.session, "the session")->required();
  c.add_flag("--events", all->show.events, "the commits and their events instead of the transcript");
  on_chosen(c, all, [at = all.get()](desk& d) { return show(at->show, d); });
  auto& ls = *to.add_subcommand("ls", "List the sessions");
  on_chosen(ls, all, [](desk& d) { return list_sessions(d); });
}

request refused_line(const CLI::App& tree, const CLI::ParseError& why) {
  if (why.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return say_text{tree.help()};
  const auto* at = &tree;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return complaint{exit_code::usage, std::string{why.what()} + "\nsee " + (at == &tree ? "" : "baton ") + at->get_name() + " --help"};
}

} // namespace

request parse_arguments(const std::vector<std::string>& args, const std::map<std::string, std::string>& environment) {
  const auto all = std::make_shared<typed>();
  CLI::App tree{"Baton: a durable runtime for agent sessions", "baton"};
  tree.require_subcommand(1);
  tree.fallthrough();
  tree.footer(exit_codes);
  tree.set_version_flag("--version", "baton " + std::string{config::version()});
  add_target(tree, *all, environment);
  add_send(tree, all);
  add_show(tree, all);
  try {
    tree.parse(std::vector<std::string>{args.rbegin(), args.rend()});
  } catch (const CLI::CallForVersion&) {
    return say_text{tree.version() + "\n"};
  } catch (const CLI::ParseError& why) {
    return refused_line(tree, why);
  }
  return run_command{all->target, all->json, [all](desk& d) { return all->command(d); }};
}

} // namespace baton::cli
