#include "ops/baton/arguments.hpp"

#include <CLI/CLI.hpp>

#include <memory>

#include "config/load.hpp"
#include "config/quantity.hpp"
#include "messages/codec.hpp"
#include "ops/baton/completion.hpp"

namespace baton::cli {
namespace {

constexpr auto exit_codes = R"(Exit codes:
  0    done
  1    the run failed or was cancelled; doctor: something needs a person
  2    the command line is wrong
  3    the broker, or a node, cannot be reached
  4    refused, in conflict with what is there, or unknown
  5    timed out waiting
  130  interrupted (Ctrl-C): the run goes on
  143  the same, by SIGTERM)";

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

/// As a task's own field is read.
std::optional<instant> time_of(const std::string& text) {
  const auto with_it = codec::encode_value(value::object{{"runner", "r"}, {"input", ""}, {"not_before", text}}, encoding::json);
  const auto read = codec::decode_task(with_it, {}, {});
  return read ? read->not_before : std::nullopt;
}

std::string policy_names() {
  std::string names;
  for (const auto& row : busy_policies) names += (names.empty() ? "" : ", ") + std::string{row.text};
  return names;
}

/// A node takes less; beyond this a time cannot be added to another.
constexpr milliseconds longest_delay = std::chrono::hours{24 * 365 * 100};

/// A time, or with a plus a while from now.
template <class Into>
CLI::Option* add_time(CLI::App& to, const std::string& name, Into& into, const std::string& help) {
  return to.add_option_function<std::string>(name, [&into, name](const std::string& text) {
    const auto after = text.starts_with("+") ? config::parse_duration(text.substr(1)) : std::nullopt;
    const auto at = time_of(text);
    if (after && *after > longest_delay) refuse(name, "'" + text + "' is more than a hundred years");
    if (!after && !at) refuse(name, "'" + text + "' is no time such as 2026-12-24T18:00:00Z or +10m");
    if (after) {
      into = *after;
    } else {
      into = *at;
    }
  }, help)->type_name("TIME|+DURATION");
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
  watch_order watch;
  show_order show;
  cancel_order cancel;
  unstick_order unstick;
  steer_order steer;
  edit_order edit;
  std::vector<std::string> unlabelled;
  delete_order remove;
  drain_order drain;
  stream_seq letter;
  dead_filter dead;
  requeue_order requeue;
  std::string shell;
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
  // As batond takes them.
  for (const auto* name : {"BATON_NATS", "BATON_BROKER_URL"}) {
    if (const auto found = environment.find(name); found != environment.end()) all.target.url = found->second;
  }
  to.add_option("--nats", all.target.url, "broker, instead of the one that the node on this machine uses (BATON_NATS)")->type_name("URL");
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
  c.add_option_function<std::string>("--when-busy", [&into = o.when_busy](const std::string& text) {
    const auto policy = parse_busy_policy(text);
    if (!policy) refuse("--when-busy", "'" + text + "' is none of " + policy_names());
    into = *policy;
  }, "what becomes of it while a run is under way: " + policy_names())->type_name("POLICY");
  c.add_option("--tenant", o.tenant, "on whose account");
  c.add_option("--priority", o.priority, "among the tenant's waiting turns, the highest first; one is worth a minute's wait")
      ->check(CLI::Range(0, int{priority_max}))
      ->type_name("0-9");
  add_labels(c, "--label", o.labels, "on the task; may be repeated");
  add_duration(c, "--deadline", o.deadline, "give the run up when it is not done by then");
  add_time(c, "--not-before", o.not_before, "start no earlier: 2026-12-24T18:00:00Z, or +10s, +5m, +2h from now");
  add_duration(c, "--timeout", o.timeout, "wait no longer; the run goes on");
  c.add_flag("--no-wait", o.no_wait, "only print the run's id once the task is stored");
  on_chosen(c, all, [at = all.get()](desk& d) { return send(at->send, d); });
}

void add_show(CLI::App& to, const shared_typed& all) {
  auto& c = *to.add_subcommand("show", "Show a session: phase, the newest run's timeline, transcript");
  add_id(c, "SESSION", all->show.session, "the session")->required();
  c.add_flag("--events", all->show.events, "the commits and their events instead of the transcript");
  add_id(c, "--run", all->show.run, "the timeline of this run instead of the newest one's, and only what concerns it");
  on_chosen(c, all, [at = all.get()](desk& d) { return show(at->show, d); });
  auto& ls = *to.add_subcommand("ls", "List the sessions");
  on_chosen(ls, all, [](desk& d) { return list_sessions(d); });
}

void add_watch(CLI::App& to, const shared_typed& all) {
  auto& c = *to.add_subcommand("watch", "Show what sessions say and what is committed, as it comes");
  add_id(c, "SESSION", all->watch.session, "one session instead of all");
  on_chosen(c, all, [at = all.get()](desk& d) { return watch(at->watch, d); });
}

void add_cancel(CLI::App& to, const shared_typed& all) {
  auto& o = all->cancel;
  auto& c = *to.add_subcommand("cancel", "End a run, queued or running");
  add_id(c, "SESSION", o.session, "the session")->required();
  add_id(c, "RUN", o.run, "instead of the one under way");
  c.add_option("--reason", o.because, "for the record");
  add_duration(c, "--timeout", o.timeout, "wait no longer for the answer (10s)");
  on_chosen(c, all, [at = all.get()](desk& d) { return cancel_run(at->cancel, d); });
}

void add_steer(CLI::App& to, const shared_typed& all) {
  auto& o = all->steer;
  auto& c = *to.add_subcommand("steer", "Say something to a run under way; it hears it at its next safe boundary");
  add_id(c, "SESSION", o.session, "the session")->required();
  c.add_option("TEXT", o.text, "what is said")->required();
  add_id(c, "--run", o.run, "instead of the one under way");
  add_duration(c, "--timeout", o.timeout, "wait no longer for the boundary (10m)");
  on_chosen(c, all, [at = all.get()](desk& d) { return steer_run(at->steer, d); });
}

void add_unstick(CLI::App& to, const shared_typed& all) {
  auto& o = all->unstick;
  auto& c = *to.add_subcommand("unstick", "Stop waiting for a session's run that hangs: kill its slice, or try it again at once");
  add_id(c, "SESSION", o.session, "the session")->required();
  add_duration(c, "--timeout", o.timeout, "wait no longer for the answer (10s)");
  on_chosen(c, all, [at = all.get()](desk& d) { return unstick_session(at->unstick, d); });
}

void add_edit(CLI::App& to, const shared_typed& all) {
  auto& o = all->edit;
  auto& c = *to.add_subcommand("edit", "Change a session's title, mark and labels");
  add_id(c, "SESSION", o.session, "the session")->required();
  auto& change = *c.add_option_group("change");
  auto* title = change.add_option("--title", o.change.title, "the new title");
  change.add_flag_callback("--pin", [&o] { o.change.pinned = true; }, "pin it");
  change.add_flag_callback("--unpin", [&o] { o.change.pinned = false; }, "unpin it")->excludes("--pin");
  add_labels(change, "--label", o.change.labels, "set a label; may be repeated");
  change.add_option("--unlabel", all->unlabelled, "remove a label; may be repeated")->type_name("NAME")->take_all()->allow_extra_args(false);
  change.require_option(1, 0);
  c.add_option("--title-version", o.change.title_version, "only if the title still has this version")->needs(title);
  add_duration(c, "--timeout", o.timeout, "wait no longer for the answer (10s)");
  on_chosen(c, all, [at = all.get()](desk& d) {
    for (const auto& name : at->unlabelled) at->edit.change.labels[name] = {};
    return edit_session(at->edit, d);
  });
}

void add_delete(CLI::App& to, const shared_typed& all) {
  auto& o = all->remove;
  auto& c = *to.add_subcommand("delete", "Delete a session: its transcript goes, a tombstone stays");
  add_id(c, "SESSION", o.session, "the session")->required();
  c.add_flag("-y,--yes", o.yes, "do not ask");
  add_duration(c, "--timeout", o.timeout, "wait no longer for the answer (10s)");
  on_chosen(c, all, [at = all.get()](desk& d) { return delete_session(at->remove, d); });
}

CLI::Option* add_reason(CLI::App& to, std::optional<reason>& into) {
  return to.add_option_function<std::string>("--reason", [&into](const std::string& text) {
    into = parse_reason(text);
    if (!into) refuse("--reason", "'" + text + "' is none: ops/errors has a page for each");
  }, "only those refused or given up for this")->type_name("REASON");
}

void add_dead(CLI::App& to, const shared_typed& all) {
  auto& dead = *to.add_subcommand("dead", "Tasks that were refused or given up on");
  dead.require_subcommand(1);
  auto& ls = *dead.add_subcommand("ls", "List dead letters");
  add_id(ls, "SESSION", all->dead.session, "of one session instead of all");
  add_reason(ls, all->dead.why);
  on_chosen(ls, all, [at = all.get()](desk& d) { return list_dead(at->dead, d); });

  auto& one = *dead.add_subcommand("show", "Show one, with its payload");
  one.add_option("LETTER", all->letter.value, "its number in baton dead ls")->required();
  on_chosen(one, all, [at = all.get()](desk& d) { return show_dead(at->letter, d); });

  auto& again = *dead.add_subcommand("requeue", "Publish its task again, as ID.r1, ID.r2, …; prints the new id");
  auto& o = all->requeue;
  auto& which = *again.add_option_group("which");
  which.add_option_function<std::uint64_t>("LETTER", [&o](const std::uint64_t& n) { o.letter = stream_seq{n}; }, "its number in baton dead ls");
  which.add_flag("--all", o.all, "all of them");
  which.require_option(1);
  add_id(again, "--session", o.which.session, "with --all: only this session's");
  add_reason(again, o.which.why);
  on_chosen(again, all, [at = all.get()](desk& d) { return requeue_dead(at->requeue, d); });
}

void add_nodes(CLI::App& to, const shared_typed& all) {
  auto& ls = *to.add_subcommand("nodes", "List the nodes that live or own something");
  on_chosen(ls, all, [](desk& d) { return list_nodes(d); });
  auto& o = all->drain;
  auto& c = *to.add_subcommand("drain", "Let a node give back its partitions and stop, as SIGTERM does; running turns go on elsewhere");
  add_id(c, "NODE", o.node, "its name in baton nodes")->required();
  c.add_flag("--no-wait", o.no_wait, "do not wait until it owns nothing");
  add_duration(c, "--timeout", o.timeout, "wait no longer (2m); it goes on draining");
  on_chosen(c, all, [at = all.get()](desk& d) { return drain_node(at->drain, d); });
}

void add_doctor(CLI::App& to, const shared_typed& all) {
  auto& c = *to.add_subcommand("doctor", "Say what is there, what is wrong with it, and what it does not guarantee");
  on_chosen(c, all, [at = all.get()](desk& d) { return doctor({at->target.data_dir}, d); });
}

void add_completion(CLI::App& to, const shared_typed& all) {
  auto& c = *to.add_subcommand("completion", "Print a completion script for a shell");
  c.add_option("SHELL", all->shell, "bash, fish or zsh")->required()->check(CLI::IsMember(completion_shells));
}

request refused_line(const CLI::App& tree, const CLI::ParseError& why) {
  if (why.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return say_text{tree.help()};
  const auto* at = &tree;
  std::string command = tree.get_name();
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    command += " " + at->get_name();
  }
  std::string text = why.what();
  if (const auto extra = tree.remaining(true); at->get_subcommands([](const CLI::App*) { return true; }).size() > 1 && !extra.empty()) {
    text = "there is no command '" + extra.front() + "'";
  }
  return complaint{exit_code::usage, text + "\nsee " + command + " --help"};
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
  add_watch(tree, all);
  add_show(tree, all);
  add_cancel(tree, all);
  add_steer(tree, all);
  add_unstick(tree, all);
  add_edit(tree, all);
  add_delete(tree, all);
  add_dead(tree, all);
  add_nodes(tree, all);
  add_doctor(tree, all);
  add_completion(tree, all);
  try {
    tree.parse(std::vector<std::string>{args.rbegin(), args.rend()});
  } catch (const CLI::CallForVersion&) {
    return say_text{tree.version() + "\n"};
  } catch (const CLI::ParseError& why) {
    return refused_line(tree, why);
  }
  if (!all->shell.empty()) return say_text{completion_script(tree, all->shell)};
  return run_command{all->target, all->json, [all](desk& d) { return all->command(d); }};
}

} // namespace baton::cli
