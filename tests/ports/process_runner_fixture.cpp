#include "tests/ports/process_runner_fixture.hpp"

#include <atomic>
#include <stdexcept>

#include "messages/codec.hpp"
#include "tests/ports/process_guard_fixture.hpp"

namespace baton::support {

namespace {

std::string text_of_value(const value& v) {
  const auto* text = v.as<std::string>();
  return text != nullptr ? *text : codec::encode_value(v, encoding::json);
}

} // namespace

void attentive_listener::note(live_note n) {
  const std::lock_guard guard{lock_};
  heard_.push_back(n.kind + " " + text_of_value(n.data));
  notes_.push_back(std::move(n));
  changed_.notify_all();
}

void attentive_listener::at_boundary(boundary b) {
  const std::lock_guard guard{lock_};
  heard_.emplace_back("boundary");
  boundaries_.push_back(std::move(b));
  changed_.notify_all();
}

void attentive_listener::ended(slice_end end) {
  const std::lock_guard guard{lock_};
  if (look_) look_();
  heard_.emplace_back("ended");
  end_ = std::move(end);
  changed_.notify_all();
}

void attentive_listener::mark(const std::string& text) {
  const std::lock_guard guard{lock_};
  heard_.push_back(text);
}

std::vector<std::string> attentive_listener::heard() {
  const std::lock_guard guard{lock_};
  return heard_;
}

std::string attentive_listener::text_of(const std::string& kind) {
  const std::lock_guard guard{lock_};
  std::string all;
  for (const auto& n : notes_) {
    const auto* text = n.data.as<std::string>();
    if (n.kind == kind && text != nullptr) all += *text;
  }
  return all;
}

void attentive_listener::when_it_ends(std::function<void()> look) {
  const std::lock_guard guard{lock_};
  look_ = std::move(look);
}

slice_end attentive_listener::wait_for_end() {
  std::unique_lock guard{lock_};
  if (!changed_.wait_for(guard, patience, [this] { return end_.has_value(); }))
    throw std::runtime_error("the slice never ends");
  return *end_;
}

boundary attentive_listener::wait_for_boundary() {
  std::unique_lock guard{lock_};
  const auto came = [this] { return boundaries_.size() > seen_boundaries_ || end_; };
  if (!changed_.wait_for(guard, patience, came)) throw std::runtime_error("no boundary comes");
  if (boundaries_.size() <= seen_boundaries_) throw std::runtime_error("the slice ended: " + brief(end_->proposed));
  return boundaries_[seen_boundaries_++];
}

program_world::program_world(program_times with) {
  program_host_options options{BATON_GUARD_PROGRAM, path("groups"), with.lease, with.settle};
  host_ = std::make_unique<program_host>(std::move(options));
}

runner_options program_world::shell(const std::string& line) const {
  runner_options how;
  how.type = runner_type::command;
  how.program = line;
  how.shell = true;
  how.workspace_root = path("workspaces").string();
  return how;
}

runner_options program_world::steps() const {
  runner_options how;
  how.type = runner_type::command;
  how.program = test_program("jsonl_steps.py");
  how.mode = runner_mode::jsonl;
  how.workspace_root = path("workspaces").string();
  return how;
}

started_slice program_world::start(const runner_options& how, slice_request request) {
  runners_.push_back(std::make_unique<program_runner>(*host_, how));
  auto ear = std::make_shared<attentive_listener>();
  auto running = runners_.back()->start(request, ear);
  return {ear, std::move(running)};
}

started_slice program_world::start(const runner_options& how, value input) {
  return start(how, request(std::move(input)));
}

slice_request program_world::request(value input) {
  static std::atomic<int> last{0};
  slice_request r;
  r.input.input = std::move(input);
  r.routing.session = *session_id::parse("s1");
  r.routing.run = *task_id::parse("t1");
  r.routing.execution = *execution_id::parse("e" + std::to_string(++last));
  r.routing.epoch = {7};
  r.state.slice = {1};
  return r;
}

value steps(std::vector<value> of) { return {std::move(of)}; }

value step(const std::string& name, value with) { return value::object{{name, std::move(with)}}; }

std::string brief(const outcome& o) {
  if (const auto* c = std::get_if<completed>(&o)) return "completed " + codec::encode_value(c->result, encoding::json);
  if (const auto* f = std::get_if<failed>(&o)) {
    return std::string{to_text(f->code)} + (f->retryable ? " (retryable): " : ": ") + f->text;
  }
  if (std::holds_alternative<yielded>(o)) return "yielded";
  if (std::holds_alternative<cancelled>(o)) return "cancelled";
  return "lost: " + std::get<lost>(o).because;
}

} // namespace baton::support
