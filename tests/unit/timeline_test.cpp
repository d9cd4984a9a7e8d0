// What a person is told of a run, from the commits of its session.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

#include "ops/baton/timeline.hpp"

using namespace baton;
using namespace baton::cli;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

const instant start{std::chrono::sys_days{std::chrono::year{2026} / 3 / 2}};
const auto t1 = *task_id::parse("t1");
const auto node_a = *node_id::parse("host-a");
const auto node_b = *node_id::parse("host-b");

/// A session's log, commit by commit.
struct log_of_session {
  std::vector<stored_commit> commits;
  node_id node = node_a;
  epoch at{4};
  std::uint64_t slice = 1;

  event about(event_kind kind, std::uint32_t attempt = 0, const std::string& code = {}) const {
    event e;
    e.kind = kind;
    e.run = t1;
    e.execution = *execution_id::parse(node.text() + "-x" + std::to_string(slice));
    e.slice = {slice};
    e.attempt = attempt;
    e.code = code;
    return e;
  }
  void commit(milliseconds after, std::vector<event> events, bool under_way = true) {
    stored_commit c;
    c.seq = {commits.size() + 1};
    c.stored_at = start + after;
    c.commit.number = {commits.size() + 1};
    c.commit.node = node;
    c.commit.epoch = at;
    c.commit.events = std::move(events);
    if (under_way) {
      run_record run;
      run.id = t1;
      run.runner = "count";
      run.accepted_at = start;
      run.started_at = start + milliseconds{10};
      run.slice = {slice};
      c.commit.head.phase = phases::running{run};
    }
    commits.push_back(std::move(c));
  }
};

timeline timeline_of(const std::vector<stored_commit>& commits, const task_id& run = t1) {
  timeline_reader reader{run};
  for (const auto& c : commits) reader.take(c);
  const auto made = reader.made();
  REQUIRE(made);
  return *made;
}

std::vector<std::string> lines_of(const std::vector<stored_commit>& commits) { return cli::lines_of(timeline_of(commits), start + minutes{1}); }

} // namespace

TEST_CASE("a run that yielded, lost its node and failed once is told from its beginning to its end", "[timeline]") {
  log_of_session log;
  log.commit(milliseconds{500}, {log.about(event_kind::checkpoint_stored)});
  log.commit(milliseconds{700}, {log.about(event_kind::checkpoint_stored)});
  log.commit(milliseconds{900}, {log.about(event_kind::run_yielded)});
  log.slice = 2;
  log.commit(seconds{3}, {log.about(event_kind::slice_started)});
  log.commit(seconds{4}, {log.about(event_kind::checkpoint_stored)});
  log.node = node_b;
  log.at = {5};
  auto taken = log.about(event_kind::session_taken, 1);
  taken.execution = {};
  log.commit(seconds{16}, {taken});
  log.slice = 3;
  log.commit(seconds{17}, {log.about(event_kind::slice_started, 1)});
  auto retry = log.about(event_kind::run_retry_scheduled, 2, "program_exit");
  retry.due = start + seconds{20};
  log.commit(seconds{18}, {retry});
  log.slice = 4;
  log.commit(seconds{21}, {log.about(event_kind::run_completed)}, false);

  CHECK(lines_of(log.commits) == std::vector<std::string>{
      "run t1 of runner count: completed after 21.00 s; 4 slices, 2 nodes, 3 checkpoints, 1 yield, 1 retry, 1 take-over",
      "        +0 ms  accepted",
      "      +500 ms  2 checkpoints             commits 1 to 2, slice 1, execution x1, epoch 4 of host-a, until +700 ms",
      "      +900 ms  slice 1 yields            commit 3, the slice ran for 890 ms",
      "      +3.00 s  slice 2 runs              commit 4, execution x2",
      "      +4.00 s  1 checkpoint              commit 5",
      "     +16.00 s  taken over                commit 6, epoch 5 of host-b, 1 failed attempt, nothing was stored for 12.00 s",
      "     +17.00 s  slice 3 runs              commit 7, execution x3, 1 failed attempt",
      "     +18.00 s  slice 3 fails             commit 8, program_exit, 2 failed attempts, retry due +20.00 s, the slice ran for at least 1.00 s",
      "     +21.00 s  completed                 commit 9, slice 4, execution x4",
  });

  const auto told = to_value(timeline_of(log.commits));
  CHECK(*told.find("status") == value{"completed"});
  CHECK(*told.find("took_ms") == value{21'000});
  CHECK(*told.find("nodes") == value{std::uint64_t{2}});
  const auto& steps = *told.find("steps")->as<value::array>();
  REQUIRE(steps.size() == 8);
  CHECK(*steps[0].find("count") == value{std::uint64_t{2}});
  CHECK(*steps[4].find("node") == value{"host-b"});
  CHECK(*steps[6].find("due_ms") == value{20'000});
}

TEST_CASE("what joined a run, or came too late for it, is told with it", "[timeline]") {
  log_of_session log;
  event joined;
  joined.kind = event_kind::message_disposed;
  joined.run = *task_id::parse("t2");
  joined.disposition = disposition::injected;
  joined.other = t1;
  auto late = joined;
  late.run = *task_id::parse("t3");
  late.disposition = disposition::next_turn;
  log.commit(seconds{1}, {log.about(event_kind::checkpoint_stored), joined});
  log.commit(seconds{2}, {log.about(event_kind::run_completed), late}, false);
  const auto told = timeline_of(log.commits);
  REQUIRE(told.steps.size() == 4);
  CHECK(told.ended == settlement::completed);
  const auto lines = lines_of(log.commits);
  CHECK(lines.at(3).find("t2 injected") != std::string::npos);
  CHECK(lines.at(5).find("t3 next turn") != std::string::npos);
}

TEST_CASE("a turn that waits for its time is told with it", "[timeline]") {
  log_of_session log;
  event delayed;
  delayed.kind = event_kind::message_disposed;
  delayed.run = t1;
  delayed.disposition = disposition::delayed;
  delayed.due = instant{milliseconds{1'767'409'446'000}};
  log.commit(seconds{1}, {delayed}, false);
  CHECK(lines_of(log.commits).at(0).find(": delayed until 2026-01-03T03:04:06.000Z") != std::string::npos);
  log.commit(seconds{9}, {log.about(event_kind::run_completed)}, false);
  const auto lines = lines_of(log.commits);
  CHECK(lines.at(0).find(": completed after") != std::string::npos);
  CHECK(std::ranges::any_of(lines, [](const auto& line) { return line.find("  delayed until 2026-01-03T03:04:06.000Z") != std::string::npos && line.find("retry") == std::string::npos; }));
}

TEST_CASE("however many checkpoints a slice leaves, they are one line", "[timeline]") {
  log_of_session log;
  for (int i = 0; i < 900; ++i) log.commit(milliseconds{100 * i}, {log.about(event_kind::checkpoint_stored)});
  SECTION("of one owner") {
    const auto lines = lines_of(log.commits);
    REQUIRE(lines.size() == 3);
    CHECK(lines[0] == "run t1 of runner count: under way for 1 min 0 s; 1 slice, 1 node, 900 checkpoints");
    CHECK(lines[2] == "        +0 ms  900 checkpoints           commits 1 to 900, slice 1, execution x1, epoch 4 of host-a, until +1 min 29 s");
  }
  SECTION("but another owner's are another line, though nobody took the session over") {
    log.node = node_b;
    log.at = {9};
    log.slice = 2;
    log.commit(seconds{100}, {log.about(event_kind::checkpoint_stored)});
    const auto lines = lines_of(log.commits);
    REQUIRE(lines.size() == 4);
    CHECK(lines[3] == "  +1 min 40 s  1 checkpoint              commit 901, slice 2, execution x2, epoch 9 of host-b");
  }
}

TEST_CASE("a run of one commit has its acceptance from its input", "[timeline]") {
  log_of_session log;
  log.commit(milliseconds{7}, {log.about(event_kind::run_completed)}, false);
  log.commits[0].commit.entries.push_back({entry_kind::user, t1, start, false, value{"hello"}, std::nullopt});
  const auto story = timeline_of(log.commits);
  CHECK(story.accepted == start);
  CHECK(story.ended_at - story.began == milliseconds{7});
  CHECK(story.runner.empty());
}

TEST_CASE("an id that came again after it was forgotten is told as it ran last", "[timeline]") {
  log_of_session log;
  log.commit(milliseconds{1}, {log.about(event_kind::run_failed, 0, "program_exit")}, false);
  log.commit(milliseconds{2}, {log.about(event_kind::dead_letter_confirmed)}, false);
  CHECK(timeline_of(log.commits).steps.size() == 2);
  log.commit(seconds{9}, {log.about(event_kind::run_completed)}, false);
  const auto story = timeline_of(log.commits);
  CHECK(story.ended == settlement::completed);
  CHECK(story.code.empty());
  CHECK(story.steps.size() == 1);
}

TEST_CASE("commits about other runs tell nothing", "[timeline]") {
  log_of_session log;
  log.commit(milliseconds{1}, {log.about(event_kind::run_completed)}, false);
  timeline_reader reader{*task_id::parse("t2")};
  for (const auto& c : log.commits) reader.take(c);
  CHECK_FALSE(reader.made());
}

TEST_CASE("durations are as exact as a person needs them", "[timeline]") {
  CHECK(shown_duration(milliseconds{-3}) == "0 ms");
  CHECK(shown_duration(milliseconds{999}) == "999 ms");
  CHECK(shown_duration(milliseconds{59'999}) == "59.99 s");
  CHECK(shown_duration(minutes{59} + seconds{59}) == "59 min 59 s");
  CHECK(shown_duration(minutes{125}) == "2 h 5 min");
}
