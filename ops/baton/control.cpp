// baton cancel, steer, unstick, edit, delete: what is asked of a session beside its turns, and what it answers.
#include "messages/codec.hpp"
#include "ops/baton/commands.hpp"
#include "ops/baton/random.hpp"
#include "ops/baton/shown.hpp"

namespace baton::cli {
namespace {

value answer_object(const session_id& session, const answer& a) {
  value::object told{{"session", session.text()}, {"to", a.to.text()}, {"answer", to_text(a.verdict)}};
  if (a.why) {
    told.emplace_back("reason", baton::to_text(a.why->why));
    told.emplace_back("detail", a.why->detail);
  }
  if (!a.body.is_null()) told.emplace_back("body", a.body);
  return told;
}

bool is_carried_out(verdict v) { return v == verdict::accepted || v == verdict::duplicate; }

std::string refusal_text(const answer& a) {
  if (!a.why) return "refused";
  return "refused: " + std::string{baton::to_text(a.why->why)} + (a.why->detail.empty() ? "" : ": " + a.why->detail) + "\n"
         + std::string{describe(a.why->why).sentence} + " (" + page_of(a.why->why) + ")";
}

/// What a person is told of a question.
struct wording {
  /// It was carried out.
  std::string done;
  /// A conflict, or an unknown.
  std::string otherwise;
  /// What the wait is about, while it lasts.
  std::string awaited = "waits for the node that owns the session; the order is stored, and will be carried out also if nobody waits";
};

/// Publishes `what`, waits, and tells the answer.
ending ask(const session_id& session, decltype(control::what) what, milliseconds patience, const wording& words, desk& at) {
  control message;
  message.id = fresh_id('c', at.time.now());
  message.what = std::move(what);
  const auto waits_on = [&] {
    if (!at.tell.json()) at.tell.aside("[no answer yet, " + std::to_string(patience.count() / 1'000) + " s at most: " + words.awaited + "]");
  };
  const auto answered = at.broker.ask(session, std::move(message), patience, waits_on);
  if (!answered) return unexpected{answered.error()};
  const auto code = is_carried_out(answered->verdict) ? exit_code::done : exit_code::refused;
  if (at.tell.json()) {
    at.tell.object(answer_object(session, *answered));
    return code;
  }
  if (is_carried_out(answered->verdict)) {
    const auto* did = answered->body.find("did");
    at.tell.line(words.done + (did == nullptr ? "" : shown(*did)));
    return code;
  }
  if (answered->verdict == verdict::refused) return complain(code, refusal_text(*answered));
  return complain(code, std::string{to_text(answered->verdict)} + ": " + words.otherwise
                            + (answered->body.is_null() ? "" : "\nit is now: " + shown(answered->body)));
}

} // namespace

ending cancel_run(const cancel_order& o, desk& at) {
  cancel what;
  if (!o.run.empty()) what.run = o.run;
  what.by = at.user;
  what.because = o.because;
  const auto of = " of session " + o.session.text();
  const auto run = o.run.empty() ? "the run under way" + of : "run " + o.run.text() + of;
  const auto none = o.run.empty() ? "no run is under way in session " + o.session.text() : run + " has ended, or never was";
  wording words{"cancelled " + run, none};
  if (what.run) {
    words.awaited = "waits for " + run + " to end, or to come; a cancel that is here before its run is kept for a minute, and if none "
                    "came by then the answer is \"unknown\"";
  }
  auto end = ask(o.session, what, o.timeout, words, at);
  if (!end && end.error().code == exit_code::timed_out && what.run) {
    return complain(exit_code::timed_out, "no answer yet: " + run + " has not ended, or the session does not know it; then the cancel is "
                                              "kept for a minute and ends the run if it comes (baton show " + o.session.text()
                                              + " tells, --timeout 70s waits for the last word)");
  }
  return end;
}

ending steer_run(const steer_order& o, desk& at) {
  steer what;
  if (!o.run.empty()) what.run = o.run;
  what.input = o.text;
  what.by = at.user;
  const auto of = " of session " + o.session.text();
  const auto run = o.run.empty() ? "the run under way" + of : "run " + o.run.text() + of;
  const auto none = o.run.empty() ? "no run is under way in session " + o.session.text()
                                  : run + " has ended; baton send --when-busy steer would make it the next turn";
  auto end = ask(o.session, what, o.timeout, {run + " has taken it in", none, "waits for the next safe boundary of " + run}, at);
  if (!end && end.error().code == exit_code::timed_out) {
    return complain(exit_code::timed_out, run + " has not reached a safe boundary yet; it hears it when it does");
  }
  return end;
}

ending unstick_session(const unstick_order& o, desk& at) {
  return ask(o.session, unstick{at.user}, o.timeout, {"session " + o.session.text() + ": ", {}}, at);
}

ending edit_session(const edit_order& o, desk& at) {
  auto what = o.change;
  what.by = at.user;
  return ask(o.session, what, o.timeout,
      {"changed session " + o.session.text(), "the title of session " + o.session.text() + " has another version than was expected"}, at);
}

ending delete_session(const delete_order& o, desk& at) {
  if (!o.yes) {
    if (!console::input_is_terminal()) return complain(exit_code::usage, "nobody to ask whether to delete: say --yes");
    if (!console::asks("Delete session " + o.session.text() + " with its transcript, for good?")) {
      return complain(exit_code::refused, "nothing was deleted");
    }
  }
  return ask(o.session, remove{at.user}, o.timeout,
      {"deleted session " + o.session.text(), "session " + o.session.text() + " is not there"}, at);
}

} // namespace baton::cli
