// The `[tenants.NAME]` tables of a file, read and checked one by one. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/fault.hpp"
#include "config/options.hpp"
#include "config/toml_file.hpp"

namespace baton::config {

/// Adds the tenants that are without fault to `into`; answers with the faults of the others.
[[nodiscard]] std::vector<fault> read_tenants(const std::vector<named_table>& tables, const std::string& path,
    std::map<std::string, tenant_options>& into);

} // namespace baton::config
