#include "config/flags.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <string_view>

#include "config/nearest.hpp"
#include "config/table.hpp"

namespace baton::config {

namespace {

/// `--lease.self-stop,--lease.self_stop`: dashes are the custom of command lines, underscores that of the file.
std::string spellings(std::string_view name) {
  auto dashed = flag_of(name);
  const auto plain = "--" + std::string{name};
  return dashed == plain ? plain : dashed + "," + plain;
}

CLI::Option* add(CLI::App& app, const option_row& row) {
  auto names = spellings(row.name);
  if (!row.short_name.empty()) names += "," + spellings(row.short_name);
  const bool is_flag = std::holds_alternative<flag_field<options>>(row.what);
  auto* option = is_flag ? app.add_flag(names) : app.add_option(names);
  return option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

/// CLI11 takes the next argument for the value of `--name=`; an empty one is meant.
std::vector<std::string> reversed(const std::vector<std::string>& args) {
  std::vector<std::string> out;
  for (const auto& arg : args) {
    const bool is_empty_value = arg.size() > 3 && arg.starts_with("--") && arg.find('=') == arg.size() - 1;
    if (is_empty_value) {
      out.push_back(arg.substr(0, arg.size() - 1));
      out.emplace_back();
    } else {
      out.push_back(arg);
    }
  }
  std::ranges::reverse(out);
  return out;
}

std::vector<std::string> known_flags() {
  std::vector<std::string> known = {"--config", "--check-config", "--dump-config", "--help", "--version"};
  for (const auto& row : option_rows()) {
    known.push_back(flag_of(row.name));
    if (!row.short_name.empty()) known.push_back(flag_of(row.short_name));
  }
  return known;
}

/// What CLI11 could make nothing of. A word behind an unknown flag is taken for its value.
std::vector<fault> strangers(const std::vector<std::string>& rest) {
  const auto known = known_flags();
  std::vector<fault> faults;
  for (const auto& arg : rest) {
    const bool is_flag = arg.starts_with('-');
    if (!is_flag && !faults.empty() && faults.back().option.starts_with('-') && faults.back().value.empty()) {
      faults.back().value = shown(loose_text{arg});
      continue;
    }
    const auto equals = std::min(arg.find('='), arg.size());
    const auto name = is_flag ? arg.substr(0, equals) : shown(loose_text{arg});
    const auto value = is_flag && equals < arg.size() ? shown(loose_text{arg.substr(equals + 1)}) : std::string{};
    faults.push_back({.kind = fault_kind::unknown_option,
        .option = name,
        .value = value,
        .from = {.layer = layer::flag, .name = "command line"},
        .wanted = is_flag ? nearest(name, known) : ""});
  }
  return faults;
}

struct action_flags {
  CLI::Option* help;
  CLI::Option* version;
  CLI::Option* dump;
  CLI::Option* check;

  [[nodiscard]] action wanted() const {
    if (help->count() > 0) return action::help;
    if (version->count() > 0) return action::version;
    if (dump->count() > 0) return action::dump_config;
    return check->count() > 0 ? action::check_config : action::run;
  }
};

} // namespace

command_line parse_flags(const std::vector<std::string>& args) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  const action_flags actions = {.help = app.add_flag("-h,--help"),
      .version = app.add_flag("--version"),
      .dump = app.add_flag("--dump-config"),
      .check = app.add_flag("--check-config")};
  auto* config = app.add_option("-c,--config")->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  std::vector<CLI::Option*> by_row;
  for (const auto& row : option_rows())
    by_row.push_back(add(app, row));

  command_line out;
  try {
    app.parse(reversed(args));
  } catch (const CLI::ParseError& why) {
    // Only the last argument can lack its value; all before it was taken in.
    out.faults.push_back({.kind = fault_kind::malformed,
        .option = args.back(),
        .value = "",
        .from = {.layer = layer::flag, .name = "command line"},
        .wanted = "a value behind it"});
  }
  out.wanted = actions.wanted();
  if (config->count() > 0) out.config_file = config->results().back();
  for (std::size_t i = 0; i < by_row.size(); ++i) {
    if (by_row[i]->count() == 0) continue;
    out.values.push_back({i, flag_of(option_rows()[i].name), loose_text{by_row[i]->results().back()}});
  }
  auto unknown = strangers(app.remaining());
  out.faults.insert(out.faults.end(), unknown.begin(), unknown.end());
  return out;
}

} // namespace baton::config
