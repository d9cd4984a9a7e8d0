#include "bridge/process/server_life.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

#include "bridge/process/deadline.hpp"
#include "bridge/process/environment.hpp"
#include "bridge/process/group_records.hpp"
#include "bridge/process/guard_wire.hpp"

namespace baton {

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

/// What is killed is gone at once, but for processes that hang in the kernel.
constexpr milliseconds kill_patience{10'000};
constexpr std::streamoff log_tail_max = 16L * 1024;

fs::path record_of(const fs::path& folder) { return folder / "server.group"; }

std::string because(const std::string& what, int number) {
  return what + ": " + std::generic_category().message(number);
}

/// Held open for reading too, so that opening does not wait for the guard, and writing never ends this process.
unique_fd open_lease(const fs::path& folder) {
  const auto file = folder / "lease";
  std::error_code failure;
  if (!fs::is_fifo(file, failure)) {
    fs::remove(file, failure);
    if (::mkfifo(file.c_str(), 0600) != 0) return unique_fd{};
  }
  return unique_fd{::open(file.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)};
}

bool ends_within(int watch, milliseconds patience) {
  pollfd on{.fd = watch, .events = POLLIN, .revents = 0};
  return ::poll(&on, 1, static_cast<int>(patience.count())) == 1;
}

bool kill_all_of(const group_record& record) {
  const deadline asked{kill_patience / 2};
  return wait_until(
      kill_patience, [&] { return kill_what_runs_of(record, asked.passed() ? to_guard::kill : to_guard::ask) == 0; });
}

std::vector<std::string> base_environment() {
  std::vector<std::string> settings;
  for (const std::string_view name : {"PATH", "HOME", "LANG", "TZ"}) {
    if (const auto held = environment_value(name)) settings.push_back(std::string{name} + "=" + *held);
  }
  return settings;
}

std::string tail_of_file(const fs::path& file, std::uintmax_t begin) {
  std::ifstream in{file, std::ios::binary | std::ios::ate};
  if (!in) return {};
  const auto size = static_cast<std::streamoff>(in.tellg());
  const auto from = std::max({static_cast<std::streamoff>(begin), size - log_tail_max, std::streamoff{0}});
  in.seekg(from);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

} // namespace

expected<server_life, std::string> server_life::begin(const server_start& with) {
  server_life life;
  life.folder_ = with.folder;
  life.lease_ = open_lease(with.folder);
  if (!life.lease_) return unexpected{because("cannot make " + (with.folder / "lease").string(), errno)};
  const unique_fd out{::open((with.folder / "server.out").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!out) return unexpected{because("cannot write " + (with.folder / "server.out").string(), errno)};
  std::error_code none_yet;
  const auto logged = fs::file_size(with.folder / "server.log", none_yet);
  life.log_begin_ = none_yet ? 0 : logged;
  auto child = launch(
      {.command = {with.guard.string(), "--lease-fifo", (with.folder / "lease").string(), "--lease-ms",
           std::to_string(with.outlive.count()), "--settle-ms", std::to_string(with.stop_patience.count()), "--record",
           record_of(with.folder).string(), "--", with.program.string(), "-c", (with.folder / "server.conf").string()},
          .environment = base_environment(),
          .folder = with.folder,
          .out = out.get(),
          .err = out.get()});
  if (!child) return unexpected{because("cannot start " + with.guard.string(), child.error())};
  life.guard_ = child->key;
  life.watch_ = unique_fd{::fcntl(child->watch.get(), F_DUPFD_CLOEXEC, 3)};
  life.child_ = std::move(*child);
  return life;
}

std::optional<server_life> server_life::take_over(const fs::path& folder) {
  const auto record = read_group_record(record_of(folder));
  if (!record || record->boot != boot_id() || !runs(record->program)) return std::nullopt;
  server_life life;
  life.folder_ = folder;
  life.guard_ = record->guard;
  life.watch_ = watch_process(record->guard);
  life.lease_ = open_lease(folder);
  if (!life.watch_ || !life.lease_) return std::nullopt;
  std::error_code failure;
  life.log_begin_ = fs::file_size(folder / "server.log", failure);
  // Its guard stops counting.
  (void)!::write(life.lease_.get(), &guard_wire::attached, 1);
  return life;
}

bool server_life::clear(const fs::path& folder, milliseconds patience) {
  const auto record = read_group_record(record_of(folder));
  if (!record || record->boot != boot_id()) return true;
  if (const auto watch = watch_process(record->program)) {
    signal_process(record->program, SIGTERM);
    (void)ends_within(watch.get(), patience);
  }
  return kill_all_of(*record);
}

bool server_life::has_ended() const { return ends_within(watch_.get(), milliseconds{0}); }

void server_life::end(milliseconds patience) {
  (void)!::write(lease_.get(), &guard_wire::terminate, 1);
  if (!ends_within(watch_.get(), patience)) {
    (void)!::write(lease_.get(), &guard_wire::kill, 1);
    (void)ends_within(watch_.get(), kill_patience);
  }
  // A guard that was killed, or hangs, has left its record.
  if (const auto record = read_group_record(record_of(folder_))) (void)kill_all_of(*record);
  if (child_) (void)wait_until(kill_patience, [this] { return collect(*child_).has_value(); });
}

std::string server_life::last_words() const {
  std::istringstream log{tail_of_file(folder_ / "server.log", log_begin_)};
  std::string telling;
  std::string last;
  for (std::string line; std::getline(log, line);) {
    if (line.find("[FTL]") != std::string::npos || line.find("[ERR]") != std::string::npos) telling = line;
    if (!line.empty()) last = line;
  }
  if (!telling.empty()) return telling;
  std::istringstream said{tail_of_file(folder_ / "server.out", 0)};
  for (std::string line; std::getline(said, line);) {
    if (!line.empty()) telling = line;
  }
  return telling.empty() ? last : telling;
}

} // namespace baton
