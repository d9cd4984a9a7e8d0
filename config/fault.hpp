// What is wrong with a configuration: a value for each fault, and its sentence for the person who has to mend it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace baton::config {

enum class fault_kind : std::uint8_t {
  /// No option of that name.
  unknown_option,
  /// In the file: a number where a text is wanted, and the like.
  wrong_type,
  /// It cannot be read as what the option is.
  malformed,
  out_of_bounds,
  /// Each for itself is fine, together they are not.
  relation,
  /// It must be given and is not.
  missing,
  /// A program that cannot be run as it is named.
  unrunnable,
  file_unreadable,
  /// Not TOML; what stands behind the place was not read.
  file_syntax,
};

enum class layer : std::uint8_t { built_in, file, environment, flag };

struct origin {
  config::layer layer = layer::built_in;
  /// The file's path, the variable, or the flag as it was written.
  std::string name;
  /// Of the file; 0 elsewhere.
  std::uint32_t line = 0;
  friend bool operator==(const origin&, const origin&) = default;
};
/// `baton.toml:12`, `environment BATON_LEASE_HEARTBEAT`, `flag --lease.heartbeat`, `default`.
[[nodiscard]] std::string to_text(const origin& from);

struct fault {
  fault_kind kind = fault_kind::unknown_option;
  /// The option's name; for an unknown one, the name as given.
  std::string option;
  /// As given, without any password; empty where there is none.
  std::string value;
  origin from;
  /// The bounds, the relation, or the nearest known name.
  std::string wanted;
  friend bool operator==(const fault&, const fault&) = default;
};
/// One line, without its end.
[[nodiscard]] std::string to_text(const fault& f);
/// One line each.
[[nodiscard]] std::string to_text(const std::vector<fault>& faults);

} // namespace baton::config
