#include "bridge/process/processes.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <map>
#include <system_error>

namespace baton {

namespace {

namespace fs = std::filesystem;

std::string proc(pid_t pid, std::string_view file) { return "/proc/" + std::to_string(pid) + "/" + std::string{file}; }

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number n{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (failure != std::errc{} || end == text.data()) return std::nullopt;
  return n;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; (at = text.find_first_not_of(" \n\t", at)) != std::string_view::npos;) {
    const auto end = std::min(text.find_first_of(" \n\t", at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

/// Some kernels are built without the `children` files; then every process is looked at.
bool kernel_lists_children() {
  static const bool lists = ::access("/proc/thread-self/children", R_OK) == 0;
  return lists;
}

void add_listed_children(pid_t pid, std::vector<pid_t>& to) {
  std::error_code gone;
  for (auto thread = fs::directory_iterator(proc(pid, "task"), gone); !gone && thread != fs::directory_iterator{};
      thread.increment(gone)) {
    const auto text = read_small_file(thread->path().string() + "/children");
    if (!text) continue;
    for (const auto word : words_of(*text)) {
      if (const auto child = number_in<pid_t>(word)) to.push_back(*child);
    }
  }
}

std::multimap<pid_t, pid_t> children_by_parent() {
  std::multimap<pid_t, pid_t> children;
  for (const auto pid : all_processes()) {
    if (const auto state = read_process(pid)) children.emplace(state->parent, pid);
  }
  return children;
}

std::uint64_t page_bytes() {
  static const auto size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

/// The first setting of the process's environment that is `wanted`.
std::optional<std::string> find_setting(pid_t pid, const std::function<bool(std::string_view)>& wanted) {
  const auto text = read_small_file(proc(pid, "environ"));
  if (!text) return std::nullopt;
  for (std::string_view rest{*text}; !rest.empty();) {
    const auto end = std::min(rest.find('\0'), rest.size());
    const auto setting = rest.substr(0, end);
    if (wanted(setting)) return std::string{setting};
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return std::nullopt;
}

/// Shared pages count in full.
std::uint64_t resident_at_most(pid_t pid) {
  const auto text = read_small_file(proc(pid, "statm"));
  if (!text) return 0;
  const auto words = words_of(*text);
  return words.size() < 2 ? 0 : number_in<std::uint64_t>(words[1]).value_or(0) * page_bytes();
}

/// Of a page that n processes share, 1/n.
std::optional<std::uint64_t> proportional(pid_t pid) {
  const auto text = read_small_file(proc(pid, "smaps_rollup"));
  if (!text) return std::nullopt;
  const auto at = text->find("\nPss:");
  if (at == std::string::npos) return std::nullopt;
  const auto words = words_of(std::string_view{*text}.substr(at + 5));
  const auto kib = words.empty() ? std::nullopt : number_in<std::uint64_t>(words[0]);
  return kib ? std::optional{*kib * 1024} : std::nullopt;
}

} // namespace

std::optional<std::string> read_small_file(const std::string& path) {
  const unique_fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 4096> chunk{};
  for (;;) {
    const auto got = ::read(file.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

std::optional<process_state> read_process(pid_t pid) {
  const auto text = read_small_file(proc(pid, "stat"));
  if (!text) return std::nullopt;
  // The name, in brackets, may hold spaces and brackets itself: what follows the last one is numbers.
  const auto end_of_name = text->rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  const auto words = words_of(std::string_view{*text}.substr(end_of_name + 1));
  if (words.size() < 20) return std::nullopt;
  const auto parent = number_in<pid_t>(words[1]);
  const auto group = number_in<pid_t>(words[2]);
  const auto session = number_in<pid_t>(words[3]);
  const auto started = number_in<std::uint64_t>(words[19]);
  if (!parent || !group || !session || !started) return std::nullopt;
  return process_state{.key = {pid, *started},
      .parent = *parent,
      .group = *group,
      .session = *session,
      // A process whose first thread has ended shows as a zombie too, while its other threads run on.
      .zombie = (words[0] == "Z" && number_in<int>(words[17]).value_or(1) <= 1) || words[0] == "X"};
}

bool runs(const process_key& key) {
  const auto state = read_process(key.pid);
  return state && state->key == key && !state->zombie;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> found;
  std::error_code failure;
  for (auto entry = fs::directory_iterator("/proc", failure); !failure && entry != fs::directory_iterator{};
      entry.increment(failure)) {
    const auto name = entry->path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (const auto pid = number_in<pid_t>(name)) found.push_back(*pid);
  }
  return found;
}

std::vector<process_key> descendants_of(pid_t root) {
  const bool listed = kernel_lists_children();
  const auto by_parent = listed ? std::multimap<pid_t, pid_t>{} : children_by_parent();
  std::vector<process_key> found;
  std::vector<pid_t> pending{root};
  while (!pending.empty()) {
    const auto parent = pending.back();
    pending.pop_back();
    std::vector<pid_t> children;
    if (listed) {
      add_listed_children(parent, children);
    } else {
      const auto [first, last] = by_parent.equal_range(parent);
      for (auto at = first; at != last; ++at)
        children.push_back(at->second);
    }
    for (const auto child : children) {
      const auto state = read_process(child);
      if (!state || state->zombie || state->parent != parent) continue;
      found.push_back(state->key);
      pending.push_back(child);
    }
  }
  return found;
}

unique_fd watch_child(pid_t child) {
  // By number: the C library's own declarations of these calls (2.36) are not usable from C++.
  return unique_fd{static_cast<int>(::syscall(SYS_pidfd_open, child, 0))};
}

unique_fd watch_process(const process_key& key) {
  auto watch = watch_child(key.pid);
  // Opened first and compared afterwards: from here on the descriptor stands for one process, whoever gets the pid next.
  return watch && runs(key) ? std::move(watch) : unique_fd{};
}

bool signal_process(const process_key& key, int signal) {
  const auto target = watch_process(key);
  return target && ::syscall(SYS_pidfd_send_signal, target.get(), signal, nullptr, 0) == 0;
}

std::uint64_t resident_bytes(const std::vector<process_key>& processes, std::uint64_t limit) {
  std::uint64_t at_most = 0;
  for (const auto& each : processes)
    at_most += resident_at_most(each.pid);
  if (at_most <= limit) return at_most;
  std::uint64_t exact = 0;
  for (const auto& each : processes) {
    const auto part = proportional(each.pid);
    exact += part ? *part : resident_at_most(each.pid);
  }
  return exact;
}

bool environment_holds(pid_t pid, std::string_view setting) {
  return find_setting(pid, [setting](std::string_view each) { return each == setting; }).has_value();
}

std::optional<std::string> environment_value_of(pid_t pid, std::string_view name) {
  const auto begin = std::string{name} + "=";
  auto setting = find_setting(pid, [&begin](std::string_view each) { return each.starts_with(begin); });
  if (setting) setting->erase(0, begin.size());
  return setting;
}

std::string boot_id() {
  auto text = read_small_file("/proc/sys/kernel/random/boot_id").value_or("");
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  return text;
}

} // namespace baton
