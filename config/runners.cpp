#include "config/runners.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "config/field.hpp"
#include "config/forms.hpp"
#include "config/nearest.hpp"
#include "config/table.hpp"

namespace baton::config {

namespace {

/// One table on its way to a runner.
class reader {
public:
  reader(const named_table& table, const runner_rules& rules) : table_(table), rules_(rules) {}

  /// Nothing if there are faults.
  std::optional<runner_options> read() {
    if (!is_plain_name(table_.name)) blame(fault_kind::malformed, "", "", table_.line, std::string{name_wanted_});
    for (const auto& value : table_.values)
      take(value);
    if (faults_.empty()) check();
    check_program();
    return faults_.empty() ? std::optional{runner_} : std::nullopt;
  }

  std::vector<fault> faults() && { return std::move(faults_); }
  std::vector<fault> unrunnable() && { return std::move(unrunnable_); }

private:
  void take(const file_value& value) {
    const auto rows = runner_rows();
    const auto row = std::ranges::find(rows, value.name, &runner_row::name);
    if (row == rows.end()) {
      std::vector<std::string> known;
      for (const auto& r : rows)
        known.emplace_back(r.name);
      const auto meant = nearest(value.name, known);
      blame(fault_kind::unknown_option, value.name, shown(value.says), value.line, meant.empty() ? "" : full(meant));
    } else if (const auto why = set(*row, value.says, runner_)) {
      blame(*why, value.name, shown(value.says), value.line, wanted(*row));
    }
  }

  void check() {
    if (find("type") == nullptr) return blame(fault_kind::missing, "type", "", table_.line, "echo or command");
    if (runner_.type == runner_type::echo) return check_echo();
    if (table_.name == "echo")
      return blame_value(fault_kind::relation, "type", "the runner echo is always of type echo");
    if (runner_.program.empty()) return blame(fault_kind::missing, "program", "", table_.line, "what a command runs");
    if (!runner_.shell && !forms::program.fits(runner_.program)) {
      blame_value(fault_kind::malformed, "program", std::string{forms::program.wanted});
    }
    if (runner_.time_limit > rules_.time_limit_max) {
      blame_value(
          fault_kind::relation, "time_limit", "a runner's time_limit must not be above session.slice_time_limit");
    }
  }

  /// Whatever else is wrong, so that all faults are told at once. A shell's line is no program's name.
  void check_program() {
    const auto is_named = find("program") != nullptr && forms::program.fits(runner_.program);
    if (runner_.type != runner_type::command || runner_.shell || !is_named) return;
    const auto why = rules_.why_not_runnable(runner_.program);
    if (!why) return;
    const auto& value = *find("program");
    unrunnable_.push_back(made(fault_kind::unrunnable, value.name, shown(value.says), value.line, *why));
  }

  void check_echo() {
    for (const auto& value : table_.values) {
      if (value.name != "type") blame_value(fault_kind::relation, value.name, "only a runner of type command has this");
    }
  }

  [[nodiscard]] const file_value* find(std::string_view name) const {
    const auto found = std::ranges::find(table_.values, name, &file_value::name);
    return found == table_.values.end() ? nullptr : &*found;
  }

  [[nodiscard]] std::string full(const std::string& name) const {
    return "runners." + table_.name + (name.empty() ? "" : "." + name);
  }

  void blame_value(fault_kind kind, std::string_view name, std::string wanted) {
    const auto& value = *find(name);
    blame(kind, value.name, shown(value.says), value.line, std::move(wanted));
  }

  void blame(fault_kind kind, const std::string& name, std::string value, std::uint32_t line, std::string wanted) {
    faults_.push_back(made(kind, name, std::move(value), line, std::move(wanted)));
  }

  [[nodiscard]] fault made(
      fault_kind kind, const std::string& name, std::string value, std::uint32_t line, std::string wanted) const {
    return {.kind = kind,
        .option = full(name),
        .value = std::move(value),
        .from = {.layer = layer::file, .name = rules_.path, .line = line},
        .wanted = std::move(wanted)};
  }

  static constexpr std::string_view name_wanted_ = "a name of 1 to 64 letters, digits, _ or -";
  const named_table& table_;
  const runner_rules& rules_;
  runner_options runner_;
  std::vector<fault> faults_;
  std::vector<fault> unrunnable_;
};

} // namespace

runner_faults read_runners(
    const std::vector<named_table>& tables, const runner_rules& rules, std::map<std::string, runner_options>& into) {
  runner_faults all;
  for (const auto& table : tables) {
    reader r{table, rules};
    if (auto runner = r.read()) into.insert_or_assign(table.name, std::move(*runner));
    auto unrunnable = std::move(r).unrunnable();
    auto found = std::move(r).faults();
    std::ranges::move(found, std::back_inserter(all.faults));
    std::ranges::move(unrunnable, std::back_inserter(all.unrunnable));
  }
  return all;
}

} // namespace baton::config
