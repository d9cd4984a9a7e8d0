// baton send
#include <iostream>
#include <sstream>
#include <utility>

#include "messages/codec.hpp"
#include "messages/digest.hpp"
#include "ops/baton/commands.hpp"
#include "ops/baton/interrupt.hpp"
#include "ops/baton/random.hpp"
#include "ops/baton/run_end.hpp"
#include "ops/baton/shown.hpp"

namespace baton::cli {
namespace {

/// More than any broker takes in one message.
constexpr std::size_t stdin_max = 64 * 1024 * 1024;

or_complaint<value> input_of(const send_order& o) {
  if (o.input) return *o.input;
  if (o.text && *o.text != "-") return value{*o.text};
  if (!o.text && console::input_is_terminal()) {
    return complain(exit_code::usage, "nothing to send: give a TEXT, --input-json, or something on stdin");
  }
  std::string text;
  for (char c = 0; text.size() <= stdin_max && std::cin.get(c);) text.push_back(c);
  if (text.size() > stdin_max) return complain(exit_code::usage, "stdin holds more than 64 MiB");
  if (text.empty()) {
    return complain(exit_code::usage, "nothing to send: stdin is empty (an empty turn is sent with \"\" as its TEXT)");
  }
  return value{std::move(text)};
}

or_complaint<task> task_of(const send_order& o, const desk& at) {
  auto input = input_of(o);
  if (!input) return unexpected{input.error()};
  task made;
  made.id = o.id.empty() ? fresh_id('m', at.time.now()) : o.id;
  made.tenant = o.tenant;
  made.priority = o.priority;
  made.labels = o.labels;
  if (o.deadline) made.deadline = at.time.now() + *o.deadline;
  if (const auto* when = std::get_if<instant>(&o.not_before)) made.not_before = *when;
  if (const auto* after = std::get_if<milliseconds>(&o.not_before)) made.not_before = at.time.now() + *after;
  made.what = turn{*std::move(input), o.runner, o.options, o.when_busy};
  return made;
}

/// Shows what a run says as it says it: deltas on stdout, the rest beside it.
class live_view final : public progress {
public:
  live_view(console& tell, const accepted_task& of) : tell_{tell}, of_{of} {}

  void live(std::string_view kind, const task_id&, const std::string& execution, const value& data) override {
    is_heard_ = true;
    if (tell_.json()) return;
    if (execution != execution_ && !said_.empty()) {
      tell_.aside("[it begins again from its last checkpoint]");
      said_.clear();
    }
    execution_ = execution;
    if (kind != "delta") return tell_.aside("[" + std::string{kind} + " " + on_one_line(shown(data)) + "]");
    said_ += shown(data);
    tell_.piece(shown(data));
  }

  void event(const value& about) override {
    is_heard_ = true;
    const auto* kind = about.find("kind");
    if (const auto until = delayed_until(about)) return delayed(*until);
    if (tell_.json() || kind == nullptr || *kind == value{"slice_started"} || *kind == value{"checkpoint_stored"}) return;
    tell_.aside("[" + shown_event(about) + "]");
  }

  /// Said once, and only of a run that has not begun as far as anybody heard.
  void quiet(const std::optional<task_id>& under_way) override {
    if (tell_.json() || is_heard_ || under_way == of_.id) return;
    is_heard_ = true;
    if (under_way) return tell_.aside("[task " + of_.id.text() + " waits behind run " + under_way->text() + "]");
    tell_.aside("[task " + of_.id.text() + " is stored, but nothing was heard of it yet: is a node there? (baton doctor)]");
  }

  void delayed(instant until) override {
    is_heard_ = true;
    if (!tell_.json() && !std::exchange(is_told_, true)) {
      tell_.aside("[task " + of_.id.text() + " is delayed until " + shown(until) + "]");
    }
  }

  /// The result is what was seen already.
  [[nodiscard]] bool has_said(std::string_view text) const {
    const auto trimmed = [](std::string_view t) {
      while (!t.empty() && t.back() == '\n') t.remove_suffix(1);
      return t;
    };
    return !said_.empty() && trimmed(said_) == trimmed(text);
  }

private:
  console& tell_;
  const accepted_task& of_;
  bool is_heard_ = false;
  /// What it waits for.
  bool is_told_ = false;
  std::string execution_;
  std::string said_;
};

/// What the run left as its result, and what stands beside an end that is none.
struct last_words {
  value result;
  std::string code;
  std::string text;
};

last_words last_words_of(const commit& c, const task_id& run) {
  last_words found;
  for (const auto& e : c.entries) {
    if (e.run != run) continue;
    if (e.kind == entry_kind::assistant) found.result = e.content;
    if (e.kind != entry_kind::note || e.content.find("ended") == nullptr) continue;
    if (const auto* code = e.content.find("code")) found.code = shown(*code);
    if (const auto* text = e.content.find("text")) found.text = shown(*text);
  }
  return found;
}

exit_code code_of(settlement ended) {
  const bool is_done = ended == settlement::completed || ended == settlement::joined;
  return is_done ? exit_code::done : exit_code::run_failed;
}

/// The run that the task has joined.
std::string joined_by(const commit& c, const task_id& id) {
  for (const auto& e : c.events) {
    if (e.kind == event_kind::message_disposed && e.run == id) return e.other.text();
  }
  return {};
}

ending refuse_taken_id(const accepted_task& task, desk& at) {
  constexpr auto why = reason::task_conflict;
  if (at.tell.json()) {
    at.tell.object(value{value::object{{"session", task.session.text()}, {"run", task.id.text()}, {"status", "refused"},
        {"code", baton::to_text(why)}}});
    return exit_code::refused;
  }
  return complain(exit_code::refused, "task " + task.id.text() + " refused: " + std::string{baton::to_text(why)} + "\n"
                                          + std::string{describe(why).sentence} + " (" + page_of(why) + ")");
}

/// Tells how it ended.
struct telling {
  desk& at;
  const accepted_task& task;
  const live_view& seen;

  ending operator()(const run_ended& end) const {
    const auto said = last_words_of(end.in.commit, task.id);
    if (at.tell.json()) {
      value::object told{{"session", task.session.text()}, {"run", task.id.text()}, {"status", to_text(end.ended)},
          {"seq", end.in.seq.value}, {"commit", end.in.commit.number.value}};
      if (end.ended == settlement::completed) told.emplace_back("result", said.result);
      if (!said.code.empty()) told.emplace_back("code", said.code);
      if (!said.text.empty()) told.emplace_back("text", said.text);
      if (end.ended == settlement::joined) told.emplace_back("joined", joined_by(end.in.commit, task.id));
      at.tell.object(value{std::move(told)});
      return code_of(end.ended);
    }
    if (end.ended == settlement::joined) {
      const auto run = joined_by(end.in.commit, task.id);
      at.tell.line("task " + task.id.text() + " joined run " + run + " (baton show " + task.session.text() + " --run " + run + ")");
      return exit_code::done;
    }
    if (end.ended == settlement::completed) {
      if (!said.result.is_null() && !seen.has_said(shown(said.result))) at.tell.line(shown(said.result));
      return exit_code::done;
    }
    auto text = "run " + task.id.text() + " " + std::string{to_text(end.ended)};
    if (!said.code.empty()) text += ": " + said.code;
    if (!said.text.empty()) text += ": " + said.text;
    const auto why = parse_reason(said.code);
    if (why) text += "\n" + std::string{describe(*why).sentence} + " (" + page_of(*why) + ")";
    return complain(code_of(end.ended), text);
  }

  ending operator()(const run_ended_unread& end) const {
    if (!at.tell.json()) {
      return complain(code_of(end.ended), "run " + task.id.text() + " " + std::string{to_text(end.ended)}
                                              + "; its record is gone, for the session was deleted since");
    }
    at.tell.object(value{value::object{
        {"session", task.session.text()}, {"run", task.id.text()}, {"status", to_text(end.ended)}, {"gone", true}}});
    return code_of(end.ended);
  }

  ending operator()(const run_refused& end) const {
    const auto& letter = end.letter.letter;
    if (at.tell.json()) {
      at.tell.object(value{value::object{{"session", task.session.text()}, {"run", task.id.text()}, {"status", "refused"},
          {"code", baton::to_text(letter.why)}, {"text", letter.detail}, {"letter", end.letter.seq.value}}});
      return exit_code::refused;
    }
    return complain(exit_code::refused, "task " + task.id.text() + " refused: " + std::string{baton::to_text(letter.why)}
                                            + (letter.detail.empty() ? "" : ": " + letter.detail) + "\n"
                                            + std::string{describe(letter.why).sentence} + " (" + page_of(letter.why)
                                            + ", baton dead show " + std::to_string(end.letter.seq.value) + ")");
  }

  ending operator()(id_taken) const { return refuse_taken_id(task, at); }
  ending operator()(not_ended_in_time) const { return still_going(exit_code::timed_out, "not ended in time"); }
  ending operator()(interrupted by) const { return still_going(by.as, "not waited for any longer"); }

  [[nodiscard]] ending still_going(exit_code code, const std::string& what) const {
    const auto& session = task.session.text();
    return complain(code, "run " + task.id.text() + " is stored and goes on, " + what + "\n  watch it:   baton watch " + session
                              + "\n  its end:    baton show " + session + " --run " + task.id.text()
                              + "\n  cancel it:  baton cancel " + session + " " + task.id.text());
  }
};

/// The task was not stored, or nobody knows.
complaint not_accepted(const send_order& o, const task_id& id, const nats::api_failure& why) {
  auto told = complaint_of(why);
  if (why.link == nats::failure::timed_out || why.link == nats::failure::closed) {
    told.text += "\nwhether run " + id.text() + " is stored is not known: to send it again with --id " + id.text()
                 + " is harmless, and baton show " + o.session.text() + " tells what came of it";
  }
  return told;
}

ending tell_accepted(const accepted_task& task, const std::optional<instant>& not_before, desk& at) {
  if (task.duplicate) {
    const auto log = at.broker.reader();
    if (!log) return unexpected{log.error()};
    const auto last = log->last(task.session);
    if (!last) return unexpected{complaint_of(last.error())};
    const auto known = *last ? known_content((*last)->commit.head, task.id) : std::nullopt;
    if (known && *known != task.digest) return refuse_taken_id(task, at);
  }
  if (!at.tell.json()) {
    at.tell.line(task.id.text());
    if (task.duplicate) at.tell.aside("[the session has it already: nothing was added]");
    if (not_before && *not_before > at.time.now()) at.tell.aside("[it is stored, to wait until " + shown(*not_before) + " if its session takes it: baton show says]");
    return exit_code::done;
  }
  value::object told{{"session", task.session.text()}, {"run", task.id.text()}, {"status", "accepted"}, {"seq", task.seq.value},
      {"duplicate", task.duplicate}};
  if (not_before) told.emplace_back("not_before", milliseconds_of(*not_before));
  at.tell.object(value{std::move(told)});
  return exit_code::done;
}

} // namespace

ending send(const send_order& o, desk& at) {
  const auto made = task_of(o, at);
  if (!made) return unexpected{made.error()};
  const auto payload = codec::encode_task(*made, encoding::json);
  // JSON carries text only: what is none would arrive as something else.
  const auto again = codec::decode_task(payload, {}, {.bytes_max = payload.size()});
  if (again && std::get<turn>(again->what).input != std::get<turn>(made->what).input) {
    return complain(exit_code::usage, "the input is not UTF-8 text: encode it, or publish it as msgpack with a client of NATS");
  }
  std::optional<run_watch> watching;
  if (!o.no_wait) {
    auto begun = run_watch::begin(at.broker, at.time, o.session);
    if (!begun) return unexpected{begun.error()};
    watching.emplace(*std::move(begun));
  }
  const interrupt from_now;
  const auto stored = at.broker.publish_task(o.session, payload, o.session.text() + "/" + made->id.text());
  if (!stored) return unexpected{not_accepted(o, made->id, stored.error())};
  const accepted_task task{o.session, made->id, digest_of_body(payload), stored->seq, stored->duplicate};
  if (!watching) return tell_accepted(task, made->not_before, at);
  live_view view{at.tell, task};
  const auto end = watching->wait(task, o.timeout, view);
  const telling told{at, task, view};
  if (!end) return told.still_going(end.error().code, "but how it ends cannot be seen from here: " + end.error().text);
  return std::visit(told, *end);
}

} // namespace baton::cli
