#include "tests/scenarios/scenario_script.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <sstream>
#include <vector>

#include "messages/reason.hpp"
#include "tests/support/session_driver.hpp"
#include "tests/support/session_names.hpp"

namespace baton::support {
namespace {

using words = std::vector<std::string>;

std::string_view text_of(boundary_order order) {
  switch (order) {
    case boundary_order::go_on: return "go_on";
    case boundary_order::yield: return "yield";
    case boundary_order::cancel: return "cancel";
  }
  return "?";
}

std::string_view text_of(verdict v) {
  switch (v) {
    case verdict::accepted: return "accepted";
    case verdict::duplicate: return "duplicate";
    case verdict::conflict: return "conflict";
    case verdict::unknown: return "unknown";
    case verdict::expired: return "expired";
    case verdict::refused: return "refused";
  }
  return "?";
}

std::string_view text_of(message_kind kind) { return kind == message_kind::task ? "task" : "control"; }

/// What an effect is about, after its name.
struct details {
  std::string operator()(const session::want_slot& e) const {
    return e.on.standing == supervisor::standing::suspect ? "suspect" : "";
  }
  std::string operator()(const session::launch& e) const {
    const auto& r = e.request;
    std::string text = r.routing.run.text() + " slice " + std::to_string(r.state.slice.value);
    if (r.state.attempt > 0) text += " attempt " + std::to_string(r.state.attempt);
    if (r.state.last_checkpoint) text += " from its checkpoint";
    const auto* input = r.input.input.as<std::string>();
    if (input != nullptr && input->find('\n') != std::string::npos) text += ", input in " + std::to_string(1 + std::count(input->begin(), input->end(), '\n') / 2) + " parts";
    return text + about(r.input.steers);
  }
  std::string operator()(const session::answer_boundary& e) const { return std::string{text_of(e.answer.order)} + about(e.answer.steers); }
  std::string operator()(const session::ask_execution& e) const { return std::string{text_of(e.order)}; }
  std::string operator()(const session::abort_execution& e) const { return e.because; }
  std::string operator()(const session::acknowledge& e) const { return about(e.kind, e.seq); }
  std::string operator()(const session::lighten& e) const { return about(e.message.kind, e.message.seq); }
  std::string operator()(const session::read_back& e) const { return about(e.message.kind, e.message.seq); }
  std::string operator()(const session::send_answer& e) const {
    const auto* status = e.answer.body.as<value::object>();
    std::string text = e.answer.to.text() + " " + std::string{text_of(e.answer.verdict)};
    if (e.answer.why) text += " " + std::string{to_text(e.answer.why->why)};
    if (status == nullptr) return text;
    for (const auto& [name, held] : *status) {
      if (const auto* said = held.as<std::string>(); said != nullptr && name == "status") text += ", " + *said;
    }
    return text;
  }
  std::string operator()(const session::bury& e) const {
    return about(e.kind, e.letter.seq) + " " + std::string{to_text(e.letter.why)};
  }
  template <class Other>
  std::string operator()(const Other&) const {
    return {};
  }
  static std::string about(const std::vector<steer_input>& steers) {
    std::string text;
    for (const auto& said : steers) text += (text.empty() ? ", steered by " : " ") + said.id.text();
    return text;
  }
  static std::string about(message_kind kind, stream_seq seq) {
    return std::string{text_of(kind)} + " " + std::to_string(seq.value);
  }
};

class stage {
public:
  explicit stage(std::ostringstream& out) : out_(out) {
    world_.on_step = [this](const session::input& in, const session::stepped& made) { show(in, made); };
  }
  void perform(const words& line);

private:
  void show(const session::input& in, const session::stepped& made) {
    out_ << "    " << name_of(in) << '\n';
    const auto stored = session::commit_of(made.next, made.events);
    if (stored) {
      out_ << "      stored ";
      for (const auto& e : stored->events) {
        out_ << ' ' << to_text(e.kind);
        if (!e.code.empty()) out_ << '(' << e.code << ')';
        if (e.kind == event_kind::message_disposed) out_ << '(' << e.run.text() << ' ' << to_text(e.disposition) << ' ' << e.other.text() << ')';
      }
      if (stored->events.empty()) out_ << " (nothing public)";
      out_ << '\n';
    }
    for (const auto& e : made.effects) {
      const auto about = std::visit(details{}, e);
      out_ << "      does    " << name_of(e) << (about.empty() ? "" : " ") << about << '\n';
    }
  }

  std::ostringstream& out_;
  session_driver world_;
};

struct verb {
  std::string_view arguments;
  std::function<void(session_driver&, const words&)> act;
};

std::int64_t number(const std::string& text) {
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size()) throw cannot("not a number: " + text);
  return n;
}

const std::string& word(const words& line, std::size_t at) {
  if (at >= line.size()) throw cannot("a word is missing after " + line.front());
  return line[at];
}

outcome outcome_of(const words& line) {
  const auto& how = word(line, 1);
  if (how == "completed") return completed{"done"};
  if (how == "failed") return failed{reason::program_exit, "no", false};
  if (how == "failed_retryable") return failed{reason::program_exit, "no", true};
  if (how == "timed_out") return failed{reason::time_limit, "too long", true};
  if (how == "lost") return lost{"silent"};
  if (how == "yielded") return yielded{"asked"};
  if (how == "cancelled") return cancelled{};
  throw cannot("no such end: " + how);
}

std::optional<value> checkpoint_of(const words& line, std::size_t at) {
  if (at >= line.size()) return std::nullopt;
  return value{line[at]};
}

const std::map<std::string_view, verb> verbs{
    {"task", {"ID [BODY]: published with a reply_to, and delivered",
              [](session_driver& s, const words& w) {
                s.task(word(w, 1), {.body = w.size() > 2 ? w[2] : "hello", .reply_to = "_INBOX.a"});
              }}},
    {"turn", {"POLICY ID [BODY]: a task with this when_busy, delivered",
              [](session_driver& s, const words& w) {
                const auto policy = parse_busy_policy(word(w, 1));
                if (!policy) throw cannot("no such policy: " + w[1]);
                s.task(word(w, 2), {.body = w.size() > 3 ? w[3] : "hello", .reply_to = "_INBOX.a", .when_busy = *policy});
              }}},
    {"later", {"MILLISECONDS ID [BODY]: a task with a not_before so far ahead, delivered",
               [](session_driver& s, const words& w) {
                 const auto due = s.time() + milliseconds{number(word(w, 1))};
                 s.task(word(w, 2), {.body = w.size() > 3 ? w[3] : "hello", .not_before = due, .reply_to = "_INBOX.a"});
               }}},
    {"wakes", {"what is wanted of the wakes is done",
               [](session_driver& s, const words&) {
                 while (s.wakes().has_order()) s.carry_out_wake_order();
               }}},
    {"wake", {"the wakes that are due fire",
              [](session_driver& s, const words&) {
                while (s.fire_wake()) {
                }
              }}},
    {"log", {"what was to be read out of the log is", [](session_driver& s, const words&) { s.answer_log_read(); }}},
    {"steer", {"ID TEXT [RUN]: said to that run, or to the one under way",
               [](session_driver& s, const words& w) { s.control(word(w, 1), steer_of(word(w, 2), w.size() > 3 ? w[3] : "")); }}},
    {"steer_first", {"ID TEXT RUN: the same, delivered before any task that waits in the queue",
                     [](session_driver& s, const words& w) {
                       s.publish_control(word(w, 1), steer_of(word(w, 2), word(w, 3)));
                       s.deliver_next(message_kind::control);
                     }}},
    {"read", {"what was to be read back is", [](session_driver& s, const words&) { s.answer_read_back(); }}},
    {"publish", {"ID [BODY]: only into the queue",
                 [](session_driver& s, const words& w) {
                   s.publish(word(w, 1), {.body = w.size() > 2 ? w[2] : "hello", .reply_to = "_INBOX.a"});
                 }}},
    {"deliver", {"all that is due", [](session_driver& s, const words&) { s.deliver(); }}},
    {"cancel", {"ID [RUN]: a cancel with this id, of that run or of whatever runs",
                [](session_driver& s, const words& w) { s.cancel_run(word(w, 1), w.size() > 2 ? w[2] : ""); }}},
    {"cancel_first", {"ID RUN: the same, delivered before any task that waits in the queue",
                      [](session_driver& s, const words& w) {
                        s.publish_control(word(w, 1), cancel_of(word(w, 2)));
                        s.deliver_next(message_kind::control);
                      }}},
    {"title", {"ID TITLE", [](session_driver& s, const words& w) {
                 edit change;
                 change.title = word(w, 2);
                 s.control(word(w, 1), change);
               }}},
    {"delete", {"ID", [](session_driver& s, const words& w) { s.control(word(w, 1), baton::remove{}); }}},
    {"grant", {"the slot that is wanted", [](session_driver& s, const words&) { s.grant(); }}},
    {"boundary", {"[CHECKPOINT]: the slice reports one",
                  [](session_driver& s, const words& w) { s.boundary({}, checkpoint_of(w, 1)); }}},
    {"deaf", {"from now on the runner hears nothing of what is said to the run", [](session_driver& s, const words&) { s.hears = false; }}},
    {"old", {"the slice has run for slice_commit_after", [](session_driver& s, const words&) { s.grew_old(); }}},
    {"end", {"completed | failed | failed_retryable | timed_out | lost | yielded | cancelled [CHECKPOINT]",
             [](session_driver& s, const words& w) { s.end(outcome_of(w), {}, checkpoint_of(w, 2)); }}},
    {"late", {"every execution that is over reports once more",
              [](session_driver& s, const words&) {
                const auto old = s.old_executions();
                for (const auto& one : old) s.report_late(one);
              }}},
    {"acks", {"all acknowledgements are confirmed", [](session_driver& s, const words&) { s.confirm_acks(); }}},
    {"letters", {"all dead letters are stored", [](session_driver& s, const words&) { s.store_letters(); }}},
    {"wait", {"MILLISECONDS: timers on the way fire",
              [](session_driver& s, const words& w) { s.advance(milliseconds{number(word(w, 1))}); }}},
    {"want_yield", {"others wait for the slot", [](session_driver& s, const words&) { s.want_yield(); }}},
    {"drain", {"the node drains", [](session_driver& s, const words&) { s.drain(); }}},
    {"crash", {"the node dies; another takes over and is delivered what is in the queue",
               [](session_driver& s, const words&) {
                 s.crash_and_reload();
                 s.deliver();
               }}},
    {"crash_controls_first", {"likewise; control messages are delivered before tasks",
                              [](session_driver& s, const words&) {
                                s.crash_and_reload();
                                while (s.deliver_next(message_kind::control)) {
                                }
                                s.deliver();
                              }}},
    {"crash_before_store", {"in the next step that makes a commit",
                            [](session_driver& s, const words&) { s.crash_in_next_commit(false); }}},
    {"crash_after_store", {"likewise; nothing of the step was performed",
                           [](session_driver& s, const words&) { s.crash_in_next_commit(true); }}},
    {"settle", {"everything is answered until nothing more happens; then all must have ended",
                [](session_driver& s, const words&) { s.settle(); }}},
};

void stage::perform(const words& line) {
  if (line.front() == "help") {
    for (const auto& [name, what] : verbs) out_ << "    " << name << ' ' << what.arguments << '\n';
    return;
  }
  const auto found = verbs.find(line.front());
  if (found == verbs.end()) throw cannot("no such verb: " + line.front());
  found->second.act(world_, line);
}

} // namespace

std::string perform_scenario(std::string_view script) {
  std::ostringstream out;
  stage here{out};
  std::istringstream lines{std::string{script}};
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') out << line << '\n';
    if (line.empty() || line.front() != '>') continue;
    out << line << '\n';
    words said;
    std::istringstream split{line.substr(1)};
    for (std::string one; split >> one;) said.push_back(one);
    try {
      if (!said.empty()) here.perform(said);
    } catch (const std::exception& e) {
      out << "    CANNOT GO ON: " << e.what() << '\n';
      return out.str();
    }
  }
  return out.str();
}

} // namespace baton::support
