// Seeded walks through everything that can happen to a session, each step held against `session_rules`; then the faults stop,
// and all that was accepted must come to its end. A failure prints the seed and the last steps.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <random>
#include <sstream>

#include "tests/support/session_driver.hpp"
#include "tests/support/session_names.hpp"

using namespace baton;
using namespace baton::support;

namespace {

session::limits tight_limits() {
  auto l = session_driver::usual_limits();
  l.in_memory_max = 4;
  l.backlog_max = 5;
  l.early_max = 2;
  l.joined_max = 3;
  l.delayed_max = 3;
  l.open_acks_max = 6;
  l.labels_max = 3;
  l.record_bytes_max = 4'096;
  return l;
}

class walk {
public:
  walk(std::uint64_t seed, const session::limits& limits) : chance_{seed}, world_{limits}, may_delete_{seed % 5 == 0} {}

  void step() {
    world_.chance = static_cast<std::uint32_t>(pick(1'024));
    if (world_.now().hand.draining && one_in(4)) return reload("release", after_a_release);
    const auto kind = pick(100);
    if (kind < 18) return publish();
    if (kind < 24) return publish_control();
    if (kind < 44) return deliver();
    if (kind < 76) return run_on();
    if (kind < 92) return answer();
    if (kind < 97) return pass_time();
    fault();
  }

  void settle() {
    note("settle");
    world_.settle();
  }

  [[nodiscard]] std::string trail() const {
    std::ostringstream text;
    for (const auto& line : trail_)
      text << "  " << line << '\n';
    return text.str();
  }
  [[nodiscard]] const session_driver& world() const { return world_; }

private:
  std::size_t pick(std::size_t below) { return std::uniform_int_distribution<std::size_t>{0, below - 1}(chance_); }
  bool one_in(std::size_t n) { return pick(n) == 0; }
  static std::string text(stream_seq seq) { return std::to_string(seq.value); }
  void note(std::string what) {
    trail_.push_back(std::move(what));
    if (trail_.size() > 40) trail_.pop_front();
  }

  std::string recent(std::uint64_t made, const char* prefix) {
    return prefix + std::to_string(made - pick(std::min<std::size_t>(made, 8)));
  }

  void publish() {
    if (!published_.empty() && one_in(6)) return publish_again();
    task_options how;
    const auto id = "t" + std::to_string(++tasks_made_);
    if (one_in(20)) how.runner = "no_such_runner";
    if (one_in(8)) how.deadline = world_.time() + milliseconds{pick(8'000)};
    if (one_in(3)) how.reply_to = "_INBOX.t";
    how.body = "hello " + id;
    if (one_in(6)) how.not_before = world_.time() + milliseconds{pick(9'000)};
    if (how.not_before && how.deadline && *how.deadline <= *how.not_before) how.deadline.reset();
    if (!how.not_before && one_in(3)) how.when_busy = busy_policies[pick(busy_policies.size())].is;
    published_.emplace_back(id, how);
    if (published_.size() > 8) published_.pop_front();
    const auto seq = world_.publish(id, how);
    note("publish " + id + " at " + text(seq) + " for " + how.runner + (how.deadline ? " with a deadline" : "") + (how.not_before ? " in " + std::to_string((*how.not_before - world_.time()).count()) : "") + ", "
        + std::string{to_text(how.when_busy)});
  }

  /// As it was, or with another body.
  void publish_again() {
    auto [id, how] = published_[pick(published_.size())];
    if (one_in(3)) how.body = "another";
    const auto seq = world_.publish(id, how);
    note("publish " + id + " again at " + text(seq) + ", saying " + how.body);
  }

  void publish_control() {
    auto id = "c" + std::to_string(controls_made_ + 1);
    if (controls_made_ > 0 && one_in(6)) {
      id = recent(controls_made_, "c");
    } else {
      controls_made_ += 1;
    }
    const auto kind = pick(10);
    if (one_in(20)) {
      note("publish " + id + ": unstick");
      world_.publish_control(id, unstick{});
    } else if (kind < 2) {
      const auto run = one_in(3) ? std::string{} : recent(tasks_made_ + 1, "t");
      note("publish " + id + ": steer " + run);
      world_.publish_control(id, steer_of(one_in(9) ? "left" : "right", run));
    } else if (kind < 7) {
      const auto run = one_in(4) ? std::string{} : recent(tasks_made_ + 1, "t");
      note("publish " + id + ": cancel " + run);
      world_.publish_control(id, cancel_of(run, one_in(9) ? "really" : "enough"));
    } else if (kind < 9 || !may_delete_ || !one_in(5)) {
      edit change;
      change.title = "title " + id;
      change.labels["l" + std::to_string(pick(5))] = one_in(3) ? "" : "x";
      if (one_in(3)) change.title_version = pick(3);
      note("publish " + id + ": edit");
      world_.publish_control(id, change);
    } else {
      note("publish " + id + ": delete");
      world_.publish_control(id, baton::remove{});
    }
  }

  void deliver() {
    if (world_.now().hand.draining) return;
    if (one_in(12)) return redeliver();
    const auto kind = one_in(3) ? message_kind::control : message_kind::task;
    note(kind == message_kind::task ? "deliver task" : "deliver control");
    world_.deliver_next(kind);
  }

  void redeliver() {
    const auto known = world_.delivered();
    if (known.empty()) return;
    const auto [kind, seq] = known[pick(known.size())];
    note("redeliver " + text(seq));
    world_.redeliver(kind, seq);
  }

  void run_on() {
    if (!world_.running()) {
      if (!world_.has_wish()) return late_report();
      note("grant");
      return world_.grant();
    }
    const auto kind = pick(12);
    if (kind < 2) return boundary();
    if (kind == 2) {
      note("grew old");
      return world_.grew_old();
    }
    if (kind == 3 && one_in(2)) {
      note("the slot is wanted");
      return world_.want_yield();
    }
    if (kind == 3 && one_in(4)) {
      note("a wake that nobody wants");
      return world_.take(session::wake_fired{wake_key::parse("retry").value(), world_.time()});
    }
    if (kind == 3) return late_report();
    end();
  }

  void late_report() {
    const auto& old = world_.old_executions();
    if (old.empty()) return;
    const auto which = old[pick(old.size())];
    note("late report of " + which.text());
    world_.report_late(which);
  }

  std::vector<entry> talk(bool may_leave_open) {
    std::vector<entry> entries;
    for (auto n = pick(3); n > 0; --n) {
      const auto call = "call" + std::to_string(++calls_made_);
      entries.push_back(called(call));
      if (!may_leave_open || !one_in(3)) entries.push_back(result_of(call));
      if (one_in(2)) entries.push_back(said(std::string(one_in(30) ? 5'000 : 10, 'x')));
    }
    return entries;
  }

  void boundary() {
    const bool leaves_checkpoint = one_in(2);
    world_.hears = !one_in(4);
    note(std::string{leaves_checkpoint ? "boundary with checkpoint" : "boundary"} + (world_.hears ? "" : ", deaf"));
    auto entries = talk(false);
    world_.boundary(std::move(entries), leaves_checkpoint ? std::optional{value{calls_made_}} : std::nullopt);
  }

  void end() {
    const auto kind = pick(20);
    if (kind < 10) return end("completed", completed{"done"}, talk(true));
    if (kind < 12) return end("failed for now", failed{reason::program_exit, "busy", true}, talk(true));
    if (kind < 14) return end("failed", failed{reason::program_exit, "broken", false}, talk(true));
    if (kind < 16) {
      note("yielded");
      return world_.end(yielded{"asked"}, talk(false), value{++calls_made_});
    }
    if (kind < 17) return end("cancelled", cancelled{"runner", "stopped"}, talk(true));
    end("lost", lost{"it fell silent"}, talk(true));
  }

  void end(const char* how, outcome proposed, std::vector<entry> entries) {
    note(how);
    world_.end(std::move(proposed), std::move(entries));
  }

  void answer() {
    const auto kind = pick(6);
    if (one_in(2) && wake()) return;
    if (kind < 3 && !world_.open_acks().empty()) {
      auto at = world_.open_acks().begin();
      std::advance(at, static_cast<std::ptrdiff_t>(pick(world_.open_acks().size())));
      const auto [which, seq] = *at;
      if (one_in(6)) {
        note("the confirmation of " + text(seq) + " is lost");
        return world_.ack_reaches(which, seq);
      }
      note("confirm " + text(seq));
      return world_.confirm_ack(which, seq);
    }
    if (kind == 4 && !world_.letters().empty() && one_in(4)) {
      note("a letter is confirmed once more");
      return world_.confirm_letter_again(pick(1'000));
    }
    if (kind < 5 && !world_.open_letters().empty()) {
      const bool is_heard = !one_in(5);
      note(is_heard ? "a letter is stored" : "a letter is stored, nobody hears of it");
      return world_.store_letter(is_heard);
    }
    if (world_.has_read_back()) {
      note("read back");
      world_.answer_read_back();
    }
  }

  bool wake() {
    if (world_.has_log_read() && one_in(2)) {
      note("read out of the log");
      return world_.answer_log_read(), true;
    }
    if (world_.wakes().has_order() && one_in(2)) {
      note("a wake is stored, or removed");
      return world_.carry_out_wake_order(), true;
    }
    if (one_in(30)) {
      note("the wakes are lost");
      world_.lose_wakes();
      return reload("crash", after_a_crash), true;
    }
    if (const auto& delayed = world_.stored().spilled; !delayed.empty() && one_in(10)) {
      note("a wake fires early, if the clock was set back since");
      const auto& turn = delayed[pick(delayed.size())];
      return world_.take(session::wake_fired{session_wakes::key_of(turn.id), turn.not_before}), true;
    }
    return world_.fire_wake();
  }

  void pass_time() {
    const auto by = one_in(6) ? milliseconds{61'000} : milliseconds{pick(4'000)};
    note("advance " + std::to_string(by.count()));
    world_.advance(by);
  }

  void fault() {
    const auto kind = pick(12);
    const auto& joined = world_.now().head.busy.joined;
    const auto& queue = world_.now().hand.queue;
    const auto is_target = [&](const session::held_task& m) {
      return !joined.empty() && joined.back().into == hash_of_id(message_kind::task, m.task.id);
    };
    if (const auto target = std::ranges::find_if(queue, is_target); target != queue.end() && kind < 6) {
      const auto seq = target->seq;
      note("take away " + text(seq));
      world_.take_away(seq);
      return reload("crash", after_a_crash);
    }
    if (kind < 3 && !joined.empty() && joined.front().place.kind == message_kind::task) {
      const auto seq = joined.front().place.seq;
      note("take away " + text(seq));
      world_.take_away(seq);
      return reload("crash", after_a_crash);
    }
    if (const auto& backlog = world_.now().hand.backlog; kind == 10 && !backlog.empty()) {
      const auto seq = backlog.front().seq;
      note("take away " + text(seq));
      return world_.take_away(seq);
    }
    if (kind == 0) {
      note("drain");
      return world_.drain();
    }
    if (kind < 6) {
      const bool is_stored = one_in(2);
      note(is_stored ? "to crash after a commit" : "to crash before a commit");
      return world_.crash_in_next_commit(is_stored, pick(4), one_in(4) ? after_a_lost_lease : after_a_crash);
    }
    if (kind < 9) return reload("crash", after_a_crash);
    if (kind < 10) return reload("lost lease", after_a_lost_lease);
    if (kind < 11) return reload("actor died", in_the_same_hands);
    reload("release", after_a_release);
  }

  void reload(const char* why, life next) {
    note(why);
    world_.crash_and_reload(next);
  }

  std::mt19937_64 chance_;
  session_driver world_;
  bool may_delete_;
  std::deque<std::string> trail_;
  std::deque<std::pair<std::string, task_options>> published_;
  std::uint64_t tasks_made_ = 0;
  std::uint64_t controls_made_ = 0;
  int calls_made_ = 0;
};

/// Returns what there was: names of events and effects.
std::set<std::string_view> walk_through(std::uint64_t seed, std::size_t steps, const session::limits& limits) {
  walk w{seed, limits};
  try {
    for (std::size_t i = 0; i < steps; ++i)
      w.step();
    w.settle();
  } catch (const std::exception& broken) {
    FAIL("seed " << seed << ": " << broken.what() << "\n" << w.trail());
  }
  return w.world().seen();
}

} // namespace

TEST_CASE("whatever happens to a session with tight limits, the rules hold and all ends", "[session][random]") {
  std::set<std::string_view> seen;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    seen.merge(walk_through(seed, 400, tight_limits()));
  }
  // Walks that miss something prove nothing about it.
  for (const auto& all : {all_names<session::event>(), all_names<session::effect>()}) {
    for (const auto name : all) {
      INFO(name);
      CHECK(seen.contains(name));
    }
  }
}

TEST_CASE("a long life breaks no rule either", "[session][random]") {
  for (std::uint64_t seed = 1'001; seed <= 1'010; ++seed)
    walk_through(seed, 4'000, tight_limits());
  for (std::uint64_t seed = 2'001; seed <= 2'005; ++seed)
    walk_through(seed, 4'000, session_driver::usual_limits());
}

/// By hand: `unit_tests "[session-soak]"`.
TEST_CASE("many more walks", "[.][session-soak]") {
  for (std::uint64_t seed = 10'000; seed < 20'000; ++seed)
    walk_through(seed, 600, tight_limits());
}
