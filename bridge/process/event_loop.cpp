#include "bridge/process/event_loop.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <system_error>
#include <utility>
#include <vector>

#include "bridge/process/unique_fd.hpp"

namespace baton {

namespace {

void check(int result, const char* what) {
  if (result != 0) throw std::system_error(-result, std::generic_category(), what);
}

/// What libuv opens for the first loop of a process. Without room for that it aborts, so it is asked before.
constexpr std::size_t descriptors_needed = 8;

void check_room_for_descriptors() {
  std::array<unique_fd, descriptors_needed> tried;
  for (auto& each : tried) {
    each = unique_fd{::eventfd(0, EFD_CLOEXEC)};
    if (!each) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
}

} // namespace

event_loop::event_loop() {
  check_room_for_descriptors();
  check(::uv_loop_init(&loop_), "uv_loop_init");
  wake_ = new uv_async_t;
  wake_->data = this;
  check(::uv_async_init(&loop_, wake_, [](uv_async_t* a) { static_cast<event_loop*>(a->data)->do_posted(); }),
      "uv_async_init");
  thread_ = std::thread{[this] { run(); }};
}

event_loop::~event_loop() {
  {
    const std::lock_guard guard{lock_};
    stopping_ = true;
  }
  ::uv_async_send(wake_);
  thread_.join();
  ::uv_loop_close(&loop_);
}

void event_loop::post(std::function<void()> task) {
  {
    const std::lock_guard guard{lock_};
    posted_.push_back(std::move(task));
  }
  ::uv_async_send(wake_);
}

void event_loop::run() {
  // Signals are for other threads; above all, a program that closes its stdin must not end the node by SIGPIPE.
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  ::uv_run(&loop_, UV_RUN_DEFAULT);
}

void event_loop::do_posted() {
  std::vector<std::function<void()>> tasks;
  bool is_more = false;
  bool last = false;
  {
    const std::lock_guard guard{lock_};
    const auto end = posted_.begin() + static_cast<std::ptrdiff_t>(std::min(posted_.size(), posted_per_turn));
    tasks.assign(std::make_move_iterator(posted_.begin()), std::make_move_iterator(end));
    posted_.erase(posted_.begin(), end);
    is_more = !posted_.empty();
    last = stopping_ && !is_more;
  }
  for (auto& task : tasks)
    task();
  if (is_more) ::uv_async_send(wake_);
  if (!last) return;
  ::uv_close(reinterpret_cast<uv_handle_t*>(wake_), [](uv_handle_t* h) { delete reinterpret_cast<uv_async_t*>(h); });
}

loop_timer::loop_timer(event_loop& on, std::function<void()> then) : then_(std::move(then)), timer_(new uv_timer_t) {
  ::uv_timer_init(on.loop(), timer_.get());
  timer_->data = this;
}

void loop_timer::set(std::chrono::milliseconds from_now) {
  const auto ms = static_cast<std::uint64_t>(std::max<std::chrono::milliseconds::rep>(from_now.count(), 0));
  // libuv counts from the beginning of this turn of the loop.
  ::uv_update_time(timer_->loop);
  ::uv_timer_start(timer_.get(), [](uv_timer_t* t) { static_cast<loop_timer*>(t->data)->then_(); }, ms, 0);
}

void loop_timer::stop() { ::uv_timer_stop(timer_.get()); }

bool loop_timer::is_set() const { return ::uv_is_active(reinterpret_cast<const uv_handle_t*>(timer_.get())) != 0; }

} // namespace baton
