#include "config/tenants.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "config/table.hpp"
#include "config/table_reader.hpp"

namespace baton::config {

std::vector<fault> read_tenants(const std::vector<named_table>& tables, const std::string& path,
    std::map<std::string, tenant_options>& into) {
  std::vector<fault> faults;
  for (const auto& table : tables) {
    table_reader<tenant_options> r{"tenants", tenant_rows(), table, path};
    if (!is_tenant_name(table.name)) {
      r.blame(fault_kind::malformed, "", "", table.line, "a name of 1 to 64 bytes without control characters");
    }
    r.take_all();
    if (!r.is_faulty()) into.insert_or_assign(table.name, r.read());
    auto found = std::move(r).faults();
    std::ranges::move(found, std::back_inserter(faults));
  }
  return faults;
}

} // namespace baton::config
