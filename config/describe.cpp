// What can be told from the table alone: the help, and a file that holds the options.
#include <algorithm>
#include <span>

#include "config/field.hpp"
#include "config/load.hpp"
#include "config/table.hpp"

namespace baton::config {

namespace {

constexpr std::size_t line_letters_max = 100;

/// `text` in lines of at most `line_letters_max`, each behind `indent`.
std::string wrapped(std::string_view text, std::string_view indent) {
  std::string lines;
  std::string line;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    if (!line.empty() && indent.size() + line.size() + 1 + word.size() > line_letters_max) {
      lines += std::string{indent} + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + std::string{word};
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return line.empty() ? lines : lines + std::string{indent} + line + "\n";
}

std::string_view group_of(std::string_view name) { return name.substr(0, name.find('.')); }
std::string_view last_of(std::string_view name) { return name.substr(name.find('.') + 1); }

template <class Of>
std::string sentence(const row<Of>& of) {
  return std::string{of.help} + " (" + bounds(of) + ")";
}

template <class Of>
void write(const row<Of>& of, Of& in, std::string& out) {
  out += wrapped(sentence(of), "# ") + std::string{last_of(of.name)} + " = " + toml_value(of, in) + "\n";
}

void write_runner(const std::string& name, runner_options& runner, std::string& out) {
  out += "\n[runners." + name + "]\n";
  for (const auto& row : runner_rows()) {
    if (runner.type == runner_type::command || row.name == "type") write(row, runner, out);
  }
}

void write_tenant(const std::string& name, tenant_options& tenant, std::string& out) {
  out += "\n[tenants." + (is_plain_name(name) ? name : toml_string(name)) + "]\n";
  for (const auto& row : tenant_rows())
    write(row, tenant, out);
}

std::string help_of(const option_row& row, options& defaults) {
  const auto value = placeholder(row);
  auto line = "  " + flag_of(row.name);
  if (!row.short_name.empty()) line += ", " + flag_of(row.short_name);
  if (!value.empty()) line += " " + std::string{value};
  auto facts = "[default " + toml_value(row, defaults) + "; " + variable_of(row.name);
  if (!row.short_name.empty()) facts += " or " + variable_of(row.short_name);
  return line + "\n" + wrapped(sentence(row) + " " + facts + "]", "        ");
}

template <class Of>
std::string help_in_table(const row<Of>& row, Of& defaults) {
  const auto line = "  " + std::string{row.name} + " = " + std::string{placeholder(row)};
  const auto fallback = row.name == "type" ? "" : " [default " + toml_value(row, defaults) + "]";
  return line + "\n" + wrapped(sentence(row) + fallback, "        ");
}

} // namespace

std::string dump(options of) {
  std::string out;
  std::string_view group;
  for (const auto& row : option_rows()) {
    if (group_of(row.name) != group) {
      group = group_of(row.name);
      out += (out.empty() ? "[" : "\n[") + std::string{group} + "]\n";
    }
    write(row, of, out);
  }
  for (auto& [name, runner] : of.runners)
    write_runner(name, runner, out);
  for (auto& [name, tenant] : of.tenants)
    write_tenant(name, tenant, out);
  return out;
}

std::string help(std::string_view program) {
  std::string out = "Usage: " + std::string{program} + " [options]\n\n";
  out += "  -c, --config FILE\n        A TOML file with options. [BATON_CONFIG]\n";
  out += "  --check-config\n        Says what is wrong with the configuration, and ends.\n";
  out += "  --dump-config\n        Prints the configuration as a TOML file, and ends.\n";
  out += "  -h, --help\n  --version\n\n";
  out += wrapped(
      "An option is taken from its default, the file, the environment or the command line, the last of them that "
      "names it. In the file, group.name stands as name under [group]. Durations are whole numbers with ms, s, m or "
      "h; sizes with B, KiB, MiB, GiB or TiB.",
      "");
  options defaults;
  std::string_view group;
  for (const auto& row : option_rows()) {
    if (group_of(row.name) != group) {
      group = group_of(row.name);
      out += "\n" + std::string{group} + ":\n";
    }
    out += help_of(row, defaults);
  }
  out += "\nrunners, each in the file under [runners.NAME]:\n";
  runner_options runner;
  for (const auto& row : runner_rows())
    out += help_in_table(row, runner);
  out += "\ntenants, each in the file under [tenants.NAME]:\n";
  tenant_options tenant;
  for (const auto& row : tenant_rows())
    out += help_in_table(row, tenant);
  return out;
}

std::string_view version() { return BATON_VERSION; }

} // namespace baton::config
