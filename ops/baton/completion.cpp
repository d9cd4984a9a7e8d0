#include "ops/baton/completion.hpp"

#include <CLI/CLI.hpp>

#include <vector>

namespace baton::cli {
namespace {

/// A word that may come next.
struct word {
  std::string text;
  std::string help;
  bool is_option = false;
  bool takes_value = false;
};

/// A command and what may follow it. `path`: `/` for the program, `/dead/` and `/dead/ls/` below it.
struct node {
  std::string path;
  std::vector<word> words;
};

void add_options(const CLI::App& of, std::vector<word>& to) {
  for (const auto* option : of.get_options()) {
    for (const auto& name : option->get_lnames()) {
      to.push_back({"--" + name, option->get_description(), true, option->get_items_expected_max() > 0});
    }
  }
}

void add_nodes(const CLI::App& at, const std::string& path, const std::vector<word>& everywhere, std::vector<node>& to) {
  node here{path, {}};
  // What has no name is a group of options.
  const auto commands = at.get_subcommands([](const CLI::App* below) { return !below->get_name().empty(); });
  const auto groups = at.get_subcommands([](const CLI::App* below) { return below->get_name().empty(); });
  for (const auto* command : commands) here.words.push_back({command->get_name(), command->get_description()});
  add_options(at, here.words);
  for (const auto* group : groups) add_options(*group, here.words);
  if (path != "/") here.words.insert(here.words.end(), everywhere.begin(), everywhere.end());
  if (path.ends_with("/completion/")) {
    for (const auto* shell : completion_shells) here.words.push_back({shell, "", false, false});
  }
  to.push_back(std::move(here));
  for (const auto* command : commands) add_nodes(*command, path + command->get_name() + "/", everywhere, to);
}

std::vector<node> nodes_of(const CLI::App& tree) {
  // What stands before the command may also stand after it; help is each command's own.
  std::vector<word> everywhere;
  add_options(tree, everywhere);
  std::erase_if(everywhere, [](const word& w) { return w.text == "--help" || w.text == "--version"; });
  std::vector<node> nodes;
  add_nodes(tree, "/", everywhere, nodes);
  return nodes;
}

/// The paths below the program's own, as alternatives of a `case`.
std::string alternatives(const std::vector<node>& nodes, std::string_view between) {
  std::string text;
  for (const auto& n : nodes) {
    if (n.path == "/") continue;
    text.append(text.empty() ? std::string_view{} : between).append(n.path);
  }
  return text;
}

std::string words_of(const node& n) {
  std::string text;
  for (const auto& w : n.words) text.append(text.empty() ? "" : " ").append(w.text);
  return text;
}

std::string cases(const std::vector<node>& nodes) {
  std::string text;
  for (const auto& n : nodes) text += "    " + n.path + ") all='" + words_of(n) + "' ;;\n";
  return text;
}

std::string bash_script(const std::vector<node>& nodes) {
  return R"sh(# bash: eval "$(baton completion bash)"
_baton() {
  local at=/ all= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at${COMP_WORDS[i]}/" in
    )sh" + alternatives(nodes, "|") + R"sh() at="$at${COMP_WORDS[i]}/" ;;
    esac
  done
  case "$at" in
)sh" + cases(nodes) + R"sh(  esac
  COMPREPLY=($(compgen -W "$all" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _baton baton
)sh";
}

std::string zsh_script(const std::vector<node>& nodes) {
  return R"sh(#compdef baton
# zsh: eval "$(baton completion zsh)", or a file _baton in a folder of fpath
_baton() {
  local at=/ all= i
  for ((i = 2; i < CURRENT; i++)); do
    case "$at${words[i]}/" in
    )sh" + alternatives(nodes, "|") + R"sh() at="$at${words[i]}/" ;;
    esac
  done
  case "$at" in
)sh" + cases(nodes) + R"sh(  esac
  compadd -- ${=all}
  [[ $PREFIX == -* ]] || _files
}
if [ "$funcstack[1]" = _baton ]; then _baton "$@"; else compdef _baton baton; fi
)sh";
}

std::string in_quotes(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted.append(c == '\'' || c == '\\' ? "\\" : "").push_back(c);
  return quoted + "'";
}

std::string fish_script(const std::vector<node>& nodes) {
  std::string text = R"(# fish: baton completion fish | source
function __baton_at
  set -l at /
  for typed in (commandline -opc)
    switch "$at$typed/"
      case )" + alternatives(nodes, " ") + R"(
        set at "$at$typed/"
    end
  end
  echo $at
end
)";
  for (const auto& n : nodes) {
    for (const auto& w : n.words) {
      text += "complete -c baton -n 'test (__baton_at) = " + n.path + "' ";
      text += w.is_option ? "-l " + w.text.substr(2) + (w.takes_value ? " -r" : "") : "-f -a " + w.text;
      if (!w.help.empty()) text += " -d " + in_quotes(w.help);
      text += "\n";
    }
  }
  return text;
}

} // namespace

std::string completion_script(const CLI::App& tree, std::string_view shell) {
  const auto nodes = nodes_of(tree);
  if (shell == "bash") return bash_script(nodes);
  return shell == "zsh" ? zsh_script(nodes) : fish_script(nodes);
}

} // namespace baton::cli
