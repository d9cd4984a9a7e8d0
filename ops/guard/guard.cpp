#include "ops/guard/guard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>
#include <vector>

#include "bridge/process/environment.hpp"

namespace baton {

namespace {

using guard_wire::cause;
using guard_wire::word;
using std::chrono::milliseconds;

/// A program that allocates faster than this may for a moment hold more than its limit.
constexpr milliseconds memory_check_every{100};
/// How often what refuses to be gone is killed again.
constexpr milliseconds kill_every{20};

void close_all_but(int a, int b) {
  const auto low = static_cast<unsigned>(std::clamp(std::min(a, b), 2, 1 << 30));
  const auto high = static_cast<unsigned>(std::max({a, b, 2}));
  const auto close_from = [](unsigned first, unsigned last) {
    if (first <= last) ::close_range(first, last, 0);
  };
  if (low > 3) close_from(3, low - 1);
  if (high > low + 1) close_from(std::max(3U, low + 1), high - 1);
  close_from(high + 1, ~0U);
}

void close_on_exec(int fd) {
  if (fd >= 0) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/// Before the guard opens anything of its own.
guard_settings with_nothing_else_open(guard_settings settings) {
  close_all_but(settings.lease_fd, settings.status_fd);
  close_on_exec(settings.lease_fd);
  close_on_exec(settings.status_fd);
  return settings;
}

void on_broken_pipe(void (*what)(int)) {
  struct sigaction action{};
  action.sa_handler = what;
  ::sigaction(SIGPIPE, &action, nullptr);
}

/// Only the program should keep its pipes open.
void forget_standard_streams() {
  const unique_fd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  if (!null) return;
  for (int fd = 0; fd <= 2; ++fd)
    ::dup2(null.get(), fd);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (auto& text : texts)
    pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

} // namespace

guard::guard(guard_settings settings)
    : settings_(with_nothing_else_open(std::move(settings))), lease_(settings_.lease_fd), status_(settings_.status_fd) {
  lease_end_.disarm();
  memory_check_.disarm();
}

int guard::run() {
  if (!prepare() || !fork_program()) {
    report(word::not_started, errno);
    report(word::gone);
    return 1;
  }
  forget_standard_streams();
  while (!over_)
    wait_for_something();
  kill_everything();
  if (!settings_.record.empty()) ::unlink(settings_.record.c_str());
  report(word::gone);
  return 0;
}

bool guard::prepare() {
  const auto self = read_process(::getpid());
  if (!self) return false;
  self_ = self->key;
  sigset_t heard;
  ::sigemptyset(&heard);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP})
    ::sigaddset(&heard, signal);
  ::sigprocmask(SIG_SETMASK, &heard, nullptr);
  on_broken_pipe(SIG_IGN);
  signals_ = unique_fd{::signalfd(-1, &heard, SFD_CLOEXEC | SFD_NONBLOCK)};
  // Orphans of the program become children of the guard, whatever they did to get away.
  if (!signals_ || ::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return false;
  // What runs as somebody else could not be killed, and would shed PR_SET_PDEATHSIG.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  if (settings_.memory_max > 0) memory_check_.restart(memory_check_every);
  if (!settings_.lease_fifo.empty()) return open_fifo();
  ::fcntl(lease_.get(), F_SETFL, O_NONBLOCK);
  if (settings_.lease_end) {
    lease_end_.end_at(*settings_.lease_end);
  } else {
    lease_end_.restart(settings_.lease);
  }
  return true;
}

/// A fresh descriptor hears the next node; one whose writer has left would report that for ever.
bool guard::open_fifo() {
  lease_ = unique_fd{::open(settings_.lease_fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  return static_cast<bool>(lease_);
}

bool guard::fork_program() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return false;
  start_ = unique_fd{pair[0]};
  unique_fd childs_end{pair[1]};
  program_ = ::fork();
  if (program_ < 0) {
    program_ = 0;
    return false;
  }
  if (program_ == 0) {
    start_.reset();
    become_program(childs_end.get());
  }
  started_as_ = program_;
  childs_end.reset();
  let_go();
  return true;
}

/// In the child.
void guard::become_program(int start_fd) const {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The guard may have been killed before the line above: then nobody would send that signal.
  if (::getppid() != self_.pid) ::_exit(127);
  char go = 0;
  // No byte: the guard is gone, or changed its mind.
  if (::read(start_fd, &go, 1) != 1) ::_exit(127);
  on_broken_pipe(SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  auto command = settings_.command;
  auto environment = whole_environment();
  // An outer guard's.
  std::erase_if(environment, [](const std::string& each) {
    const auto name = std::string_view{each}.substr(0, each.find('='));
    return name == group_mark_name || name == group_record_mark_name;
  });
  environment.push_back(group_mark(self_));
  if (!settings_.record.empty()) environment.push_back(group_record_mark(settings_.record));
  ::execvpe(command[0].c_str(), pointers_to(command).data(), pointers_to(environment).data());
  const int why = errno;
  (void)!::write(start_fd, &why, sizeof why);
  ::_exit(127);
}

/// The program begins only when it is written down, and its node still there.
void guard::let_go() {
  const auto program = read_process(program_);
  const bool recorded =
      settings_.record.empty() || (program && write_group_record(settings_.record, {boot_id(), self_, program->key}));
  if (!recorded) {
    report(word::not_started, errno);
    start_.reset();
    over_ = true;
    return;
  }
  hear_lease();
  if (!over_ && lease_end_.passed()) lease_ended(cause::lease_silent);
  // Whoever reads the records of dead nodes may have read them already: nothing begins after its node.
  if (told_to_leave_) over_ = true;
  if (!over_) (void)!::write(start_.get(), ".", 1);
}

void guard::hear_start() {
  int why = 0;
  const auto got = ::read(start_.get(), &why, sizeof why);
  start_.reset();
  begun_ = got != sizeof why;
  if (begun_) {
    report(word::started, started_as_);
  } else {
    report(word::not_started, why);
    over_ = true;
  }
}

void guard::wait_for_something() {
  std::array<pollfd, 5> on{{{lease_end_.fd(), POLLIN, 0}, {lease_.get(), POLLIN, 0}, {start_.get(), POLLIN, 0},
      {memory_check_.fd(), POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
  if (::poll(on.data(), on.size(), -1) < 0) return;
  // First, so that a guard that stood still does not take an old renewal for a new one.
  if (on[0].revents != 0 && lease_end_.passed()) lease_ended(cause::lease_silent);
  if (!over_ && on[1].revents != 0) hear_lease();
  if (!over_ && on[2].revents != 0) hear_start();
  if (!over_ && on[3].revents != 0) check_memory();
  if (!over_ && on[4].revents != 0) hear_signal();
}

void guard::hear_lease() {
  std::array<char, 256> bytes{};
  const auto got = ::read(lease_.get(), bytes.data(), bytes.size());
  if (got < 0) return;
  const bool by_fifo = !settings_.lease_fifo.empty();
  if (got == 0 && by_fifo) {
    if (!open_fifo()) return lease_ended(cause::lease_closed);
    if (!told_to_leave_) lease_end_.restart(settings_.lease);
    return;
  }
  if (got == 0) return lease_ended(cause::lease_closed);
  for (const char byte : std::string_view{bytes.data(), static_cast<std::size_t>(got)})
    take(byte);
}

void guard::take(char byte) {
  if (lease_ends_) {
    if (byte != guard_wire::lease_ends_stop) {
      lease_ends_ = *lease_ends_ * 10 + (byte - '0');
      return;
    }
    const monotonic_instant end{milliseconds{*std::exchange(lease_ends_, std::nullopt)}};
    if (!told_to_leave_) lease_end_.end_at(end);
    return;
  }
  if (byte == guard_wire::lease_ends) lease_ends_ = 0;
  if (byte == guard_wire::terminate) terminate_program();
  if (byte == guard_wire::kill) {
    killed_for_ = cause::told;
    over_ = true;
  }
  if (byte == guard_wire::attached && !told_to_leave_) lease_end_.disarm();
}

void guard::lease_ended(cause why) {
  if (settings_.settle.count() == 0 || told_to_leave_) {
    killed_for_ = why;
    over_ = true;
    return;
  }
  told_to_leave_ = true;
  terminate_program();
  lease_end_.restart(settings_.settle);
}

void guard::hear_signal() {
  if (empty_signals()) {
    killed_for_ = cause::signal;
    over_ = true;
  }
  reap();
}

/// True: one of them asks the guard to end.
bool guard::empty_signals() const {
  bool asked = false;
  signalfd_siginfo heard{};
  while (::read(signals_.get(), &heard, sizeof heard) == sizeof heard)
    asked = asked || heard.ssi_signo != SIGCHLD;
  return asked;
}

/// Takes notice of every child that has ended, the program's orphans among them.
void guard::reap() {
  int status = 0;
  for (pid_t ended = 0; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (ended != program_) continue;
    program_ = 0;
    over_ = true;
    if (start_) hear_start();
    if (!begun_) continue;
    if (WIFSIGNALED(status)) {
      report(word::signalled, WTERMSIG(status));
    } else {
      report(word::exited, WEXITSTATUS(status));
    }
  }
}

/// Memory really held, by all together: a limit on the address space (RLIMIT_AS) would stop programs that reserve much and use
/// little (node, Java, Go), and would let ten processes use ten times as much.
void guard::check_memory() {
  memory_check_.restart(memory_check_every);
  if (resident_bytes(descendants_of(self_.pid), settings_.memory_max) <= settings_.memory_max) return;
  killed_for_ = cause::memory;
  over_ = true;
}

void guard::terminate_program() const {
  // Not reaped, so the number is still its own.
  if (program_ > 0) ::kill(-program_, SIGTERM);
}

/// The guard is a subreaper: as long as anything of the program is left, however it hides, the guard has a child.
void guard::kill_everything() {
  // Not known to have begun: nobody is told how it ended.
  start_.reset();
  if (killed_for_) report(word::killed, guard_wire::to_text(*killed_for_));
  for (;;) {
    // All of the group at once: it cannot outrun this by forking.
    if (program_ > 0) ::kill(-program_, SIGKILL);
    bool outrun = false;
    for (const auto& each : descendants_of(self_.pid)) {
      // Ended by itself between look and kill: perhaps it left a child behind that has not been seen.
      if (!signal_process(each, SIGKILL) && !runs(each)) outrun = true;
    }
    reap();
    siginfo_t left{};
    if (::waitid(P_ALL, 0, &left, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD) return;
    if (outrun) continue;
    pollfd ended{.fd = signals_.get(), .events = POLLIN, .revents = 0};
    ::poll(&ended, 1, static_cast<int>(kill_every.count()));
    (void)empty_signals();
  }
}

void guard::report(word what, std::optional<std::string_view> with) const {
  if (!status_) return;
  std::string line{guard_wire::to_text(what)};
  if (with) line.append(" ").append(*with);
  line += '\n';
  // A node that is gone does not listen; the guard goes on.
  (void)!::write(status_.get(), line.data(), line.size());
}

void guard::report(word what, int with) const { report(what, std::to_string(with)); }

} // namespace baton
