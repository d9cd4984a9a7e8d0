#include "bridge/process/program_host.hpp"

#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>

#include "bridge/process/event_loop.hpp"
#include "bridge/process/group_records.hpp"
#include "bridge/process/program_slice.hpp"

namespace baton {

/// What the loop's thread and the callers share. Slices live here from their start to their end; callers hold them weakly,
/// and only look at them on the loop's thread.
class program_host::hall : public std::enable_shared_from_this<program_host::hall> {
public:
  explicit hall(program_host_options options) : options_(std::move(options)) {}

  void open() { loop_ = std::make_unique<event_loop>(); }
  void close();

  /// False: closed. Otherwise `act` is called on the loop's thread.
  bool post(std::function<void(hall&)> act);
  void admit(std::shared_ptr<program_slice> slice, const execution_id& execution);
  void note_renewal(monotonic_instant from);
  void kill_all(const std::string& because, std::chrono::milliseconds patience);

  [[nodiscard]] const program_host_options& options() const { return options_; }

private:
  [[nodiscard]] slice_place place_for(const execution_id& execution);
  void begin(std::uint64_t number, const execution_id& execution);
  void end(std::uint64_t number);

  const program_host_options options_;

  /// Only on the loop's thread.
  std::map<std::uint64_t, std::shared_ptr<program_slice>> slices_;

  std::mutex lock_;
  std::condition_variable ended_;
  std::uint64_t last_number_ = 0;
  /// Admitted and not over.
  std::set<std::uint64_t> open_;
  std::optional<monotonic_instant> lease_end_;
  bool closed_ = false;
  std::unique_ptr<event_loop> loop_;
};

bool program_host::hall::post(std::function<void(hall&)> act) {
  const std::lock_guard guard{lock_};
  if (closed_) return false;
  loop_->post([self = shared_from_this(), act = std::move(act)] { act(*self); });
  return true;
}

void program_host::hall::admit(std::shared_ptr<program_slice> slice, const execution_id& execution) {
  const std::lock_guard guard{lock_};
  const auto number = ++last_number_;
  open_.insert(number);
  loop_->post([self = shared_from_this(), number, slice = std::move(slice), execution] {
    self->slices_.emplace(number, slice);
    self->begin(number, execution);
  });
}

void program_host::hall::begin(std::uint64_t number, const execution_id& execution) {
  auto slice = slices_.at(number);
  slice->begin(*loop_, place_for(execution), [this, number] {
    // Not at once: the slice is in the middle of saying so.
    loop_->post([self = shared_from_this(), number] { self->end(number); });
  });
}

void program_host::hall::end(std::uint64_t number) {
  slices_.erase(number);
  const std::lock_guard guard{lock_};
  open_.erase(number);
  ended_.notify_all();
}

slice_place program_host::hall::place_for(const execution_id& execution) {
  slice_place place;
  place.guard = options_.guard;
  place.record = options_.groups / (execution.text() + std::string{group_record_suffix});
  place.lease = options_.lease;
  place.settle = options_.settle;
  const std::lock_guard guard{lock_};
  place.lease_end = lease_end_;
  return place;
}

void program_host::hall::note_renewal(monotonic_instant from) {
  const auto end = from + options_.lease;
  {
    const std::lock_guard guard{lock_};
    lease_end_ = end;
  }
  post([end](hall& on) {
    for (auto& [number, slice] : on.slices_)
      slice->renew(end);
  });
}

void program_host::hall::kill_all(const std::string& because, std::chrono::milliseconds patience) {
  std::unique_lock guard{lock_};
  if (closed_) return;
  const auto newest = last_number_;
  loop_->post([self = shared_from_this(), because] {
    for (auto& [number, slice] : self->slices_)
      slice->abort({because});
  });
  ended_.wait_for(guard, patience, [&] { return open_.empty() || *open_.begin() > newest; });
}

void program_host::hall::close() {
  // A guard that is stuck is swept away after `settle`; what cannot be killed even then ends with its lease, or never.
  kill_all("the node stops", 3 * options_.settle);
  auto cleared = std::make_shared<std::promise<void>>();
  {
    const std::lock_guard guard{lock_};
    closed_ = true;
    loop_->post([self = shared_from_this(), cleared] {
      self->slices_.clear();
      cleared->set_value();
    });
  }
  // That was the last that the thread does with this.
  cleared->get_future().wait();
  loop_.reset();
}

namespace {

/// What a caller holds. Only ever posts.
class slice_remote final : public running_slice {
public:
  using post_call = std::function<void(std::function<void(program_slice&)>)>;
  explicit slice_remote(post_call post) : post_(std::move(post)) {}
  ~slice_remote() override {
    post_([](program_slice& s) { s.abandon(); });
  }
  slice_remote(const slice_remote&) = delete;
  slice_remote& operator=(const slice_remote&) = delete;

  void answer(boundary_answer said) override {
    post_([said = std::move(said)](program_slice& s) { s.answer(said); });
  }
  void ask(boundary_order order) override {
    post_([order](program_slice& s) { s.ask(order); });
  }
  void abort(baton::lost why) override {
    post_([why = std::move(why)](program_slice& s) { s.abort(why); });
  }

private:
  post_call post_;
};

} // namespace

program_host::program_host(program_host_options options) : hall_(std::make_shared<hall>(std::move(options))) {
  std::filesystem::create_directories(hall_->options().groups);
  std::filesystem::permissions(hall_->options().groups, std::filesystem::perms::owner_all);
  hall_->open();
}

program_host::~program_host() { hall_->close(); }

void program_host::renewed(monotonic_instant from) { hall_->note_renewal(from); }

void program_host::lost() { hall_->kill_all("the node lost its lease", hall_->options().settle); }

std::unique_ptr<running_slice> program_host::start(
    const runner_options& how, const slice_request& request, std::shared_ptr<slice_listener> listener) {
  auto slice = std::make_shared<program_slice>(how, request, std::move(listener));
  const std::weak_ptr<program_slice> seen = slice;
  hall_->admit(std::move(slice), request.routing.execution);
  return std::make_unique<slice_remote>([on = hall_, seen](std::function<void(program_slice&)> act) {
    on->post([seen, act = std::move(act)](hall&) {
      if (const auto still_there = seen.lock()) act(*still_there);
    });
  });
}

} // namespace baton
