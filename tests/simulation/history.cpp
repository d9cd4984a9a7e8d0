#include "tests/simulation/history.hpp"

#include <iomanip>

namespace baton::simulation {

void history::tell(sim_time at, std::string_view who, std::string_view what) {
  if (to_ == nullptr) return;
  *to_ << std::setw(9) << at << "  " << std::left << std::setw(14) << who << std::right << ' ' << what << '\n';
}

} // namespace baton::simulation
