#include "actors/supervisor/sharing.hpp"

#include <algorithm>
#include <optional>
#include <tuple>

namespace baton::supervisor {
namespace {

constexpr std::size_t at(standing s) { return static_cast<std::size_t>(s); }

/// Finds for one slot after the other who would get it, and moves it there.
class matching {
public:
  matching(contest& between, monotonic_instant now) : between_(between), now_(now) {
    std::size_t used = 0;
    for (const auto& s : between_.sides) {
      used += s.used;
      weights_ += s.weight;
      for (const auto& line : s.waiting) left_ += line.size();
    }
    has_free_slots_ = used < between_.most;
    for (const auto& s : between_.slices) running_[at(s.standing)] += 1;
    next_.resize(between_.sides.size());
  }

  /// True if somebody waits who could use the slot of `from`; that one counts as served then.
  bool hand_on(const slice_at_work& from) {
    if (left_ == 0) return false;
    auto& own = between_.sides[from.side];
    if (const auto line = first_in_line(from.side, from)) {
      // It comes back as a new wish: what would stand behind that one has nothing from it.
      if (place(from.side, *line) <= as_if_since(now_, from.priority)) return take(from.side, *line);
    }
    std::optional<std::size_t> poorest;
    for (std::size_t i = 0; i < between_.sides.size(); ++i) {
      if (i == from.side || !may_have(i, own) || !first_in_line(i, from)) continue;
      if (!poorest || has_less(between_.sides[i], between_.sides[*poorest])) poorest = i;
    }
    if (!poorest) return false;
    own.used -= 1;
    between_.sides[*poorest].used += 1;
    return take(*poorest, *first_in_line(*poorest, from));
  }

  /// More than its weight among all that run or wait.
  [[nodiscard]] bool is_above_share(std::size_t side) const {
    const auto& of = between_.sides[side];
    return of.used * weights_ > between_.most * of.weight;
  }

private:
  static bool has_less(const side& a, const side& b) { return a.used * b.weight < b.used * a.weight; }

  /// While there are free slots, nobody waits for want of one, and what keeps him waiting is no matter of shares.
  [[nodiscard]] bool may_have(std::size_t i, const side& from) const {
    const auto& s = between_.sides[i];
    return s.used < s.slots_max && (has_free_slots_ || has_less(s, from));
  }

  [[nodiscard]] bool could_follow(standing waiting, const slice_at_work& from) const {
    const auto suspects = running_[at(standing::suspect)];
    switch (waiting) {
    case standing::steady: return true;
    case standing::shaken: return suspects == 0 || from.standing == standing::suspect;
    case standing::suspect:
      return suspects + running_[at(standing::shaken)] == 0 || from.standing != standing::steady;
    }
    return false;
  }

  [[nodiscard]] monotonic_instant place(std::size_t i, standing line) const {
    return between_.sides[i].waiting[at(line)][next_[i][at(line)]];
  }

  [[nodiscard]] std::optional<standing> first_in_line(std::size_t i, const slice_at_work& from) const {
    std::optional<standing> first;
    for (const auto line : {standing::steady, standing::shaken, standing::suspect}) {
      const bool is_any_left = next_[i][at(line)] < between_.sides[i].waiting[at(line)].size();
      if (!is_any_left || !could_follow(line, from)) continue;
      if (!first || place(i, line) < place(i, *first)) first = line;
    }
    return first;
  }

  bool take(std::size_t i, standing line) {
    next_[i][at(line)] += 1;
    left_ -= 1;
    return true;
  }

  contest& between_;
  monotonic_instant now_;
  bool has_free_slots_ = false;
  std::uint64_t weights_ = 0;
  /// Of those that wait.
  std::size_t left_ = 0;
  by_standing<std::size_t> running_{};
  /// Of each side, the first in each line that is not served yet.
  std::vector<by_standing<std::size_t>> next_;
};

} // namespace

std::vector<execution_id> whom_to_ask(contest between, monotonic_instant now, milliseconds share_after) {
  matching match{between, now};
  struct candidate {
    bool is_within_share;
    const slice_at_work* slice;
  };
  std::vector<candidate> candidates;
  for (const auto& slice : between.slices) {
    if (!slice.is_ending && now - slice.since >= share_after) {
      candidates.push_back({!match.is_above_share(slice.side), &slice});
    }
  }
  if (candidates.empty()) return {};
  for (const auto& slice : between.slices) {
    if (slice.is_ending) match.hand_on(slice);
  }
  std::ranges::sort(candidates, {}, [](const candidate& c) {
    return std::tuple{c.is_within_share, c.slice->since, c.slice->execution.text()};
  });
  std::vector<execution_id> asked;
  for (const auto& c : candidates) {
    if (match.hand_on(*c.slice)) asked.push_back(c.slice->execution);
  }
  return asked;
}

} // namespace baton::supervisor
