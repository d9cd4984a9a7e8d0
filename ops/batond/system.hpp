// The parts of the operating system that a node needs: time, chance and new ids, and a line to the operator.
#pragma once

#include <atomic>
#include <memory>
#include <random>
#include <string>

#include "actors/ports/clock.hpp"
#include "actors/ports/id_source.hpp"
#include "actors/ports/operator_log.hpp"
#include "config/options.hpp"

namespace baton::batond {

class system_clock final : public clock {
public:
  [[nodiscard]] instant now() const override;
  [[nodiscard]] monotonic_instant monotonic_now() const override;
};

/// `<host>-<time>-<chance>`: never used again, and a person can tell which machine it was.
[[nodiscard]] node_id fresh_node_id(const std::string& name, const clock& time);

class node_ids final : public id_source {
public:
  explicit node_ids(const node_id& of);
  [[nodiscard]] execution_id fresh_execution() override;
  [[nodiscard]] std::uint32_t chance() override;

private:
  std::string prefix_;
  std::atomic<std::uint64_t> last_{0};
};

/// To stderr, as text or one JSON object a line.
class stderr_log final : public operator_log {
public:
  explicit stderr_log(const logging_options& how);
  void say(severity how, std::string_view what) override;
};

} // namespace baton::batond
