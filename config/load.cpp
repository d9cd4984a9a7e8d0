#include "config/load.hpp"

#include <algorithm>
#include <optional>

#include "config/field.hpp"
#include "config/flags.hpp"
#include "config/nearest.hpp"
#include "config/runners.hpp"
#include "config/table.hpp"
#include "config/tenants.hpp"
#include "config/toml_file.hpp"

namespace baton::config {

namespace {

using variables = std::map<std::string, std::string>;
constexpr std::string_view config_variable = "BATON_CONFIG";

/// Options under way: what holds so far, where each came from, and what was wrong. Layers are applied lowest first.
class assembly {
public:
  void take_file(const std::string& path, const file_text& read) {
    const origin from{.layer = layer::file, .name = path};
    if (const auto* why = std::get_if<unreadable>(&read)) {
      faults_.push_back(
          {.kind = fault_kind::file_unreadable, .option = "", .value = "", .from = from, .wanted = why->why});
      return;
    }
    path_ = path;
    file_ = parse_file(std::get<std::string>(read), path);
    std::ranges::move(file_.faults, std::back_inserter(faults_));
    for (const auto& value : file_.values)
      take_named(value);
    for (const auto& group : file_.empty_groups) {
      const auto is_known = [&](const option_row& row) { return row.name.starts_with(group.name + "."); };
      if (std::ranges::none_of(option_rows(), is_known)) take_named(group);
    }
  }

  void take_environment(const variables& all) {
    const auto rows = option_rows();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      auto found = all.find(variable_of(rows[i].name));
      if (found == all.end() && !rows[i].short_name.empty()) found = all.find(variable_of(rows[i].short_name));
      if (found != all.end()) take(i, loose_text{found->second}, {.layer = layer::environment, .name = found->first});
    }
    for (const auto& [name, value] : all)
      refuse_unknown_variable(name, value);
  }

  void take_flags(const command_line& line) {
    std::ranges::copy(line.faults, std::back_inserter(faults_));
    for (const auto& value : line.values)
      take(value.row, value.says, {.layer = layer::flag, .name = value.spelled});
  }

  /// What the machine's surroundings decide where nobody said anything.
  void fill_in(const variables& all) {
    auto& place = so_far_.node.data_dir;
    if (!place.empty()) return;
    const auto at = [&](const char* name) {
      const auto found = all.find(name);
      return found != all.end() && found->second.starts_with('/') ? found->second : std::string{};
    };
    if (const auto state = at("XDG_STATE_HOME"); !state.empty()) {
      place = state + "/baton";
    } else if (const auto home = at("HOME"); !home.empty()) {
      place = home + "/.local/state/baton";
    } else if (!is_broken("node.data_dir")) {
      faults_.push_back({.kind = fault_kind::missing,
          .option = "node.data_dir",
          .value = "",
          .from = {},
          .wanted = "set it, or one of XDG_STATE_HOME and HOME to an absolute path"});
    }
  }

  void check_relations() {
    for (const auto& rule : relations()) {
      // A value that was not taken in says nothing about the other one.
      if (is_broken(rule.left) || is_broken(rule.right) || rule.holds(so_far_)) continue;
      auto left = index_of(rule.left);
      auto right = index_of(rule.right);
      // The one that was said later is the more likely culprit.
      if (from_[right].layer > from_[left].layer) std::swap(left, right);
      const auto& other = option_rows()[right];
      auto wanted = std::string{rule.says} + "; " + std::string{other.name} + " is " + shown_value(right) + " ("
          + to_text(from_[right]) + ")";
      faults_.push_back({.kind = fault_kind::relation,
          .option = std::string{option_rows()[left].name},
          .value = shown_value(left),
          .from = from_[left],
          .wanted = std::move(wanted)});
    }
  }

  void take_runners(const invocation& by) {
    const auto path = by.environment.find("PATH");
    runner_rules rules;
    rules.path = path_;
    rules.time_limit_max =
        is_broken("session.slice_time_limit") ? std::chrono::milliseconds::max() : so_far_.session.slice_time_limit;
    rules.why_not_runnable = [&](const std::string& program) {
      return by.why_not_runnable(program, path == by.environment.end() ? std::string{} : path->second);
    };
    auto found = read_runners(file_.runners, rules, so_far_.runners);
    std::ranges::move(found.faults, std::back_inserter(faults_));
    doubts_ = std::move(found.unrunnable);
  }

  void take_tenants() {
    auto found = read_tenants(file_.tenants, path_, so_far_.tenants);
    std::ranges::move(found, std::back_inserter(faults_));
  }

  load_result finish(action wanted) && {
    if (wanted == action::check_config || !faults_.empty()) {
      std::ranges::move(doubts_, std::back_inserter(faults_));
      doubts_.clear();
    }
    if (!faults_.empty()) return std::move(faults_);
    return loaded{std::move(so_far_), wanted, std::move(doubts_)};
  }

private:
  void take_named(const file_value& value) {
    const origin from{.layer = layer::file, .name = path_, .line = value.line};
    const auto rows = option_rows();
    const auto row = std::ranges::find(rows, value.name, &option_row::name);
    if (row != rows.end()) return take(static_cast<std::size_t>(row - rows.begin()), value.says, from);
    std::vector<std::string> known;
    for (const auto& r : rows)
      known.emplace_back(r.name);
    faults_.push_back({.kind = fault_kind::unknown_option,
        .option = value.name,
        .value = shown(value.says),
        .from = from,
        .wanted = nearest(value.name, known)});
  }

  void take(std::size_t i, const given& says, const origin& from) {
    const auto& row = option_rows()[i];
    from_[i] = from;
    if (const auto why = set(row, says, so_far_)) {
      is_broken_[i] = true;
      faults_.push_back(
          {.kind = *why, .option = std::string{row.name}, .value = shown(says), .from = from, .wanted = wanted(row)});
    }
  }

  /// Only names that begin like one of our groups: others are no business of this program.
  void refuse_unknown_variable(const std::string& name, const std::string& value) {
    std::vector<std::string> known;
    bool is_ours = false;
    for (const auto& row : option_rows()) {
      known.push_back(variable_of(row.name));
      if (!row.short_name.empty()) known.push_back(variable_of(row.short_name));
      is_ours = is_ours || name.starts_with(variable_of(row.name.substr(0, row.name.find('.') + 1)));
    }
    if (!is_ours || std::ranges::find(known, name) != known.end()) return;
    faults_.push_back({.kind = fault_kind::unknown_option,
        .option = name,
        .value = shown(loose_text{value}),
        .from = {.layer = layer::environment, .name = name},
        .wanted = nearest(name, known)});
  }

  [[nodiscard]] static std::size_t index_of(std::string_view name) {
    const auto rows = option_rows();
    return static_cast<std::size_t>(std::ranges::find(rows, name, &option_row::name) - rows.begin());
  }
  [[nodiscard]] bool is_broken(std::string_view name) const { return is_broken_[index_of(name)]; }
  [[nodiscard]] std::string shown_value(std::size_t i) {
    return without_passwords(toml_value(option_rows()[i], so_far_));
  }

  options so_far_;
  std::vector<origin> from_ = std::vector<origin>(option_rows().size());
  std::vector<bool> is_broken_ = std::vector<bool>(option_rows().size());
  std::string path_;
  file_content file_;
  std::vector<fault> faults_;
  std::vector<fault> doubts_;
};

std::optional<std::string> file_of(const command_line& line, const variables& all) {
  if (line.config_file) return line.config_file;
  const auto found = all.find(std::string{config_variable});
  return found == all.end() || found->second.empty() ? std::nullopt : std::optional{found->second};
}

} // namespace

load_result load(const invocation& by) {
  const auto line = parse_flags(by.args);
  if (line.wanted == action::help || line.wanted == action::version) return loaded{{}, line.wanted, {}};
  assembly parts;
  if (const auto path = file_of(line, by.environment)) parts.take_file(*path, by.read(*path));
  parts.take_environment(by.environment);
  parts.take_flags(line);
  parts.fill_in(by.environment);
  parts.check_relations();
  parts.take_runners(by);
  parts.take_tenants();
  return std::move(parts).finish(line.wanted);
}

} // namespace baton::config
