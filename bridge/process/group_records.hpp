// What a guard writes down about the program that it runs, so that whoever comes after a killed node can end what is left:
// the guard, the program, and all that came from it. A record names processes by pid, start time and boot, and its group by a
// mark in the environment; what carries neither is never touched.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/process/processes.hpp"
#include "messages/expected.hpp"

namespace baton {

/// One file, one line.
struct group_record {
  /// Of the boot that the keys belong to.
  std::string boot;
  process_key guard;
  /// Leads its own session and process group, both with its pid as their number.
  process_key program;
  friend bool operator==(const group_record&, const group_record&) = default;
};

/// Environment variable of every guarded program; its value names the guard.
inline constexpr std::string_view group_mark_name = "BATON_GROUP";
/// "BATON_GROUP=<guard's pid>.<guard's start>".
[[nodiscard]] std::string group_mark(const process_key& guard);

/// The same for the record's file: so what it names is found also when it cannot be read, as after a power cut, which leaves
/// files of earlier boots empty.
inline constexpr std::string_view group_record_mark_name = "BATON_GROUP_RECORD";
/// "BATON_GROUP_RECORD=<canonical path>".
[[nodiscard]] std::string group_record_mark(const std::filesystem::path& file);

/// Records end in this; other files in the folder are left alone.
inline constexpr std::string_view group_record_suffix = ".group";
/// Whole or not at all, also if the writer is killed in between. False: it could not be written; errno says why.
[[nodiscard]] bool write_group_record(const std::filesystem::path& file, const group_record& record);
/// Nothing: there is no such file, or it is no record.
[[nodiscard]] std::optional<group_record> read_group_record(const std::filesystem::path& file);

/// A guard that is alive knows best what came from its program, so it is asked to end all that and itself; without it, what
/// carries no mark any more is out of sight.
enum class to_guard : std::uint8_t { ask, kill };
/// Kills, once, what of the group runs now, and says how much that was. 0: nothing of it is left.
[[nodiscard]] std::size_t kill_what_runs_of(const group_record& record, to_guard how);

struct groups_ended {
  /// Those of which something still ran.
  std::size_t count = 0;
  /// Records that could not be read. What still carried their mark is ended as well, and they are gone.
  std::vector<std::filesystem::path> unreadable;
};

/// Ends every group that is recorded in `folder` and removes its record; of another boot nothing runs. To be called while
/// nobody else can start groups there (the data directory is locked), before any partition is taken. Blocks until all are
/// gone. An error, for a person: that the folder cannot be read, or what still ran after `patience`.
[[nodiscard]] expected<groups_ended, std::string> kill_recorded_groups(
    const std::filesystem::path& folder, std::chrono::milliseconds patience = std::chrono::seconds{30});

} // namespace baton
