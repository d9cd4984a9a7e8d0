// The other ports of one simulated process: its clocks, ids, log, dead letters and answers, over the simulated network and with
// the real codec. What the checks need to know beside what the broker stores is told to them here.
#pragma once

#include <map>
#include <string>

#include "actors/ports/clock.hpp"
#include "actors/ports/dead_letters.hpp"
#include "actors/ports/event_sink.hpp"
#include "actors/ports/id_source.hpp"
#include "actors/ports/metrics.hpp"
#include "actors/ports/operator_log.hpp"
#include "actors/ports/session_log.hpp"
#include "tests/simulation/broker.hpp"
#include "tests/simulation/checkers.hpp"

namespace baton::simulation {

/// As long as the real ones wait for an answer.
inline constexpr milliseconds api_patience{5'000};

class process_clock final : public clock {
public:
  process_clock(world& in, process& of) : world_(in), process_(of) {}
  [[nodiscard]] instant now() const override { return world_.wall_of(process_); }
  [[nodiscard]] monotonic_instant monotonic_now() const override { return world_.clock_of(process_); }

private:
  world& world_;
  process& process_;
};

class process_ids final : public id_source {
public:
  process_ids(world& in, process& of) : world_(in), process_(of) {}
  [[nodiscard]] execution_id fresh_execution() override;
  [[nodiscard]] std::uint32_t chance() override { return static_cast<std::uint32_t>(world_.pick(1ULL << 32U)); }

private:
  world& world_;
  process& process_;
  std::uint64_t made_ = 0;
};

class process_log final : public session_log {
public:
  process_log(network::link& over, broker& at) : link_(over), broker_(at) {}
  void append(partition_id partition, stream_seq expected, commit c, std::function<void(append_result)> done) override;
  void read_last(partition_id partition, const session_id& session, std::function<void(last_result)> done) override;
  void read_entries(partition_id partition, const session_id& session, stream_seq seq,
      std::function<void(entries_result)> done) override;

private:
  network::link& link_;
  broker& broker_;
};

class process_letters final : public dead_letters {
public:
  process_letters(network::link& over, broker& at) : link_(over), broker_(at) {}
  void bury(dead_letter letter, message_kind kind, std::function<void(bool stored)> done) override;

private:
  network::link& link_;
  broker& broker_;
};

class process_events final : public event_sink {
public:
  process_events(world& in, process& of, checkers& told) : world_(in), process_(of), told_(told) {}
  void live(const session_id&, const task_id&, const execution_id&, const live_note&) override {}
  void answer(const std::string& reply_to, encoding as, const baton::answer& a) override;

private:
  world& world_;
  process& process_;
  checkers& told_;
};

class no_metrics final : public metrics {
public:
  void count(counter what, std::uint64_t by) override { counts[what] += by; }
  void count_refusal(reason) override {}
  void tenants_have(const std::vector<tenant_load>&) override {}
  std::map<counter, std::uint64_t> counts;
};

class told_notices final : public operator_log {
public:
  told_notices(world& in, process& of) : world_(in), process_(of) {}
  void say(severity, std::string_view what) override { world_.tell(process_.name, what); }

private:
  world& world_;
  process& process_;
};

} // namespace baton::simulation
