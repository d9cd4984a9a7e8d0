// Every option, declared once: what it is called, which field of `options` it sets, its bounds and its sentence of help. The
// file's reader, the environment, the flags, the checks, --help and --dump-config all follow from these rows; defaults are
// the initialisers in options.hpp. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "config/given.hpp"
#include "config/options.hpp"

namespace baton::config {

/// What a text must be, besides UTF-8 of at most `text_bytes_max` without zero bytes.
struct text_form {
  std::string_view wanted;
  bool (*fits)(std::string_view);
};
inline constexpr std::size_t text_bytes_max = 4096;

template <class Of>
struct text_field {
  std::string& (*at)(Of&);
  text_form form;
};
template <class Of>
struct flag_field {
  bool& (*at)(Of&);
};
template <class Of>
struct count_field {
  std::uint64_t& (*at)(Of&);
  std::uint64_t least;
  std::uint64_t most;
};
template <class Of>
struct duration_field {
  std::chrono::milliseconds& (*at)(Of&);
  std::chrono::milliseconds least;
  std::chrono::milliseconds most;
  /// The one word for zero, which is below `least`; empty: zero is no exception.
  std::string_view zero{};
};
/// 0 is below `least` and yet allowed where it `may_be_zero`.
template <class Of>
struct size_field {
  byte_size& (*at)(Of&);
  byte_size least;
  byte_size most;
  bool may_be_zero;
};
template <class Of>
struct choice_field {
  std::size_t (*get)(Of&);
  void (*set)(Of&, std::size_t);
  std::span<const std::string_view> names;
};
template <class Of>
struct address_field {
  std::optional<listen_address>& (*at)(Of&);
};
template <class Of>
struct list_field {
  text_list& (*at)(Of&);
  text_form each;
  std::size_t most;
};
template <class Of>
struct map_field {
  text_map& (*at)(Of&);
  text_form key;
  std::size_t most;
};

template <class Of>
using field = std::variant<text_field<Of>, flag_field<Of>, count_field<Of>, duration_field<Of>, size_field<Of>,
    choice_field<Of>, address_field<Of>, list_field<Of>, map_field<Of>>;

template <class Of>
struct row {
  /// `group.name`; for a runner's or tenant's, the name alone.
  std::string_view name;
  /// A second name, for flag and environment only; may be empty.
  std::string_view short_name;
  field<Of> what;
  /// One sentence.
  std::string_view help;
};

using option_row = row<options>;
using runner_row = row<runner_options>;
using tenant_row = row<tenant_options>;

/// Grouped: the rows of one group stand together.
[[nodiscard]] std::span<const option_row> option_rows();
/// For each `[runners.NAME]`; in the file only.
[[nodiscard]] std::span<const runner_row> runner_rows();
/// For each `[tenants.NAME]`; in the file only.
[[nodiscard]] std::span<const tenant_row> tenant_rows();

/// A relation between options that each for itself are within bounds.
struct relation {
  std::string_view left;
  std::string_view right;
  bool (*holds)(const options&);
  /// For a person: what must hold.
  std::string_view says;
};
[[nodiscard]] std::span<const relation> relations();

/// `lease.self_stop` -> `BATON_LEASE_SELF_STOP`, `--lease.self-stop`.
[[nodiscard]] std::string variable_of(std::string_view name);
[[nodiscard]] std::string flag_of(std::string_view name);

/// Letters, digits, `_` and `-`, 1 to 64 of them: what a runner may be called.
[[nodiscard]] bool is_plain_name(std::string_view text);
/// 1 to 64 bytes without control characters: what a turn may name as its tenant.
[[nodiscard]] bool is_tenant_name(std::string_view text);

} // namespace baton::config
