#include "bridge/process/program_slice.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <system_error>
#include <utility>

#include "bridge/process/environment.hpp"
#include "bridge/process/jsonl_talk.hpp"
#include "bridge/process/plain_talk.hpp"
#include "messages/codec_text.hpp"

namespace baton {

namespace {

using guard_wire::cause;
using manner = program_end::manner;
using std::chrono::milliseconds;

/// What a program gets of the node's own environment.
constexpr auto inherited = std::to_array<std::string_view>({"PATH", "HOME", "LANG", "TZ"});
/// Characters of a failure's text, see messages/outcome.hpp. Counted as bytes: never more.
constexpr std::size_t failure_text_max = 4000;

std::string describe_errno(int number) { return std::generic_category().message(number); }

/// What another try may find better: the machine is short of something.
bool may_pass(int number) {
  static constexpr auto passing = std::to_array({EAGAIN, ENOMEM, EMFILE, ENFILE, ETXTBSY});
  return std::ranges::find(passing, number) != passing.end();
}

std::string in_utf8(std::string_view text) {
  std::string repaired;
  return std::string{codec::as_utf8(text, repaired)};
}

bool is_inside_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// At most `most` bytes, ending with a whole character.
std::string_view head_of(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && is_inside_character(text[most]))
    --most;
  return text.substr(0, most);
}

/// At most `most` bytes from the end, beginning with a whole character.
std::string_view tail_of(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  text.remove_prefix(text.size() - most);
  while (!text.empty() && is_inside_character(text.front()))
    text.remove_prefix(1);
  return text;
}

std::unique_ptr<talk> talk_for(runner_mode mode, const slice_request& request) {
  switch (mode) {
  case runner_mode::plain: return std::make_unique<plain_talk>();
  case runner_mode::jsonl: break;
  }
  return std::make_unique<jsonl_talk>(request);
}

milliseconds shorter_of(milliseconds a, milliseconds b) {
  if (a.count() <= 0 || b.count() <= 0) return std::max(a, b);
  return std::min(a, b);
}

} // namespace

program_slice::program_slice(runner_options how, slice_request request, std::shared_ptr<slice_listener> to)
    : how_(std::move(how)),
      request_(std::move(request)),
      to_(std::move(to)),
      talk_(talk_for(how_.mode, request_)),
      folder_(std::filesystem::path{how_.workspace_root} / request_.routing.session.text()),
      live_([this](live_note n) { pass_on(std::move(n)); }) {}

// --- the beginning ---------------------------------------------------------------------------------------------------

void program_slice::begin(event_loop& on, const slice_place& place, std::function<void()> over) {
  over_ = std::move(over);
  settle_ = place.settle;
  timer_ = std::make_unique<loop_timer>(on, [this] { on_time(); });
  window_ = std::make_unique<loop_timer>(on, [this] {
    live_.turn();
    if (live_.is_open()) window_->set(live_feed::window);
  });
  if (const int failure = prepare_folder(); failure != 0) {
    return not_started(
        "its folder " + folder_.string() + " cannot be made: " + describe_errno(failure), may_pass(failure));
  }
  program_ = std::make_unique<guarded_program>(on, static_cast<program_listener&>(*this));
  if (const int failure = program_->start(order_for(place)); failure != 0) {
    return not_started(
        "its guard " + place.guard.string() + " cannot be started: " + describe_errno(failure), may_pass(failure));
  }
  program_->write(talk_->opening(request_));
  if (!talk_->stays_open()) program_->close_input();
  const auto limit = shorter_of(request_.policy.time_limit, how_.time_limit);
  if (limit.count() > 0) timer_->set(limit);
}

/// Only for this user. A link that somebody put there is not followed. 0, or an errno.
int program_slice::prepare_folder() {
  std::error_code failure;
  std::filesystem::create_directories(how_.workspace_root, failure);
  if (failure) return failure.value();
  if (::mkdir(folder_.c_str(), 0700) == 0) return 0;
  if (errno != EEXIST) return errno;
  return std::filesystem::is_directory(std::filesystem::symlink_status(folder_, failure)) ? 0 : ENOTDIR;
}

guarded_order program_slice::order_for(const slice_place& place) const {
  guarded_order order;
  order.guard = place.guard;
  if (how_.shell) {
    order.command = {"/bin/sh", "-c", how_.program, "sh"};
  } else {
    order.command = {how_.program};
  }
  order.command.insert(order.command.end(), how_.args.begin(), how_.args.end());
  order.environment = environment();
  order.folder = folder_;
  order.record = place.record;
  order.lease = place.lease;
  order.lease_end = place.lease_end;
  order.memory_max = how_.memory_max.bytes;
  order.settle = place.settle;
  return order;
}

std::vector<std::string> program_slice::environment() const {
  std::map<std::string, std::string> settings;
  for (const auto name : inherited) {
    if (auto held = environment_value(name)) settings.emplace(name, std::move(*held));
  }
  for (const auto& [name, held] : how_.env)
    settings[name] = held;
  const auto& r = request_.routing;
  settings["BATON_SESSION"] = r.session.text();
  settings["BATON_RUN"] = r.run.text();
  settings["BATON_EXECUTION"] = r.execution.text();
  settings["BATON_EPOCH"] = std::to_string(r.epoch.value);
  settings["BATON_SLICE"] = std::to_string(request_.state.slice.value);
  settings["BATON_ATTEMPT"] = std::to_string(request_.state.attempt);
  std::vector<std::string> lines;
  lines.reserve(settings.size());
  for (const auto& [name, held] : settings)
    lines.push_back(name + "=" + held);
  return lines;
}

// --- what the session says -------------------------------------------------------------------------------------------

void program_slice::answer(boundary_answer said) {
  if (!std::exchange(waiting_for_answer_, false)) return;
  // First the order and what joins the run, then that the checkpoint is safe: who waits for the last has heard the others.
  ask(said.order);
  for (const auto& words : said.steers) program_->write(talk_->words_for(words));
  program_->write(talk_->words_for(boundary_order::go_on));
  hear_out();
  if (!waiting_for_answer_) program_->resume();
}

void program_slice::ask(boundary_order order) {
  if (!over_ || pushed_ != push::none) return;
  switch (order) {
  case boundary_order::go_on: return;
  case boundary_order::yield:
    if (!std::exchange(yield_asked_, true)) program_->write(talk_->words_for(order));
    return;
  case boundary_order::cancel: break;
  }
  cancel_asked_ = true;
  program_->write(talk_->words_for(order));
  // A program that hears no words hears a signal.
  push_to(talk_->stays_open() ? push::asked : push::terminated);
}

void program_slice::abort(lost why) {
  if (!over_ || aborted_) return;
  aborted_ = std::move(why);
  push_to(push::killed);
}

void program_slice::abandon() {
  to_.reset();
  abort({"nobody waits for it any more"});
}

void program_slice::renew(monotonic_instant lease_end) {
  if (over_) program_->renew(lease_end);
}

// --- what the program says -------------------------------------------------------------------------------------------

void program_slice::output(std::string_view bytes) {
  if (decided_ || aborted_) return;
  heard_bytes_ += bytes.size();
  if (how_.output_max.bytes > 0 && heard_bytes_ > how_.output_max.bytes) {
    return decide(
        reason::output_limit, "the program wrote more than " + std::to_string(how_.output_max.bytes) + " bytes", false);
  }
  talk_->hear(bytes);
  hear_out();
}

void program_slice::errors(std::string_view bytes) {
  stderr_tail_ += bytes;
  if (stderr_tail_.size() > 2 * how_.stderr_keep.bytes) stderr_tail_ = tail_of(stderr_tail_, how_.stderr_keep.bytes);
  show({"stderr", in_utf8(bytes)});
}

void program_slice::output_closed() {
  talk_->hear_end();
  hear_out();
}

/// Up to the next boundary: then the program has to wait, and so does what it has already written.
void program_slice::hear_out() {
  while (!waiting_for_answer_ && !decided_ && !aborted_) {
    auto said = talk_->next();
    if (!said) return;
    if (auto* note = std::get_if<live_note>(&*said)) {
      show(std::move(*note));
    } else if (auto* reached = std::get_if<boundary>(&*said)) {
      waiting_for_answer_ = true;
      left_checkpoint_ = true;
      program_->pause();
      live_.flush();
      if (to_) to_->at_boundary(std::move(*reached));
    } else if (const auto* bad = std::get_if<violation>(&*said)) {
      on_violation(*bad);
    } else {
      on_last_word();
    }
  }
}

void program_slice::on_violation(const violation& v) {
  decided_ = failed{v.code, v.text, false};
  push_to(push::killed);
}

void program_slice::on_last_word() {
  program_->close_input();
  // Time to clean up; then it is over, whatever the program still does.
  if (pushed_ == push::none) push_to(push::asked);
}

void program_slice::show(live_note note) {
  if (!request_.observers.live) return;
  live_.offer(std::move(note));
  if (live_.is_open() && !window_->is_set()) window_->set(live_feed::window);
}

void program_slice::pass_on(live_note note) {
  if (to_) to_->note(std::move(note));
}

// --- the end ---------------------------------------------------------------------------------------------------------

void program_slice::decide(reason code, std::string text, bool retryable) {
  decided_ = failed{code, std::move(text), retryable};
  push_to(push::terminated);
  // Read on, so that the program can end; nobody listens.
  waiting_for_answer_ = false;
  program_->resume();
}

void program_slice::push_to(push step) {
  if (step <= pushed_) return;
  pushed_ = step;
  switch (step) {
  case push::none:
  case push::asked: break;
  case push::terminated: program_->terminate(); break;
  case push::killed: program_->kill(); return timer_->stop();
  }
  timer_->set(settle_);
}

void program_slice::on_time() {
  switch (pushed_) {
  case push::none:
    // With a checkpoint the next try goes on from there, so it is worth one.
    return decide(reason::time_limit, "the slice took longer than its limit", left_checkpoint_);
  case push::asked: return push_to(push::terminated);
  case push::terminated: return push_to(push::killed);
  case push::killed: return;
  }
}

void program_slice::not_started(const std::string& why, bool retryable) {
  finish({failed{reason::program_not_started, why, retryable}, {}, std::nullopt});
}

void program_slice::ended(program_end end) { finish(judge(end)); }

slice_end program_slice::judge(const program_end& end) {
  const auto ends_as = [](outcome o) { return slice_end{std::move(o), {}, std::nullopt}; };
  if (aborted_) return ends_as(*aborted_);
  if (decided_) return ends_as(*decided_);
  if (end.killed_for) {
    switch (*end.killed_for) {
    case cause::memory:
      return ends_as(failed{reason::memory_limit,
          "the program held more than " + std::to_string(how_.memory_max.bytes) + " bytes of memory", false});
    case cause::lease_closed:
    case cause::lease_silent: return ends_as(lost{"the node's lease ran out"});
    case cause::signal: return ends_as(lost{"the program's guard was told to end"});
    case cause::told: break;
    }
  }
  if (end.how == manner::guard_lost) return ends_as(lost{"the program's guard was killed"});
  if (end.how == manner::not_started) {
    const auto text = "the program " + how_.program + " cannot be started: " + describe_errno(end.number);
    return ends_as(failed{reason::program_not_started, text, may_pass(end.number)});
  }
  auto concluded = talk_->conclude(end);
  // Whatever a program does once it is told to stop, it has stopped; only a result that was already there counts for more.
  const bool plain = !talk_->stays_open();
  const bool has_result = std::holds_alternative<completed>(concluded.proposed) && !plain;
  if (cancel_asked_ && !has_result) concluded.proposed = cancelled{};
  return concluded;
}

void program_slice::finish(slice_end end) {
  timer_->stop();
  window_->stop();
  live_.flush();
  if (std::holds_alternative<failed>(end.proposed)) add_last_errors(end);
  if (to_) to_->ended(std::move(end));
  to_.reset();
  std::exchange(over_, nullptr)();
}

/// The end of stderr, for the person who looks into the failure: as much as the failure's text may hold; more as a hidden note.
void program_slice::add_last_errors(slice_end& end) const {
  auto& text = std::get<failed>(end.proposed).text;
  text = head_of(text, failure_text_max);
  auto kept = in_utf8(tail_of(stderr_tail_, how_.stderr_keep.bytes));
  if (kept.empty()) return;
  const auto room = failure_text_max - text.size();
  if (room > 1) text += "\n" + std::string{tail_of(kept, room - 1)};
  if (kept.size() < room) return;
  entry note;
  note.kind = entry_kind::note;
  note.hidden = true;
  note.content = value::object{{"stderr", std::move(kept)}};
  end.entries.push_back(std::move(note));
}

} // namespace baton
