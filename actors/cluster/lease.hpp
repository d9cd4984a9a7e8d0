// A node's own lease: proof, to itself, that nobody else may take its partitions yet. Pure: `now` is the monotonic clock and
// comes in with the input.
//
// The lease counts from the SENDING of the last confirmed heartbeat: what was stored cannot be older, so a contender that
// waits longer than `held_for` after it last saw the record change comes too late to meet this node at work. Once declared
// lost, only a heartbeat that was sent afterwards brings a lease back, and it is a new one.
//
// Several heartbeats may be in flight, one for each `beat_every`, so that a lost one does not cost the lease; at most
// `in_flight_max`, and none longer than `held_for`: by then its confirmation is worth nothing, and it is given up. So the
// machine lives on even if an answer never comes.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "messages/instant.hpp"

namespace baton::lease {

struct limits {
  milliseconds beat_every{2'000};
  /// Without a heartbeat confirmed that was sent within this time, the lease is lost. Below a contender's `lease_time`.
  milliseconds held_for{8'000};
  /// A heartbeat that takes longer than this is late, even if it still renews.
  milliseconds late_after{2'000};
  std::size_t in_flight_max = 4;
};

/// Counts this node's heartbeats from 1.
using beat_number = std::uint64_t;

// ---- inputs: arrivals
/// Time went by. Must come at `wake_at`, may come at any time.
struct tick {};
/// Something in the record changed (draining): do not wait for the next beat.
struct beat_wanted {};
struct beat_confirmed {
  beat_number number = 0;
};
struct beat_failed {
  beat_number number = 0;
};
using input = std::variant<tick, beat_wanted, beat_confirmed, beat_failed>;

// ---- state
struct sent_beat {
  beat_number number = 0;
  monotonic_instant sent_at;
  friend bool operator==(const sent_beat&, const sent_beat&) = default;
};
/// No lease, not yet or no more. Beats below `counts_from` were sent in an earlier lease: they no longer count.
struct lost {
  beat_number counts_from = 1;
  friend bool operator==(const lost&, const lost&) = default;
};
struct held {
  /// When the last confirmed heartbeat was sent.
  monotonic_instant from;
  friend bool operator==(const held&, const held&) = default;
};
struct state {
  std::variant<lost, held> now;
  /// By number. At most `in_flight_max`.
  std::vector<sent_beat> in_flight;
  beat_number last = 0;
  /// Nothing: none was sent yet.
  std::optional<monotonic_instant> last_sent_at;
  friend bool operator==(const state&, const state&) = default;
};

// ---- events: what happened
struct beat_was_sent {
  sent_beat beat;
};
/// Confirmed, failed or given up: it is no longer in flight.
struct beat_was_settled {
  beat_number number = 0;
};
struct was_gained {
  monotonic_instant from;
};
struct was_renewed {
  monotonic_instant from;
};
struct was_lost {};
using event = std::variant<beat_was_sent, beat_was_settled, was_gained, was_renewed, was_lost>;

// ---- effects: orders
struct write_beat {
  beat_number number = 0;
};
/// Own heartbeats fail or are late: what this node saw of others proves little.
struct tell_late {};
/// The lease counts from `from`.
struct tell_gained {
  monotonic_instant from;
};
struct tell_renewed {
  monotonic_instant from;
};
/// Stop all sessions and executions, give up all partitions.
struct tell_lost {};
using effect = std::variant<write_beat, tell_late, tell_gained, tell_renewed, tell_lost>;

struct decision {
  std::vector<event> events;
  std::vector<effect> effects;
};

/// Whatever the input is, a lease that ran out by `now` is declared lost first.
[[nodiscard]] decision decide(const state& s, const input& in, monotonic_instant now, const limits& lim);
[[nodiscard]] state evolve(state s, const event& e);

[[nodiscard]] bool is_held(const state& s, monotonic_instant now, const limits& lim);
/// When the next tick is due: the next heartbeat, or the end of the lease.
[[nodiscard]] monotonic_instant wake_at(const state& s, monotonic_instant now, const limits& lim);

} // namespace baton::lease
