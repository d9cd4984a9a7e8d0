// A table that is named by who wrote the file, on its way to `Of`: its values set row by row, each fault with its place. Pure.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/fault.hpp"
#include "config/field.hpp"
#include "config/nearest.hpp"
#include "config/table.hpp"
#include "config/toml_file.hpp"

namespace baton::config {

template <class Of>
class table_reader {
public:
  /// Borrows all of them. `group`: `runners`, or the like.
  table_reader(
      std::string_view group, std::span<const row<Of>> rows, const named_table& table, const std::string& path)
      : group_(group), rows_(rows), table_(table), path_(path) {}

  void take_all() {
    for (const auto& value : table_.values)
      take(value);
  }

  [[nodiscard]] const named_table& table() const { return table_; }
  [[nodiscard]] const Of& read() const { return read_; }
  [[nodiscard]] bool is_faulty() const { return !faults_.empty(); }
  [[nodiscard]] std::vector<fault> faults() && { return std::move(faults_); }

  [[nodiscard]] const file_value* find(std::string_view name) const {
    const auto found = std::ranges::find(table_.values, name, &file_value::name);
    return found == table_.values.end() ? nullptr : &*found;
  }
  void blame_value(fault_kind kind, std::string_view name, std::string wanted) {
    const auto& value = *find(name);
    blame(kind, value.name, shown(value.says), value.line, std::move(wanted));
  }
  /// An empty `name`: the table itself.
  void blame(fault_kind kind, const std::string& name, std::string value, std::uint32_t line, std::string wanted) {
    faults_.push_back({.kind = kind,
        .option = full(name),
        .value = std::move(value),
        .from = {.layer = layer::file, .name = path_, .line = line},
        .wanted = std::move(wanted)});
  }

private:
  void take(const file_value& value) {
    const auto found = std::ranges::find(rows_, value.name, &row<Of>::name);
    if (found == rows_.end()) {
      std::vector<std::string> known;
      for (const auto& r : rows_)
        known.emplace_back(r.name);
      const auto meant = nearest(value.name, known);
      blame(fault_kind::unknown_option, value.name, shown(value.says), value.line, meant.empty() ? "" : full(meant));
    } else if (const auto why = set(*found, value.says, read_)) {
      blame(*why, value.name, shown(value.says), value.line, wanted(*found));
    }
  }

  [[nodiscard]] std::string full(const std::string& name) const {
    return std::string{group_} + "." + table_.name + (name.empty() ? "" : "." + name);
  }

  std::string_view group_;
  std::span<const row<Of>> rows_;
  const named_table& table_;
  const std::string& path_;
  Of read_;
  std::vector<fault> faults_;
};

} // namespace baton::config
