#include "tests/simulation/runners.hpp"

#include <utility>
#include <vector>

namespace baton::simulation {
namespace {

/// One slice at work, on a thread of its own.
class performance final : public actor {
public:
  performance(world& in, process& of, const slice_request& request, std::shared_ptr<slice_listener> listener)
      : actor(in, of), request_(request), listener_(std::move(listener)) {
    boundaries_left_ = in.pick(4);
    is_deaf_ = in.one_in(4);
    dies_slowly_ = in.strikes(6);
    hangs_ = in.strikes(25);
    disobeys_ = in.strikes(8);
    for (const auto& said : request_.input.steers) heard_.push_back(said.id);
  }

  void go_on() {
    if (hangs_ && world_.one_in(2)) return;
    post_after(milliseconds{work()}, [this] { at_work(); });
  }
  void answer(const boundary_answer& said) {
    if (is_over_) return;
    for (const auto& one : said.steers) heard_.push_back(one.id);
    switch (said.order) {
    case boundary_order::go_on: return go_on();
    case boundary_order::yield: return end(yielded{"asked"}, true);
    case boundary_order::cancel: return disobeys_ ? go_on() : end(cancelled{"runner", "asked"}, false);
    }
  }
  void ask(boundary_order order) {
    if (!disobeys_) asked_ = order;
  }
  void abort(const std::string& why) {
    const auto wait = dies_slowly_ ? world_.pick(9'000) : world_.pick(20);
    post_after(milliseconds{wait}, [this, why] { end(lost{why}, false); });
  }
  void kill() { end(lost{"the lease is lost"}, false); }
  /// Nobody listens any more.
  void drop() {
    is_over_ = true;
    quit();
  }

private:
  std::uint64_t work() {
    if (!world_.is_storming) return world_.pick(20);
    return world_.one_in(8) ? world_.pick(25'000) : world_.pick(400);
  }

  std::vector<entry> talk(bool may_leave_open) {
    std::vector<entry> said;
    for (auto n = world_.pick(3); n > 0; --n) {
      const auto call = request_.routing.execution.text() + "." + std::to_string(++calls_made_);
      said.push_back({entry_kind::tool_call, {}, {}, false, value::object{{"id", call}, {"name", "look"}}, std::nullopt});
      if (!may_leave_open || !world_.one_in(3)) {
        said.push_back({entry_kind::tool_result, {}, {}, false, value::object{{"id", call}, {"output", "seen"}}, std::nullopt});
      }
      if (world_.one_in(2)) said.push_back({entry_kind::assistant, {}, {}, false, "words", std::nullopt});
    }
    return said;
  }

  std::optional<value> checkpoint() { return value{request_.routing.execution.text() + "@" + std::to_string(++points_made_)}; }

  void at_work() {
    if (is_over_) return;
    if (asked_ == boundary_order::yield) return end(yielded{"asked"}, true);
    if (asked_ == boundary_order::cancel) return end(cancelled{"runner", "asked"}, false);
    if (boundaries_left_ == 0) return end_by_chance();
    boundaries_left_ -= 1;
    boundary at{talk(false), world_.one_in(2) ? checkpoint() : std::nullopt, std::nullopt};
    if (!is_deaf_) at.heard = at.checkpoint ? heard_ : std::vector<task_id>{};
    listener_->at_boundary(std::move(at));
  }

  void end_by_chance() {
    if (!world_.is_storming) return end(completed{"done"}, false);
    const auto kind = world_.pick(20);
    if (kind < 13) return end(completed{"done"}, false);
    if (kind < 15) return end(failed{reason::program_exit, "busy", true}, false);
    if (kind < 16) return end(failed{reason::program_exit, "broken", false}, false);
    if (kind < 18) return end(yielded{"its own wish"}, true);
    if (kind < 19) return end(lost{"it fell silent"}, false);
    end(cancelled{"runner", "its own wish"}, false);
  }

  void end(outcome how, bool with_checkpoint) {
    if (std::exchange(is_over_, true)) return;
    listener_->ended({std::move(how), talk(!with_checkpoint), with_checkpoint ? checkpoint() : std::nullopt});
    quit();
  }

  slice_request request_;
  std::shared_ptr<slice_listener> listener_;
  std::uint64_t boundaries_left_ = 0;
  std::uint64_t calls_made_ = 0;
  std::uint64_t points_made_ = 0;
  std::vector<task_id> heard_;
  std::optional<boundary_order> asked_;
  bool is_deaf_ = false;
  bool dies_slowly_ = false;
  bool hangs_ = false;
  bool disobeys_ = false;
  bool is_over_ = false;
};

class handle final : public running_slice {
public:
  explicit handle(std::shared_ptr<performance> held) : held_(std::move(held)) {}
  ~handle() override { held_->drop(); }
  void answer(boundary_answer said) override {
    held_->post([p = held_.get(), said = std::move(said)] { p->answer(said); });
  }
  void ask(boundary_order order) override {
    held_->post([p = held_.get(), order] { p->ask(order); });
  }
  void abort(lost why) override {
    held_->post([p = held_.get(), why = std::move(why.because)] { p->abort(why); });
  }

private:
  std::shared_ptr<performance> held_;
};

} // namespace

std::unique_ptr<running_slice> chance_runner::start(const slice_request& request, std::shared_ptr<slice_listener> listener) {
  const auto* words = request.input.input.as<std::string>();
  if (words != nullptr && words->find("poison") != std::string::npos && world_.is_storming) {
    world_.told().fault("poison");
    process_.dies_in = 1 + world_.pick(60);
  }
  const auto made = std::make_shared<performance>(world_, process_, request, std::move(listener));
  made->post([p = made.get()] { p->go_on(); });
  kills_.push_back([weak = std::weak_ptr{made}] {
    if (const auto p = weak.lock()) p->kill();
  });
  return std::make_unique<handle>(made);
}

void chance_runner::kill_all() {
  for (const auto& kill : std::exchange(kills_, {})) kill();
}

} // namespace baton::simulation
