// Wall time as it is stored and compared: milliseconds since the Unix epoch, UTC. It always comes in with an input;
// only the shells read a clock. Timers and leases use a monotonic clock instead, as `monotonic_instant`.
#pragma once

#include <chrono>

namespace baton {

using std::chrono::milliseconds;
using instant = std::chrono::sys_time<milliseconds>;
using monotonic_instant = std::chrono::time_point<std::chrono::steady_clock, milliseconds>;

} // namespace baton
