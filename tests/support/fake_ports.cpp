#include "tests/support/fake_ports.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace baton::support {
namespace {

std::size_t run_all(std::deque<std::function<void()>>& due) {
  std::size_t calls = 0;
  while (!due.empty()) {
    auto call = std::move(due.front());
    due.pop_front();
    call();
    ++calls;
  }
  return calls;
}

class scripted_slice final : public running_slice {
public:
  explicit scripted_slice(std::shared_ptr<scripted_runner::slice> held) : held_(std::move(held)) {}
  ~scripted_slice() override { held_->destroyed = true; }
  void answer(boundary_answer said) override { held_->answers.push_back(std::move(said)); }
  void ask(boundary_order order) override { held_->asked.push_back(order); }
  void abort(lost why) override {
    held_->aborted = true;
    if (!held_->dies_slowly) held_->listener->ended({std::move(why), {}, std::nullopt});
  }

private:
  std::shared_ptr<scripted_runner::slice> held_;
};

} // namespace

append_result fake_session_log::store(stream_seq expected, commit c) {
  auto& commits = stored_[c.session];
  const auto last = commits.empty() ? stream_seq{} : commits.back().seq;
  if (last < expected) return log_failure::unreachable;
  if (last > expected) return superseded{};
  last_ = next(last_);
  if (c.rolls_up) commits.clear();
  commits.push_back({last_, {}, std::move(c)});
  return appended{last_};
}

void fake_session_log::append(partition_id, stream_seq expected, commit c, std::function<void(append_result)> done) {
  ++appends_;
  append_result result = log_failure::unreachable;
  if (refuse_) {
    result = *std::exchange(refuse_, std::nullopt);
  } else {
    result = store(expected, std::move(c));
    if (std::exchange(lose_ack_, false)) result = log_failure::unreachable;
  }
  due_.push_back([done = std::move(done), result] { done(result); });
}

void fake_session_log::read_last(partition_id, const session_id& session, std::function<void(last_result)> done) {
  due_.push_back([this, session, done = std::move(done)] {
    if (session == unreadable_) return done(unexpected{log_failure::unreadable});
    const auto& commits = stored_[session];
    auto last = commits.empty() ? std::optional<stored_commit>{} : commits.back();
    if (last) last->commit.events.clear();
    done(std::move(last));
  });
}

void fake_session_log::read_entries(partition_id, const session_id& session, stream_seq seq, std::function<void(entries_result)> done) {
  due_.push_back([this, session, seq, done = std::move(done)] {
    if (std::exchange(lose_entries_, false)) return done(unexpected{log_failure::unreachable});
    const auto& commits = stored_[session];
    const auto found = std::ranges::find(commits, seq, &stored_commit::seq);
    if (session == unreadable_ || found == commits.end()) return done(unexpected{log_failure::unreadable});
    done(found->commit.entries);
  });
}

void fake_session_log::forget_entries() {
  for (auto& [session, commits] : stored_) {
    for (auto& stored : commits) stored.commit.entries.clear();
  }
}

std::size_t fake_session_log::run() { return held_ ? 0 : run_all(due_); }

void fake_session_log::write(commit c) {
  const auto& commits = stored_[c.session];
  const auto last = commits.empty() ? stream_seq{} : commits.back().seq;
  store(last, std::move(c));
}

void fake_dead_letters::bury(dead_letter letter, message_kind, std::function<void(bool)> done) {
  if (reachable_ && std::ranges::find(letters_, letter.dedupe, &dead_letter::dedupe) == letters_.end()) letters_.push_back(letter);
  due_.push_back([done = std::move(done), stored = reachable_] { done(stored); });
}

std::size_t fake_dead_letters::run() { return run_all(due_); }

std::unique_ptr<running_slice> scripted_runner::start(const slice_request& request, std::shared_ptr<slice_listener> listener) {
  auto made = std::make_shared<slice>();
  made->request = request;
  made->listener = std::move(listener);
  slices_.push_back(made);
  if (std::exchange(throws_, false)) throw std::runtime_error("the runner is broken");
  return std::make_unique<scripted_slice>(made);
}

scripted_runner::slice& scripted_runner::of(const std::string& run) {
  for (auto at = slices_.rbegin(); at != slices_.rend(); ++at) {
    if ((*at)->request.routing.run.text() == run) return **at;
  }
  throw std::runtime_error("no slice of " + run + " was started");
}

std::size_t scripted_runner::started(const std::string& run) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(slices_, [&](const auto& s) { return s->request.routing.run.text() == run; }));
}

void scripted_runner::end(const std::string& run, outcome proposed) {
  of(run).listener->ended({std::move(proposed), {}, std::nullopt});
}

} // namespace baton::support
