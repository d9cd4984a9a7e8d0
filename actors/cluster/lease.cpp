#include "actors/cluster/lease.hpp"

#include <algorithm>

#include "messages/overloaded.hpp"

namespace baton::lease {
namespace {

/// Collects what is decided, on a copy of the state that already knows it.
class draft {
public:
  draft(const state& s, monotonic_instant now, const limits& lim) : after_(s), now_(now), limits_(lim) {}

  template <class Event>
  void happened(Event e) {
    made_.events.emplace_back(e);
    after_ = evolve(std::move(after_), made_.events.back());
  }
  template <class Effect>
  void order(Effect e) {
    made_.effects.emplace_back(e);
  }

  void lose_if_over() {
    const auto* is = std::get_if<held>(&after_.now);
    if (is == nullptr || now_ < is->from + limits_.held_for) return;
    happened(was_lost{});
    order(tell_lost{});
  }

  void send() {
    if (after_.in_flight.size() >= limits_.in_flight_max) return;
    const auto number = after_.last + 1;
    happened(beat_was_sent{{number, now_}});
    order(write_beat{number});
  }

  void tick() {
    bool late = false;
    for (const auto beat : std::vector{after_.in_flight}) {
      if (now_ - beat.sent_at >= limits_.held_for) happened(beat_was_settled{beat.number});
      if (now_ - beat.sent_at > limits_.late_after) late = true;
    }
    if (late) order(tell_late{});
    if (!after_.last_sent_at || now_ >= *after_.last_sent_at + limits_.beat_every) send();
  }

  void confirmed(beat_number number) {
    const auto beat = std::find_if(
        after_.in_flight.begin(), after_.in_flight.end(), [&](const sent_beat& b) { return b.number == number; });
    if (beat == after_.in_flight.end()) return;
    const auto sent_at = beat->sent_at;
    happened(beat_was_settled{number});
    if (now_ - sent_at > limits_.late_after) order(tell_late{});
    if (now_ - sent_at >= limits_.held_for) return;
    if (const auto* none = std::get_if<lost>(&after_.now)) {
      if (number < none->counts_from) return;
      happened(was_gained{sent_at});
      order(tell_gained{sent_at});
      return;
    }
    happened(was_renewed{sent_at});
    order(tell_renewed{std::get<held>(after_.now).from});
  }

  void failed(beat_number number) {
    happened(beat_was_settled{number});
    order(tell_late{});
  }

  [[nodiscard]] decision made() && { return std::move(made_); }

private:
  state after_;
  monotonic_instant now_;
  const limits& limits_;
  decision made_;
};

} // namespace

decision decide(const state& s, const input& in, monotonic_instant now, const limits& lim) {
  draft d{s, now, lim};
  d.lose_if_over();
  std::visit(overloaded{
                 [&](const tick&) { d.tick(); },
                 [&](const beat_wanted&) { d.send(); },
                 [&](const beat_confirmed& i) { d.confirmed(i.number); },
                 [&](const beat_failed& i) { d.failed(i.number); },
             },
      in);
  return std::move(d).made();
}

state evolve(state s, const event& e) {
  std::visit(overloaded{
                 [&](const beat_was_sent& h) {
                   s.in_flight.push_back(h.beat);
                   s.last = h.beat.number;
                   s.last_sent_at = h.beat.sent_at;
                 },
                 [&](const beat_was_settled& h) {
                   std::erase_if(s.in_flight, [&](const sent_beat& b) { return b.number == h.number; });
                 },
                 [&](const was_gained& h) { s.now = held{h.from}; },
                 // Confirmations may overtake each other: the lease never gets shorter by one.
                 [&](const was_renewed& h) { s.now = held{std::max(std::get<held>(s.now).from, h.from)}; },
                 [&](const was_lost&) { s.now = lost{s.last + 1}; },
             },
      e);
  return s;
}

bool is_held(const state& s, monotonic_instant now, const limits& lim) {
  const auto* is = std::get_if<held>(&s.now);
  return is != nullptr && now < is->from + lim.held_for;
}

monotonic_instant wake_at(const state& s, monotonic_instant now, const limits& lim) {
  auto next = s.last_sent_at ? *s.last_sent_at + lim.beat_every : now;
  if (s.in_flight.size() >= lim.in_flight_max) next = std::max(next, s.in_flight.front().sent_at + lim.held_for);
  if (const auto* is = std::get_if<held>(&s.now)) next = std::min(next, is->from + lim.held_for);
  return next;
}

} // namespace baton::lease
