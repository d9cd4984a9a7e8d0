#include "tests/ports/process_guard_fixture.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <stdexcept>

#include "bridge/process/deadline.hpp"
#include "bridge/process/environment.hpp"
#include "tests/support/system_clock.hpp"

namespace baton::support {

namespace {

using std::chrono::milliseconds;

launched start(const guarded::order& o, int lease_fd, int status_fd) {
  launch_order l{.command = {BATON_GUARD_PROGRAM, "--lease-fd", std::to_string(lease_fd), "--status-fd",
                     std::to_string(status_fd), "--lease-ms", std::to_string(o.lease.count())},
      .environment = whole_environment(),
      .folder = "/",
      .keep = {lease_fd, status_fd}};
  l.command.insert(l.command.end(), o.more.begin(), o.more.end());
  l.command.emplace_back("--");
  l.command.insert(l.command.end(), o.command.begin(), o.command.end());
  auto child = launch(l);
  if (!child) throw std::runtime_error("the guard cannot be started");
  return std::move(*child);
}

} // namespace

std::string test_program(const std::string& name) { return std::string{BATON_TEST_PROGRAMS} + "/" + name; }

process_key process_in(const std::filesystem::path& file) {
  if (!appears(file)) throw std::runtime_error(file.string() + " does not appear");
  const auto pid = std::stoi(read_small_file(file.string()).value_or(""));
  const auto state = read_process(pid);
  return state ? state->key : process_key{pid, 0};
}

bool has_ended(const process_key& process) {
  return wait_until(patience, [&] { return !runs(process); });
}

bool appears(const std::filesystem::path& file) {
  return wait_until(patience, [&] { return std::filesystem::exists(file); });
}

guarded::guarded(const order& o) : lease_time_(o.lease) {
  auto lease = make_pipe();
  auto status = make_pipe();
  if (!lease || !status) throw std::runtime_error("no pipe");
  child_ = start(o, lease->read.get(), status->write.get());
  lease_ = std::move(lease->write);
  status_ = std::move(status->read);
}

guarded::~guarded() {
  lease_.reset();
  if (child_.watch && !wait_until(patience, [&] { return !runs(child_.key); })) signal_process(child_.key, SIGKILL);
  (void)wait_until(patience, [&] { return collect(child_).has_value(); });
}

void guarded::send(std::string_view bytes) { (void)!::write(lease_.get(), bytes.data(), bytes.size()); }

monotonic_instant guarded::now() { return system_clock{}.monotonic_now(); }

bool guarded::read_line(milliseconds longest) {
  pollfd on{.fd = status_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&on, 1, static_cast<int>(longest.count())) != 1) return false;
  char byte = 0;
  while (::read(status_.get(), &byte, 1) == 1) {
    if (byte == '\n') {
      said_.push_back(std::exchange(partial_, {}));
      return true;
    }
    partial_ += byte;
  }
  closed_ = true;
  return false;
}

std::optional<std::string> guarded::renew_until(guard_wire::word word) {
  const std::string head{guard_wire::to_text(word)};
  const deadline end{patience};
  while (!closed_) {
    send(guard_wire::renewal(now() + lease_time_));
    if (read_line(milliseconds{50}) && (said_.back() + " ").starts_with(head + " ")) {
      return said_.back().size() > head.size() ? said_.back().substr(head.size() + 1) : "";
    }
    if (end.passed()) throw std::runtime_error("the guard never says " + head);
  }
  return std::nullopt;
}

std::optional<std::string> guarded::wait_for(guard_wire::word word) {
  const std::string head{guard_wire::to_text(word)};
  const deadline end{patience};
  while (!closed_) {
    if (read_line(end.left()) && (said_.back() + " ").starts_with(head + " ")) {
      return said_.back().size() > head.size() ? said_.back().substr(head.size() + 1) : "";
    }
    if (end.passed()) throw std::runtime_error("the guard never says " + head);
  }
  return std::nullopt;
}

process_key guarded::program() {
  const auto pid = wait_for(guard_wire::word::started);
  if (!pid) throw std::runtime_error("the program does not start");
  const auto state = read_process(std::stoi(*pid));
  return state ? state->key : process_key{std::stoi(*pid), 0};
}

} // namespace baton::support
