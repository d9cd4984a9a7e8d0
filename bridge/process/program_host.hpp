// Where all programs of this node run: one event loop for their pipes and limits, one guard for each. It hears from the node's
// lease and passes that on, so that no program outlives it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "actors/ports/execution_fence.hpp"
#include "actors/ports/runner.hpp"
#include "config/options.hpp"

namespace baton {

struct program_host_options {
  /// The program `baton-guard`.
  std::filesystem::path guard;
  /// Where what runs is written down, a file each; see kill_recorded_groups. Made if it is not there.
  std::filesystem::path groups;
  /// This long after the instant that the last renewal counts from every program is killed: options' lease.self_stop.
  std::chrono::milliseconds lease = std::chrono::seconds{8};
  /// From SIGTERM, or a word that asks for the end, to the next harder step.
  std::chrono::milliseconds settle = std::chrono::seconds{5};
};

/// Any thread. Outlives its runners' slices.
class program_host final : public execution_fence {
public:
  /// Throws std::system_error if the folder or the thread cannot be made.
  explicit program_host(program_host_options options);
  /// Kills what still runs, and waits until it is gone: at most a few `settle`.
  ~program_host() override;
  program_host(const program_host&) = delete;
  program_host& operator=(const program_host&) = delete;

  /// Before the first call, programs get a whole lease from their start.
  void renewed(monotonic_instant from) override;
  /// Every program that was started before the call is killed, its slice ends `lost`; those started later run. Waits for that
  /// at most `settle`.
  void lost() override;

  /// Runs one slice; see runner::start.
  [[nodiscard]] std::unique_ptr<running_slice> start(
      const runner_options& how, const slice_request& request, std::shared_ptr<slice_listener> listener);

private:
  class hall;
  std::shared_ptr<hall> hall_;
};

} // namespace baton
