// Labelled places where a test may have the process killed (SIGKILL), to see that a restart loses nothing, or an actor end by a
// bug. Built in with BATON_CRASH_POINTS (debug and sanitizer builds) and armed at start; in a release they are nothing.
#pragma once

#include <cstdint>
#include <string_view>

namespace baton {

#ifdef BATON_CRASH_POINTS
/// The process dies, or the actor, when it passes `label` for the `nth` time (from 1). Call before the first actor runs.
void arm_crash_point(std::string_view label, std::uint64_t nth);
void crash_point(std::string_view label);
/// Throws what nobody expects.
void bug_point(std::string_view label);
#else
inline void crash_point(std::string_view) {}
inline void bug_point(std::string_view) {}
#endif

} // namespace baton
