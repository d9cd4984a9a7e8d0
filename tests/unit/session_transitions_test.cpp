// The machine on two pages: in each phase, what each input makes happen and orders. golden/session_transitions.txt is made to
// be read; a change of it is a change of behaviour.
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <sstream>

#include "tests/support/golden.hpp"
#include "tests/support/session_driver.hpp"
#include "tests/support/session_names.hpp"

using namespace baton;
using namespace baton::support;

namespace {

using act = std::function<void(session_driver&)>;
struct named_act {
  std::string_view name;
  act make;
};

void run_t1(session_driver& s) {
  s.task("t1", {.reply_to = "_INBOX.a"});
  s.grant();
}

void delay_t1(session_driver& s) {
  s.task("t1", {.not_before = s.time() + milliseconds{10}, .reply_to = "_INBOX.a"});
}

const auto phases_to_try = std::to_array<named_act>({
    {"new", [](auto&) {}},
    {"idle, t1 completed", [](auto& s) { run_t1(s), s.end(completed{"done"}), s.confirm_acks(); }},
    {"idle, t1 failed and its letter owed",
        [](auto& s) { run_t1(s), s.end(failed{reason::program_exit, "no", false}); }},
    {"t1 waits for a slot", [](auto& s) { s.task("t1", {.reply_to = "_INBOX.a"}); }},
    {"t1 runs, unknown to the log", [](auto& s) { run_t1(s); }},
    {"t1 runs, known to the log", [](auto& s) { run_t1(s), s.grew_old(); }},
    {"t1 runs, asked to cancel", [](auto& s) { run_t1(s), s.cancel_run("c0", "t1"); }},
    {"t1 runs, asked to yield by a drain", [](auto& s) { run_t1(s), s.drain(); }},
    {"t1 runs, t2 waits, t3 waits to join t1",
        [](auto& s) { run_t1(s), s.task("t2"), s.task("t3", {.when_busy = busy_policy::steer}); }},
    {"t1 runs, t0 has joined it since its checkpoint",
        [](auto& s) { run_t1(s), s.task("t0", {.when_busy = busy_policy::steer}), s.boundary(); }},
    {"t1 runs, asked to stop by t0", [](auto& s) { run_t1(s), s.task("t0", {.when_busy = busy_policy::interrupt}); }},
    {"t1 waits for its next attempt", [](auto& s) { run_t1(s), s.end(failed{reason::program_exit, "no", true}); }},
    {"t1 has yielded and waits for a slot", [](auto& s) { run_t1(s), s.end(yielded{"asked"}, {}, value{1}); }},
    {"loaded after a crash, t1's task not yet come", [](auto& s) { run_t1(s), s.grew_old(), s.crash_and_reload(); }},
    {"loaded after a crash, t1's task gone",
        [](auto& s) { run_t1(s), s.grew_old(), s.take_away({1}), s.crash_and_reload(); }},
    {"t1 waits for its time, its wake not stored", [](auto& s) { delay_t1(s); }},
    {"t1 waits for its time", [](auto& s) { delay_t1(s), s.carry_out_wake_order(), s.confirm_acks(); }},
    {"t1's time has come, its task is read out of the log",
        [](auto& s) { delay_t1(s), s.carry_out_wake_order(), s.confirm_acks(), s.advance(milliseconds{10}), s.fire_wake(); }},
    {"deleted", [](auto& s) { s.control("d0", baton::remove{}), s.confirm_acks(); }},
});

execution_id current(const session_driver& s) {
  return s.now().hand.execution ? s.now().hand.execution->id : execution_id::parse("old").value();
}

/// Tasks come in stream order: nothing happens while an older one is still to come.
void deliver_newest(session_driver& s) {
  if (s.undelivered(message_kind::task) == 1) s.deliver_next(message_kind::task);
}

void with_policy(session_driver& s, busy_policy policy) {
  s.publish("t4", {.reply_to = "_INBOX.a", .when_busy = policy});
  deliver_newest(s);
}

void slot_granted(session_driver& s) {
  if (s.has_wish()) return s.grant();
  s.take(session::slot_granted{current(s)});
}

void letter_stored(session_driver& s) {
  if (!s.open_letters().empty()) s.store_letter();
}

/// Its first message, if that is still in the queue.
void redeliver_t1(session_driver& s) {
  if (s.is_in_queue(message_kind::task, {1})) s.redeliver(message_kind::task, {1});
}

void wake_stored(session_driver& s) {
  if (s.wakes().has_order()) s.carry_out_wake_order();
}

void out_of_the_log(session_driver& s) {
  if (s.has_log_read()) s.answer_log_read();
}

void end(session_driver& s, outcome how, std::optional<value> checkpoint = {}) {
  s.take(session::slice_ended{current(s), {std::move(how), {}, std::move(checkpoint)}});
}

void reach(session_driver& s, boundary at) { s.take(session::boundary_reached{current(s), std::move(at)}); }

edit titled() {
  edit change;
  change.title = "A title";
  return change;
}

const auto inputs_to_try = std::to_array<named_act>({
    {"task t2", [](auto& s) { s.publish("t2"), deliver_newest(s); }},
    {"task t1 (again)", [](auto& s) { s.publish("t1", {.reply_to = "_INBOX.a"}), deliver_newest(s); }},
    {"task t1, other body", [](auto& s) { s.publish("t1", {.body = "x"}), deliver_newest(s); }},
    {"task t2, no such runner", [](auto& s) { s.publish("t2", {.runner = "x"}), deliver_newest(s); }},
    {"task t1 delivered again", [](auto& s) { redeliver_t1(s); }},
    {"task t4, steer", [](auto& s) { with_policy(s, busy_policy::steer); }},
    {"task t4, interrupt", [](auto& s) { with_policy(s, busy_policy::interrupt); }},
    {"task t4, rollback", [](auto& s) { with_policy(s, busy_policy::rollback); }},
    {"task t4, reject", [](auto& s) { with_policy(s, busy_policy::reject); }},
    {"task t4, replace", [](auto& s) { with_policy(s, busy_policy::replace); }},
    {"task t4, merge", [](auto& s) { with_policy(s, busy_policy::merge); }},
    {"task t4, debounce", [](auto& s) { with_policy(s, busy_policy::debounce); }},
    {"task t5, for later", [](auto& s) { s.publish("t5", {.not_before = s.time() + milliseconds{60'000}}), deliver_newest(s); }},
    {"wake stored", [](auto& s) { wake_stored(s); }},
    {"wake of t1", [](auto& s) { s.take(session::wake_fired{session_wakes::key_of(hash_of_id(message_kind::task, id_of("t1"))), s.time()}); }},
    {"out of the log", [](auto& s) { out_of_the_log(s); }},
    {"steer t1", [](auto& s) { s.publish_control("s1", steer_of("left", "t1")), s.deliver_next(message_kind::control); }},
    {"steer what runs", [](auto& s) { s.publish_control("s1", steer_of("left")), s.deliver_next(message_kind::control); }},
    {"unstick", [](auto& s) { s.publish_control("u1", unstick{"ann"}), s.deliver_next(message_kind::control); }},
    {"cancel t1", [](auto& s) { s.publish_control("c1", cancel_of("t1")), s.deliver_next(message_kind::control); }},
    {"cancel what runs",
        [](auto& s) { s.publish_control("c1", cancel_of("")), s.deliver_next(message_kind::control); }},
    {"cancel t9", [](auto& s) { s.publish_control("c1", cancel_of("t9")), s.deliver_next(message_kind::control); }},
    {"edit", [](auto& s) { s.publish_control("e1", titled()), s.deliver_next(message_kind::control); }},
    {"delete", [](auto& s) { s.publish_control("d1", baton::remove{}), s.deliver_next(message_kind::control); }},
    {"slot granted", [](auto& s) { slot_granted(s); }},
    {"slice grew old", [](auto& s) { s.take(session::slice_grew_old{current(s)}); }},
    {"boundary, entries", [](auto& s) { reach(s, {{said("half")}, {}}); }},
    {"boundary, checkpoint", [](auto& s) { reach(s, {{}, value{1}}); }},
    {"boundary, nothing", [](auto& s) { reach(s, {}); }},
    {"end: completed", [](auto& s) { end(s, completed{"done"}); }},
    {"end: failed", [](auto& s) { end(s, failed{reason::program_exit, "no", false}); }},
    {"end: failed, retryable", [](auto& s) { end(s, failed{reason::program_exit, "no", true}); }},
    {"end: yielded", [](auto& s) { end(s, yielded{"asked"}, value{1}); }},
    {"end: cancelled", [](auto& s) { end(s, cancelled{}); }},
    {"end: lost", [](auto& s) { end(s, lost{"silent"}); }},
    {"timer: next attempt due", [](auto& s) { s.advance(milliseconds{2'000}); }},
    {"timer: time to settle over",
        [](auto& s) { s.take(session::timer_fired{session::timer::settle_over, current(s)}); }},
    {"letter stored", [](auto& s) { letter_stored(s); }},
    {"drain", [](auto& s) { s.drain(); }},
});

std::string line_of(const named_act& phase, const named_act& input) {
  session_driver s;
  phase.make(s);
  s.forget_last();
  input.make(s);
  const auto events = names_of(s.last_events());
  const auto effects = names_of(s.last_effects());
  if (events.empty() && effects.empty()) return {};
  std::ostringstream line;
  line << "  " << input.name << std::string(28 - input.name.size(), ' ') << (events.empty() ? "-" : events);
  if (!effects.empty()) line << "\n" << std::string(30, ' ') << "=> " << effects;
  line << '\n';
  return line.str();
}

} // namespace

TEST_CASE("the session machine's transitions are the ones that were agreed", "[session]") {
  std::ostringstream table;
  table << "In each phase: input, what happens, and after `=>` what is ordered. Inputs that change nothing are left "
           "out.\n";
  for (const auto& phase : phases_to_try) {
    table << '\n' << phase.name << '\n';
    for (const auto& input : inputs_to_try)
      table << line_of(phase, input);
  }
  const std::filesystem::path expected = BATON_GOLDEN_FOLDER;
  const std::filesystem::path found = BATON_GOLDEN_FOUND_FOLDER;
  CHECK(
      compare_with_golden(table.str(), expected / "session_transitions.txt", found / "session_transitions.txt") == "");
}
