// The ports of a node in memory, for tests of actors: a log, dead letters, observers, runners, a clock that is driven by hand.
// Nothing happens by itself: results that are due are given out in `run`, on the caller's thread. One thread.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/ports/clock.hpp"
#include "actors/ports/dead_letters.hpp"
#include "actors/ports/event_sink.hpp"
#include "actors/ports/id_source.hpp"
#include "actors/ports/metrics.hpp"
#include "actors/ports/operator_log.hpp"
#include "actors/ports/runner.hpp"
#include "actors/ports/session_log.hpp"

namespace baton::support {

class hand_clock final : public clock {
public:
  [[nodiscard]] instant now() const override { return wall_; }
  [[nodiscard]] monotonic_instant monotonic_now() const override { return monotonic_; }
  void advance(milliseconds by) {
    wall_ += by;
    monotonic_ += by;
  }
  /// Somebody sets the wall clock.
  void set_wall(milliseconds by) { wall_ += by; }

private:
  instant wall_{std::chrono::hours{500'000}};
  monotonic_instant monotonic_{std::chrono::hours{1}};
};

class counting_ids final : public id_source {
public:
  [[nodiscard]] execution_id fresh_execution() override { return *execution_id::parse("x" + std::to_string(++last_)); }
  [[nodiscard]] std::uint32_t chance() override { return 0; }

private:
  std::uint64_t last_ = 0;
};

class fake_session_log final : public session_log {
public:
  void append(partition_id, stream_seq expected, commit c, std::function<void(append_result)> done) override;
  void read_last(partition_id, const session_id& session, std::function<void(last_result)> done) override;
  void read_entries(partition_id, const session_id& session, stream_seq seq, std::function<void(entries_result)> done) override;
  std::size_t run();

  /// The next append is stored, but its caller hears `unreachable`.
  void lose_next_ack() { lose_ack_ = true; }
  /// The next append is not stored; its caller hears `why`.
  void refuse_next(log_failure why) { refuse_ = why; }
  /// While true, nothing is answered; what was asked waits.
  void hold(bool held) { held_ = held; }
  /// The next read of a commit's entries is not answered in time.
  void lose_next_entries() { lose_entries_ = true; }
  /// What commits added to transcripts is gone.
  void forget_entries();
  /// What is stored of this session cannot be read.
  void refuse_reads(const session_id& session) { unreadable_ = session; }
  /// Somebody else appends.
  void write(commit c);

  [[nodiscard]] const std::vector<stored_commit>& of(const session_id& session) { return stored_[session]; }
  [[nodiscard]] std::size_t appends() const noexcept { return appends_; }

private:
  append_result store(stream_seq expected, commit c);

  std::map<session_id, std::vector<stored_commit>> stored_;
  stream_seq last_;
  std::deque<std::function<void()>> due_;
  std::size_t appends_ = 0;
  session_id unreadable_;
  bool lose_ack_ = false;
  bool lose_entries_ = false;
  bool held_ = false;
  std::optional<log_failure> refuse_;
};

class fake_dead_letters final : public dead_letters {
public:
  void bury(dead_letter letter, message_kind kind, std::function<void(bool)> done) override;
  std::size_t run();
  /// While false, letters are not stored and callers hear so.
  void set_reachable(bool reachable) { reachable_ = reachable; }
  [[nodiscard]] const std::vector<dead_letter>& letters() const noexcept { return letters_; }

private:
  std::vector<dead_letter> letters_;
  std::deque<std::function<void()>> due_;
  bool reachable_ = true;
};

class recording_sink final : public event_sink {
public:
  void live(const session_id&, const task_id& run, const execution_id&, const live_note& note) override {
    notes.push_back(run.text() + " " + note.kind);
  }
  void answer(const std::string& reply_to, encoding, const baton::answer& a) override { answers.emplace_back(reply_to, a); }
  std::vector<std::string> notes;
  std::vector<std::pair<std::string, baton::answer>> answers;
};

class counting_metrics final : public metrics {
public:
  void count(counter what, std::uint64_t by) override { counts[what] += by; }
  void count_refusal(reason why) override { refusals[why] += 1; }
  void tenants_have(const std::vector<tenant_load>& all) override { loads = all; }
  std::map<counter, std::uint64_t> counts;
  /// As they were told last.
  std::vector<tenant_load> loads;
  std::map<reason, std::uint64_t> refusals;
};

class recording_log final : public operator_log {
public:
  void say(severity, std::string_view what) override { lines.emplace_back(what); }
  std::vector<std::string> lines;
};

/// A runner whose slices do only what the test says, by run id.
class scripted_runner final : public runner {
public:
  struct slice {
    slice_request request;
    std::shared_ptr<slice_listener> listener;
    std::vector<boundary_answer> answers;
    std::vector<boundary_order> asked;
    bool aborted = false;
    bool destroyed = false;
    /// An abort is heard, but its end has to be told by the test.
    bool dies_slowly = false;
  };
  std::unique_ptr<running_slice> start(const slice_request& request, std::shared_ptr<slice_listener> listener) override;
  /// The next slice cannot even be started: an exception.
  void throw_next() { throws_ = true; }
  /// The newest slice of that run; fails the test if there is none.
  [[nodiscard]] slice& of(const std::string& run);
  [[nodiscard]] std::size_t started(const std::string& run) const;
  void end(const std::string& run, outcome proposed);
  /// In the order of their start.
  [[nodiscard]] const std::vector<std::shared_ptr<slice>>& slices() const noexcept { return slices_; }

private:
  std::vector<std::shared_ptr<slice>> slices_;
  bool throws_ = false;
};

class one_runner final : public runner_table {
public:
  one_runner(std::string name, runner& held) : name_(std::move(name)), held_(held) {}
  [[nodiscard]] runner* find(std::string_view name) const override { return name == name_ ? &held_ : nullptr; }

private:
  std::string name_;
  runner& held_;
};

} // namespace baton::support
