// The wakes of one partition: which are due, and how the store comes to hold what sessions want. Pure; one machine for each
// opening of a partition; both clocks come in with the input. Nothing of it is stored but the wakes themselves: its successor
// loads them again.
//
// A wake fires when its time has come by the wall clock, never before, also if the store does not take it; it stays stored until
// its session wants it no more, and fires again when its session's actor was lost or has left memory. What a session wants is put
// over what is stored, and asked again until the store has it; after a refusal or silence the store is read before anything else
// is done. All of the partition's wakes are in memory: what bounds them is the size of their stream.
// The late ones (after downtime, or a clock that jumped) fire oldest first, at most `per_second` in any second, spread over it;
// those that are due in the present have a larger share of their own, and so do not wait behind them.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "actors/ports/wake_store.hpp"
#include "messages/instant.hpp"

namespace baton::wakes {

struct settings {
  std::uint64_t per_second = 200;
  /// Late by less than this is due in the present.
  milliseconds present_for{2'000};
  /// The wall clock may jump: it is asked again at least this often while anything waits.
  milliseconds longest_timer{5'000};
  /// Requests to the store without an answer.
  std::size_t in_flight_max = 64;
};

struct context {
  instant now;
  monotonic_instant monotonic;
  const wakes::settings& settings;
};

struct wake_name {
  session_id session;
  wake_key key;
  friend auto operator<=>(const wake_name&, const wake_name&) = default;
};

// ---- state
struct record {
  /// As its session wants it; of one that was loaded: as it is stored.
  std::optional<wake> wanted;
  /// Where the store has it, as far as known, and its due time if that can be read.
  struct place {
    stream_seq seq;
    std::optional<instant> due;
  };
  std::optional<place> stored;
  enum class request : std::uint8_t { none, queued, put, remove, find } under_way = request::none;
  /// Of the `put` that is under way.
  instant put_due;
  /// The store must be read before it is changed.
  bool doubtful = false;
  /// Its session waits to hear.
  bool owed = false;
  bool fired = false;
  /// Its place in `state::by_due`.
  std::optional<instant> timed;
};

/// Points into `state::known`.
struct due_wake {
  instant due;
  const wake_name* name = nullptr;
};
struct due_first {
  using is_transparent = void;
  bool operator()(const due_wake& a, const due_wake& b) const { return a.due != b.due ? a.due < b.due : *a.name < *b.name; }
  bool operator()(instant a, const due_wake& b) const { return a < b.due; }
  bool operator()(const due_wake& a, instant b) const { return a.due < b; }
};

struct state {
  state() = default;
  state(state&&) = default;
  state& operator=(state&&) = default;

  std::map<wake_name, record> known;
  /// Those that are to fire.
  std::set<due_wake, due_first> by_due;
  /// Waits for fewer requests to be under way.
  std::deque<wake_name> queued;
  std::size_t in_flight = 0;
  /// The store did not do what it was asked; asked again when `retry_is_due` comes.
  std::vector<wake_name> failed;
  bool retry_is_set = false;
  /// The page that is loaded next; nothing: all are known.
  std::optional<stream_seq> next_page;
  bool loading = false;
  std::optional<monotonic_instant> last_step;
  /// Of the timer that counts; older ones are overtaken.
  std::uint64_t timer = 0;
  std::optional<monotonic_instant> timer_due;
};

// clang-format off
// ---- inputs: arrivals
struct opened {};
/// The answer to `load_page`.
struct page_came { wake_store::load_result result; };
struct wanted { wake_name name; baton::wake wake; };
struct unwanted { wake_name name; };
struct put_answered { wake_name name; wake_put_result result; };
struct remove_answered { wake_name name; wake_remove_result result; };
struct find_answered { wake_name name; wake_store::find_result result; };
struct retry_is_due {};
struct timer_is_due { std::uint64_t number = 0; };
/// Its actor has ended, without a word or with nothing to do: what it was told and still wants is to be told again.
struct session_was_lost { session_id session; };
// clang-format on
using input = std::variant<opened, page_came, wanted, unwanted, put_answered, remove_answered, find_answered, retry_is_due,
    timer_is_due, session_was_lost>;

// clang-format off
// ---- effects: orders
struct load_page { stream_seq from; };
struct put { wake_name name; baton::wake wake; stream_seq expected; };
struct remove { wake_name name; stream_seq seq; };
struct find { wake_name name; };
struct tell_stored { wake_name name; };
struct tell_removed { wake_name name; };
struct fire { wake_name name; instant due; bool late = false; };
/// Skipped, and left where it is.
struct report_unreadable { std::vector<unreadable_wake> which; };
/// All are known.
struct report_loaded { std::size_t count = 0; };
struct set_retry {};
struct set_timer { milliseconds after; std::uint64_t number = 0; };
// clang-format on
using effect = std::variant<load_page, put, remove, find, tell_stored, tell_removed, fire, report_unreadable, report_loaded,
    set_retry, set_timer>;

[[nodiscard]] std::vector<effect> advance(state& s, const input& in, const context& with);

} // namespace baton::wakes
