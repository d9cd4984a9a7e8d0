// The measures of several nodes and many sessions on one broker, as subcommands of `bench`. Each ends the program with exit code 1
// if a turn was lost, ended twice or out of order, whatever the times were.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>

namespace baton::bench {

/// `10s`, `500ms`; the option's value is in milliseconds.
inline CLI::AsNumberWithUnit duration_with_unit() {
  return CLI::AsNumberWithUnit{std::map<std::string, double>{{"ms", 1}, {"s", 1'000}}, CLI::AsNumberWithUnit::UNIT_REQUIRED};
}

/// Runs `measure`; false, or an exception, ends the program with exit code 1, after what it started has been ended.
template <class Measure>
void guarded(Measure measure) {
  bool fine = false;
  try {
    fine = measure();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench: %s\n", e.what());
  }
  if (!fine) throw CLI::RuntimeError(1);
}

/// `beside`: the batond that is measured unless another one is named.
void add_failover(CLI::App& to, const std::filesystem::path& beside);
void add_hot_key(CLI::App& to, const std::filesystem::path& beside);
void add_rebalance(CLI::App& to, const std::filesystem::path& beside);

inline void add_cluster(CLI::App& to, const std::filesystem::path& beside) {
  add_failover(to, beside);
  add_hot_key(to, beside);
  add_rebalance(to, beside);
}

} // namespace baton::bench
