#include "config/toml_file.hpp"

#include <toml++/toml.h>

#include <algorithm>

namespace baton::config {

namespace {

bool is_all_text(const toml::array& a) {
  return std::ranges::all_of(a, [](const toml::node& n) { return n.is_string(); });
}

bool is_all_text(const toml::table& t) {
  return std::ranges::all_of(t, [](const auto& pair) { return pair.second.is_string(); });
}

given to_given(const toml::node& node) {
  switch (node.type()) {
  case toml::node_type::string: return **node.as_string();
  case toml::node_type::integer: return std::int64_t{**node.as_integer()};
  case toml::node_type::boolean: return **node.as_boolean();
  case toml::node_type::array: {
    const auto& array = *node.as_array();
    if (!is_all_text(array)) return other_type{"an array of something else than texts"};
    text_list texts;
    for (const auto& element : array)
      texts.push_back(**element.as_string());
    return texts;
  }
  case toml::node_type::table: {
    const auto& table = *node.as_table();
    if (!is_all_text(table)) return other_type{"a table of something else than texts"};
    text_map texts;
    for (const auto& [key, element] : table)
      texts.emplace(key.str(), **element.as_string());
    return texts;
  }
  case toml::node_type::floating_point: return other_type{"a number with a fraction"};
  case toml::node_type::date:
  case toml::node_type::time:
  case toml::node_type::date_time: return other_type{"a date or time"};
  case toml::node_type::none: break;
  }
  return other_type{"nothing"};
}

file_value to_value(std::string name, const toml::node& node, std::uint32_t line) {
  return {std::move(name), to_given(node), line};
}

/// `group`: of tables that are named by those who wrote the file; `each` says what such a table is for.
void take_named(std::string_view group, std::string_view each, const toml::node& node, std::uint32_t line,
    const std::string& path, file_content& out, std::vector<named_table>& into) {
  const auto not_a_table = [&](std::string name, const toml::node& is, std::uint32_t at) {
    out.faults.push_back({.kind = fault_kind::wrong_type,
        .option = std::move(name),
        .value = shown(to_given(is)),
        .from = {.layer = layer::file, .name = path, .line = at},
        .wanted = "a table for each " + std::string{each} + ", [" + std::string{group} + ".NAME]"});
  };
  const auto* table = node.as_table();
  if (table == nullptr) return not_a_table(std::string{group}, node, line);
  for (const auto& [name, one] : *table) {
    const auto* values = one.as_table();
    if (values == nullptr) {
      not_a_table(std::string{group} + "." + std::string{name.str()}, one, name.source().begin.line);
      continue;
    }
    named_table taken{std::string{name.str()}, {}, name.source().begin.line};
    for (const auto& [key, value] : *values) {
      taken.values.push_back(to_value(std::string{key.str()}, value, key.source().begin.line));
    }
    into.push_back(std::move(taken));
  }
}

void take_group(std::string_view group, const toml::table& table, std::uint32_t line, file_content& out) {
  if (table.empty()) out.empty_groups.push_back(to_value(std::string{group}, table, line));
  for (const auto& [key, value] : table) {
    out.values.push_back(to_value(std::string{group} + "." + std::string{key.str()}, value, key.source().begin.line));
  }
}

} // namespace

file_content parse_file(std::string_view text, const std::string& path) {
  file_content out;
  try {
    const auto file = toml::parse(text, std::string_view{path});
    for (const auto& [key, node] : file) {
      const auto line = key.source().begin.line;
      if (key.str() == "runners") {
        take_named("runners", "runner", node, line, path, out, out.runners);
      } else if (key.str() == "tenants") {
        take_named("tenants", "tenant", node, line, path, out, out.tenants);
      } else if (const auto* table = node.as_table()) {
        take_group(key.str(), *table, line, out);
      } else {
        out.values.push_back(to_value(std::string{key.str()}, node, line));
      }
    }
  } catch (const toml::parse_error& why) {
    out.faults.push_back({.kind = fault_kind::file_syntax,
        .option = "",
        .value = "",
        .from = {.layer = layer::file, .name = path, .line = why.source().begin.line},
        .wanted = std::string{why.description()}});
  }
  std::ranges::stable_sort(out.values, {}, &file_value::line);
  return out;
}

} // namespace baton::config
