#include "bridge/nats/io_loop.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace baton::nats {

io_loop::io_loop() : wakeup_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  if (wakeup_ < 0) throw std::system_error{errno, std::generic_category(), "eventfd"};
  thread_ = std::thread{[this] { run(); }};
}

io_loop::~io_loop() {
  {
    std::unique_lock lock{mutex_};
    rested_.wait(lock, [this] { return !attached_; });
    now_.stop = true;
  }
  wake();
  thread_.join();
  ::close(wakeup_);
}

natsStatus io_loop::serve(natsOptions* options) {
  return natsOptions_SetEventLoop(options, this, on_attach, on_read, on_write, on_detach);
}

/// Also after each reconnect, with the new socket.
natsStatus io_loop::on_attach(void** user, void* loop, natsConnection* connection, natsSock socket) {
  auto& self = *static_cast<io_loop*>(loop);
  *user = loop;
  {
    const std::lock_guard lock{self.mutex_};
    self.now_.connection = connection;
    self.now_.socket = socket;
    self.now_.read = true;
    self.now_.write = false;
    self.attached_ = true;
  }
  self.wake();
  return NATS_OK;
}

// nats.c calls these two with the connection's lock held, so they must not wait for the thread, which takes that lock.

natsStatus io_loop::on_read(void* user, bool add) {
  auto& self = *static_cast<io_loop*>(user);
  const std::lock_guard lock{self.mutex_};
  self.now_.read = add;
  return NATS_OK;
}

natsStatus io_loop::on_write(void* user, bool add) {
  auto& self = *static_cast<io_loop*>(user);
  {
    const std::lock_guard lock{self.mutex_};
    self.now_.write = add;
  }
  if (add && std::this_thread::get_id() != self.thread_.get_id()) self.wake();
  return NATS_OK;
}

/// The connection is closed; after this it may be gone.
natsStatus io_loop::on_detach(void* user) {
  auto& self = *static_cast<io_loop*>(user);
  std::unique_lock lock{self.mutex_};
  self.now_.connection = nullptr; // no further round begins with it
  if (std::this_thread::get_id() != self.thread_.get_id()) self.rested_.wait(lock, [&] { return !self.busy_; });
  self.attached_ = false;
  self.rested_.notify_all();
  return NATS_OK;
}

void io_loop::wake() const {
  constexpr std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wakeup_, &one, sizeof one); // a full counter wakes as well
}

io_loop::order io_loop::begin() {
  const std::lock_guard lock{mutex_};
  busy_ = now_.connection != nullptr;
  return now_;
}

void io_loop::finish_round() {
  if (std::this_thread::get_id() == thread_.get_id()) return;
  std::unique_lock lock{mutex_};
  rested_.wait(lock, [this, seen = rounds_] { return !busy_ || rounds_ != seen; });
}

io_loop::order io_loop::end() {
  const std::lock_guard lock{mutex_};
  busy_ = false;
  ++rounds_;
  rested_.notify_all();
  return now_;
}

bool io_loop::begin_read(const order& seen) {
  const std::lock_guard lock{mutex_};
  busy_ = now_.connection != nullptr && now_.read && now_.socket == seen.socket;
  return busy_;
}

void io_loop::run() {
  while (true) {
    const auto round = begin();
    if (round.stop) return;
    // Most often the socket takes all at once: no need to ask it first.
    if (round.connection != nullptr && round.write) natsConnection_ProcessWriteEvent(round.connection);
    const auto left = end();
    wait_for_work(left, round.write);
  }
}

void io_loop::wait_for_work(const order& left, bool tried_to_write) {
  const bool watched = left.connection != nullptr && left.read;
  const auto events = static_cast<short>(POLLIN | (left.write ? POLLOUT : 0));
  std::array<pollfd, 2> watch{pollfd{wakeup_, POLLIN, 0}, pollfd{watched ? left.socket : -1, events, 0}};
  const bool write_at_once = left.write && !tried_to_write;
  if (::poll(watch.data(), watch.size(), write_at_once ? 0 : -1) < 0) return;
  if (watch[0].revents != 0) {
    std::uint64_t ignored = 0;
    [[maybe_unused]] const auto drained = ::read(wakeup_, &ignored, sizeof ignored);
  }
  if ((watch[1].revents & (POLLIN | POLLHUP | POLLERR)) == 0) return;
  if (begin_read(left)) {
    natsConnection_ProcessReadEvent(left.connection);
    (void)end();
  }
}

} // namespace baton::nats
