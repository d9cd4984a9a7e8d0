#include "bridge/process/group_records.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <set>
#include <sstream>
#include <system_error>
#include <vector>

#include "bridge/process/deadline.hpp"

namespace baton {

namespace {

namespace fs = std::filesystem;

/// How long guards are asked before they are killed.
constexpr std::chrono::seconds guard_patience{5};

/// Version of the line's form.
constexpr std::string_view record_head = "group-1";

void add_with_descendants(const process_key& root, std::set<process_key>& to) {
  to.insert(root);
  for (const auto& each : descendants_of(root.pid))
    to.insert(each);
}

/// What belongs to the group: by descent from the guard or the program, by the program's session while its leader shows that
/// the number is still his, and by the mark, which also a daemon inherits that left session and parents behind.
std::set<process_key> members_of(const group_record& record) {
  std::set<process_key> members;
  if (runs(record.guard)) add_with_descendants(record.guard, members);
  const bool leader_runs = runs(record.program);
  if (leader_runs) add_with_descendants(record.program, members);
  const auto mark = group_mark(record.guard);
  for (const auto pid : all_processes()) {
    const auto state = read_process(pid);
    if (!state || state->zombie) continue;
    const bool in_session = leader_runs && state->session == record.program.pid;
    if (in_session || environment_holds(pid, mark)) add_with_descendants(state->key, members);
  }
  std::erase_if(members, [](const process_key& each) { return each.pid == ::getpid() || !runs(each); });
  return members;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno != EINTR) return false;
    if (wrote > 0) text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

std::optional<process_key> guard_in(std::string_view mark) {
  std::istringstream numbers{std::string{mark}};
  process_key guard;
  char dot = 0;
  if (!(numbers >> guard.pid >> dot >> guard.started) || dot != '.' || guard.pid <= 1) return std::nullopt;
  return guard;
}

/// What an unreadable record named, as the environment of what still runs of it tells. A record of nothing: nothing does.
group_record record_from_marks(const fs::path& file) {
  const auto mark = group_record_mark(file);
  for (const auto pid : all_processes()) {
    if (!environment_holds(pid, mark)) continue;
    const auto guard = guard_in(environment_value_of(pid, group_mark_name).value_or(""));
    if (guard) return {boot_id(), *guard, {}};
  }
  return {};
}

struct recorded {
  fs::path file;
  group_record group;
  bool readable = true;
};

expected<std::vector<recorded>, std::string> read_records(const fs::path& folder) {
  std::vector<recorded> found;
  std::error_code failure;
  auto entry = fs::directory_iterator(folder, failure);
  if (failure == std::errc::no_such_file_or_directory) return found;
  for (; !failure && entry != fs::directory_iterator{}; entry.increment(failure)) {
    const auto& file = entry->path();
    if (file.extension() != group_record_suffix) continue;
    auto group = read_group_record(file);
    // A guard that ends by itself takes its record away.
    if (!group && !fs::exists(file, failure)) continue;
    found.push_back({file, group ? *group : record_from_marks(file), group.has_value()});
  }
  if (failure) return unexpected{"cannot read " + folder.string() + ": " + failure.message()};
  return found;
}

} // namespace

std::string group_mark(const process_key& guard) {
  return std::string{group_mark_name} + "=" + std::to_string(guard.pid) + "." + std::to_string(guard.started);
}

std::string group_record_mark(const fs::path& file) {
  std::error_code failure;
  const auto path = fs::weakly_canonical(file, failure);
  return std::string{group_record_mark_name} + "=" + (failure ? file : path).string();
}

bool write_group_record(const fs::path& file, const group_record& record) {
  std::ostringstream line;
  line << record_head << ' ' << record.boot << ' ' << record.guard.pid << ' ' << record.guard.started << ' '
       << record.program.pid << ' ' << record.program.started << '\n';
  auto fresh = file;
  fresh += ".new";
  {
    const unique_fd to{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    // No fsync: a record is of use only as long as the machine is not rebooted.
    if (!to || !write_all(to.get(), line.str())) return false;
  }
  return std::rename(fresh.c_str(), file.c_str()) == 0;
}

std::optional<group_record> read_group_record(const fs::path& file) {
  const auto text = read_small_file(file.string());
  if (!text) return std::nullopt;
  std::istringstream line{*text};
  std::string head;
  group_record r;
  line >> head >> r.boot >> r.guard.pid >> r.guard.started >> r.program.pid >> r.program.started;
  // 0, 1 and negative numbers would name whole groups, or everything.
  if (!line || head != record_head || r.guard.pid <= 1 || r.program.pid <= 1) return std::nullopt;
  return r;
}

std::size_t kill_what_runs_of(const group_record& record, to_guard how) {
  if (record.boot != boot_id()) return 0;
  const auto members = members_of(record);
  for (const auto& each : members) {
    if (each != record.guard) signal_process(each, SIGKILL);
  }
  if (members.contains(record.guard)) {
    signal_process(record.guard, how == to_guard::kill ? SIGKILL : SIGTERM);
    // Somebody may have stopped it.
    signal_process(record.guard, SIGCONT);
  }
  return members.size();
}

expected<groups_ended, std::string> kill_recorded_groups(const fs::path& folder, std::chrono::milliseconds patience) {
  auto records = read_records(folder);
  if (!records) return unexpected{std::move(records).error()};
  groups_ended ended;
  for (const auto& each : *records) {
    if (!each.readable) ended.unreadable.push_back(each.file);
  }
  std::set<fs::path> ran;
  // Each round tells all to die before any is waited for.
  const deadline asked{guard_patience};
  const auto is_gone = [&](const recorded& each) {
    if (kill_what_runs_of(each.group, asked.passed() ? to_guard::kill : to_guard::ask) > 0) {
      ran.insert(each.file);
      return false;
    }
    std::error_code failure;
    fs::remove(each.file, failure);
    return true;
  };
  const bool all_gone = wait_until(patience, [&] {
    std::erase_if(*records, is_gone);
    return records->empty();
  });
  ended.count = ran.size();
  if (all_gone) return ended;
  std::string text = "programs of an earlier node cannot be killed:";
  for (const auto& each : *records)
    text += " " + std::to_string(each.group.program.pid);
  return unexpected{std::move(text)};
}

} // namespace baton
