// What must hold for every row of the option table, whatever options there are.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "config/field.hpp"
#include "config/load.hpp"
#include "config/quantity.hpp"
#include "config/table.hpp"

using namespace baton;
using namespace baton::config;
using std::chrono::milliseconds;

namespace {

const std::map<std::string, std::string> at_home = {{"HOME", "/home/ada"}};

loaded load_or_fail(std::vector<std::string> args, std::map<std::string, std::string> environment = at_home,
    const std::string& file = "") {
  args.insert(args.end(), {"--config", "baton.toml"});
  auto result =
      load({.args = std::move(args), .environment = std::move(environment), .read = [&](const auto&) { return file; }});
  if (const auto* faults = std::get_if<std::vector<fault>>(&result)) FAIL(to_text(*faults));
  return std::get<loaded>(std::move(result));
}

/// A text that the field takes and that is not its default, as near to the default as can be.
struct another_value {
  options now;

  std::string operator()(const text_field<options>& f) const {
    for (const auto* candidate : {"/a", "name", "nats://h:4222"}) {
      if (f.form.fits(candidate)) return candidate;
    }
    FAIL("no sample fits " << f.form.wanted);
    return {};
  }
  std::string operator()(const flag_field<options>& f) { return f.at(now) ? "false" : "true"; }
  std::string operator()(const count_field<options>& f) { return std::to_string(beside(f.at(now), f.least)); }
  std::string operator()(const duration_field<options>& f) {
    const auto count =
        beside(static_cast<std::uint64_t>(f.at(now).count()), static_cast<std::uint64_t>(f.least.count()));
    return to_text(milliseconds{static_cast<std::int64_t>(count)});
  }
  std::string operator()(const size_field<options>& f) {
    return to_text(byte_size{beside(f.at(now).bytes, f.least.bytes)});
  }
  std::string operator()(const choice_field<options>& f) { return std::string{f.names[f.get(now) == 0 ? 1 : 0]}; }
  std::string operator()(const address_field<options>&) const { return "[::1]:8080"; }
  std::string operator()(const list_field<options>&) const { return "a.,b.c."; }
  std::string operator()(const map_field<options>&) const { return {}; }

  static std::uint64_t beside(std::uint64_t value, std::uint64_t least) {
    return value > least ? value - 1 : value + 1;
  }
};

std::string another(const option_row& row) { return std::visit(another_value{}, row.what); }

/// What must be said besides, lest a relation is broken: rows and values.
std::map<std::string, std::string> company(std::string_view name) {
  if (name == "broker.tls_cert_file") return {{"broker.url", "nats://h"}, {"broker.tls_key_file", "/k"}};
  if (name == "broker.tls_key_file") return {{"broker.url", "nats://h"}, {"broker.tls_cert_file", "/c"}};
  const bool is_for_a_server =
      name.find("_file") != std::string_view::npos || name == "broker.tls_required" || name == "broker.replicas";
  return is_for_a_server ? std::map<std::string, std::string>{{"broker.url", "nats://h"}}
                         : std::map<std::string, std::string>{};
}

std::vector<std::string> as_args(const std::map<std::string, std::string>& values) {
  std::vector<std::string> args;
  for (const auto& [name, value] : values)
    args.push_back(flag_of(name) + "=" + value);
  return args;
}

/// The row's default as flags have it; where that one would break a relation, something else.
std::string before(const option_row& row) {
  if (row.name.starts_with("broker.tls_") && row.name.ends_with("_file")) return "/z";
  options defaults;
  auto text = toml_value(row, defaults);
  if (text.starts_with('"')) text = text.substr(1, text.size() - 2);
  return text == "[]" ? "" : text;
}

/// The defaults, with `company` and this row set without any layer.
options with(const option_row& row, const std::string& value) {
  auto in = load_or_fail({}).options;
  auto values = company(row.name);
  values[std::string{row.name}] = value;
  for (const auto& r : option_rows()) {
    const auto found = values.find(std::string{r.name});
    if (found != values.end()) REQUIRE(set(r, loose_text{found->second}, in) == std::nullopt);
  }
  return in;
}

/// `group.name = value` as a file, the value as TOML has it.
std::string as_file(const option_row& row, options of) {
  const auto dot = row.name.find('.');
  return "[" + std::string{row.name.substr(0, dot)} + "]\n" + std::string{row.name.substr(dot + 1)} + " = "
      + toml_value(row, of);
}

std::string flag(const option_row& row, const std::string& value) { return flag_of(row.name) + "=" + value; }

} // namespace

TEST_CASE("each option has one name, one variable and one flag", "[config]") {
  std::set<std::string> variables = {"BATON_CONFIG"};
  std::set<std::string> flags = {"--config", "--check-config", "--dump-config", "--help", "--version"};
  for (const auto& row : option_rows()) {
    CAPTURE(row.name);
    REQUIRE(variables.insert(variable_of(row.name)).second);
    REQUIRE(flags.insert(flag_of(row.name)).second);
    if (row.short_name.empty()) continue;
    REQUIRE(variables.insert(variable_of(row.short_name)).second);
    REQUIRE(flags.insert(flag_of(row.short_name)).second);
  }
  REQUIRE(variable_of("lease.self_stop") == "BATON_LEASE_SELF_STOP");
  REQUIRE(flag_of("lease.self_stop") == "--lease.self-stop");
}

TEST_CASE("the rows of a group stand together", "[config]") {
  std::set<std::string_view> done;
  std::string_view group;
  for (const auto& row : option_rows()) {
    const auto its = row.name.substr(0, row.name.find('.'));
    CAPTURE(row.name);
    REQUIRE(std::ranges::count(row.name, '.') == 1);
    if (its != group) REQUIRE(done.insert(its).second);
    group = its;
  }
}

TEST_CASE("each option is described by one sentence", "[config]") {
  const auto check = [](std::string_view name, std::string_view help) {
    CAPTURE(name, help);
    REQUIRE(help.size() > 15);
    REQUIRE(help.ends_with('.'));
    REQUIRE(help.find(". ") == std::string_view::npos);
  };
  for (const auto& row : option_rows()) {
    // `_INBOX.` stands in the middle of a sentence.
    if (row.name != "payload.reply_prefixes") check(row.name, row.help);
  }
  for (const auto& row : runner_rows())
    check(row.name, row.help);
  for (const auto& row : tenant_rows())
    check(row.name, row.help);
}

TEST_CASE("each option appears in the help, with variable and default", "[config]") {
  const auto text = help("batond");
  options defaults;
  for (const auto& row : option_rows()) {
    CAPTURE(row.name);
    const auto begin = text.find("  " + flag_of(row.name));
    REQUIRE(begin != std::string::npos);
    auto its = text.substr(begin, text.find("\n  -", begin + 1) - begin);
    // The lines are wrapped.
    std::erase_if(its, [](char c) { return c == '\n' || c == ' '; });
    REQUIRE(its.find(variable_of(row.name)) != std::string::npos);
    auto fallback = "[default" + toml_value(row, defaults);
    std::erase(fallback, ' ');
    REQUIRE(its.find(fallback) != std::string::npos);
  }
  for (const auto& row : runner_rows())
    REQUIRE(text.find("\n  " + std::string{row.name} + " = ") != std::string::npos);
  for (const auto& row : tenant_rows())
    REQUIRE(text.find("\n  " + std::string{row.name} + " = ", text.find("[tenants.NAME]")) != std::string::npos);
}

TEST_CASE("each option appears in the dump", "[config]") {
  options all;
  all.runners["agent"] = {.type = runner_type::command,
      .program = "/bin/true",
      .args = {},
      .env = {},
      .workspace_root = {},
      .memory_max = {}};
  const auto text = dump(all);
  for (const auto& row : option_rows()) {
    CAPTURE(row.name);
    const auto dot = row.name.find('.');
    const auto group = text.find("[" + std::string{row.name.substr(0, dot)} + "]\n");
    REQUIRE(group != std::string::npos);
    const auto its = text.substr(group, text.find("\n\n", group) + 1 - group);
    REQUIRE(its.find("\n" + std::string{row.name.substr(dot + 1)} + " = " + toml_value(row, all) + "\n")
        != std::string::npos);
  }
  const auto runner = text.substr(text.find("[runners.agent]"));
  for (const auto& row : runner_rows())
    REQUIRE(runner.find("\n" + std::string{row.name} + " = ") != std::string::npos);
}

TEST_CASE("the file, the environment and the flag of an option each set it, and nothing else", "[config]") {
  for (const auto& row : option_rows()) {
    CAPTURE(row.name);
    const auto wanted = with(row, another(row));
    auto args = as_args(company(row.name));
    REQUIRE(load_or_fail(args, at_home, as_file(row, wanted)).options == wanted);

    auto environment = at_home;
    environment[variable_of(row.name)] = another(row);
    REQUIRE(load_or_fail(args, environment).options == wanted);

    args.push_back(flag(row, another(row)));
    REQUIRE(load_or_fail(args).options == wanted);
  }
}

TEST_CASE("a higher layer wins over a lower one, whatever the option", "[config]") {
  for (const auto& row : option_rows()) {
    CAPTURE(row.name);
    if (row.name == "node.data_dir") continue; // an empty one is filled in
    const auto one = with(row, before(row));
    const auto other = with(row, another(row));
    REQUIRE_FALSE(one == other);
    auto environment = at_home;
    environment[variable_of(row.name)] = another(row);
    auto args = as_args(company(row.name));
    REQUIRE(load_or_fail(args, environment, as_file(row, one)).options == other);
    args.push_back(flag(row, before(row)));
    REQUIRE(load_or_fail(args, environment, as_file(row, other)).options == one);
  }
}

TEST_CASE("the short names set the same options", "[config]") {
  for (const auto& row : option_rows()) {
    if (row.short_name.empty()) continue;
    CAPTURE(row.name);
    const auto long_one = load_or_fail({flag(row, another(row))}).options;
    REQUIRE(load_or_fail({flag_of(row.short_name), another(row)}).options == long_one);
    auto environment = at_home;
    environment[variable_of(row.short_name)] = another(row);
    REQUIRE(load_or_fail({}, environment).options == long_one);
    environment[variable_of(row.name)] = another(row);
    environment[variable_of(row.short_name)] = "not a value of anything";
    REQUIRE(load_or_fail({}, environment).options == long_one);
  }
}

namespace {

/// At the bounds a value is taken, one step beyond it is not.
template <class Of>
struct at_the_bounds {
  const row<Of>& of;

  void check(const std::string& text, std::optional<fault_kind> wanted) const {
    Of in;
    CAPTURE(of.name, text);
    REQUIRE(set(of, loose_text{text}, in) == wanted);
  }
  void operator()(const count_field<Of>& f) const {
    check(std::to_string(f.least), std::nullopt);
    check(std::to_string(f.most), std::nullopt);
    check(std::to_string(static_cast<std::int64_t>(f.least) - 1), fault_kind::out_of_bounds);
    check(std::to_string(f.most + 1), fault_kind::out_of_bounds);
  }
  void operator()(const duration_field<Of>& f) const {
    check(to_text(f.least), std::nullopt);
    check(to_text(f.most), std::nullopt);
    if (f.least.count() > 0) check(to_text(f.least - milliseconds{1}), fault_kind::out_of_bounds);
    check(to_text(f.most + milliseconds{1}), fault_kind::out_of_bounds);
    check("always", f.zero == "always" ? std::nullopt : std::optional{fault_kind::malformed});
  }
  void operator()(const size_field<Of>& f) const {
    check(to_text(f.least), std::nullopt);
    check(to_text(f.most), std::nullopt);
    if (f.least.bytes > 1) check(to_text(byte_size{f.least.bytes - 1}), fault_kind::out_of_bounds);
    check("0B", f.may_be_zero ? std::nullopt : std::optional{fault_kind::out_of_bounds});
    check(to_text(byte_size{f.most.bytes + 1}), fault_kind::out_of_bounds);
  }
  void operator()(const choice_field<Of>& f) const {
    for (const auto name : f.names)
      check(std::string{name}, std::nullopt);
    check("Json", fault_kind::out_of_bounds);
    check("", fault_kind::out_of_bounds);
  }
  void operator()(const flag_field<Of>&) const {
    check("true", std::nullopt);
    check("false", std::nullopt);
    check("yes", fault_kind::malformed);
  }
  void operator()(const list_field<Of>& f) const {
    const std::string one = f.each.fits("a.") ? "a." : "a";
    text_list list(f.most, one);
    Of in;
    REQUIRE(set(of, list, in) == std::nullopt);
    REQUIRE(f.at(in) == list);
    list.push_back(one);
    REQUIRE(set(of, list, in) == fault_kind::out_of_bounds);
    REQUIRE(f.at(in).size() == f.most);
  }
  void operator()(const map_field<Of>& f) const {
    text_map map;
    while (map.size() < f.most)
      map.emplace("A" + std::to_string(map.size()), "x");
    Of in;
    REQUIRE(set(of, map, in) == std::nullopt);
    map.emplace("B", "x");
    REQUIRE(set(of, map, in) == fault_kind::out_of_bounds);
    REQUIRE(set(of, text_map{{"1A", "x"}}, in) == fault_kind::malformed);
  }
  void operator()(const text_field<Of>& f) const {
    if (!f.form.fits("/a")) return;
    check("/" + std::string(text_bytes_max - 1, 'a'), std::nullopt);
    check("/" + std::string(text_bytes_max, 'a'), fault_kind::malformed);
    for (const auto* utf8 : {"/\xc2\x80", "/\xe0\xa0\x80", "/\xed\x9f\xbf", "/\xf0\x90\x80\x80", "/\xf4\x8f\xbf\xbf"})
      check(utf8, std::nullopt);
    // Stray and cut sequences, overlong ones, surrogates, beyond the last code point.
    for (const auto* bad : {"/\xff", "/\x80", "/\xe4\xb8", "/\xc1\xbf", "/\xe0\x9f\xbf", "/\xed\xa0\x80",
             "/\xf0\x8f\xbf\xbf", "/\xf4\x90\x80\x80"})
      check(bad, fault_kind::malformed);
    check(std::string{"/a\0b", 4}, fault_kind::malformed);
  }
  void operator()(const address_field<Of>&) const {
    check("off", std::nullopt);
    check("127.0.0.1:65535", std::nullopt);
    check("127.0.0.1:65536", fault_kind::malformed);
  }
};

} // namespace

TEST_CASE("bounds are exact", "[config]") {
  for (const auto& row : option_rows())
    std::visit(at_the_bounds<options>{row}, row.what);
  for (const auto& row : runner_rows())
    std::visit(at_the_bounds<runner_options>{row}, row.what);
  for (const auto& row : tenant_rows())
    std::visit(at_the_bounds<tenant_options>{row}, row.what);
}

TEST_CASE("the defaults are within their own bounds and relations", "[config]") {
  options defaults;
  for (const auto& row : option_rows()) {
    auto text = toml_value(row, defaults);
    if (text.starts_with('"')) text = text.substr(1, text.size() - 2);
    if (text == "[]") text = "";
    options in;
    CAPTURE(row.name, text);
    REQUIRE(set(row, loose_text{text}, in) == std::nullopt);
    REQUIRE(in == defaults);
  }
  for (const auto& rule : relations()) {
    CAPTURE(rule.says);
    REQUIRE(rule.holds(defaults));
  }
}

TEST_CASE("a dump of options that differ everywhere loads back to the same", "[config]") {
  std::vector<std::string> args = {"--broker.url", "nats://ada:secret@h:4222,tls://i"};
  for (const auto& row : option_rows()) {
    if (row.name == "broker.url" || row.name == "broker.port" || row.name == "broker.nkey_seed_file") continue;
    if (row.name == "broker.sync_interval") continue;
    args.push_back(flag(row, another(row)));
  }
  const auto given = load_or_fail(args, {}).options;
  REQUIRE(load_or_fail({}, {}, dump(given)).options == given);
}
