#include "actors/supervisor/slots.hpp"

#include <algorithm>
#include <limits>

namespace baton::supervisor {
namespace {

constexpr std::size_t at(standing s) { return static_cast<std::size_t>(s); }
constexpr std::size_t shaken = at(standing::shaken);
constexpr std::size_t suspect = at(standing::suspect);
/// What a slice costs at least: the making of it.
constexpr milliseconds slice_least{1};

constexpr std::int64_t cost(milliseconds of, std::size_t times, std::uint32_t weight) {
  return std::chrono::microseconds{of}.count() * static_cast<std::int64_t>(times) / weight;
}

} // namespace

void slots::want(const execution_id& execution, const claim& on, monotonic_instant now) {
  if (holders_.contains(execution)) return;
  if (waiting() == 0) {
    contest_ += 1;
    contest_began_ = now;
    reached_ = 0;
  }
  auto& t = tenant_of(on.tenant);
  unlist(t);
  if (t.contest != contest_) t.spent = 0;
  t.contest = contest_;
  // What runs of it is not in its account yet, so by that much it may be behind.
  if (waiting_of(t) == 0) t.spent = std::max(t.spent, reached_ - cost(terms_.share_after, t.used, t.may.weight));
  const rank place{as_if_since(now, on.priority), ++ticks_};
  holders_.emplace(execution, holder{&t, on.priority, on.standing, stage::waiting, place, now});
  t.waiting[at(on.standing)].emplace(place, execution);
  if (on.standing == standing::shaken) shaken_waiting_ += 1;
  list(t);
}

void slots::free(const execution_id& execution, monotonic_instant now) {
  const auto found = holders_.find(execution);
  if (found == holders_.end()) return;
  const auto was = found->second;
  auto& t = *was.of;
  unlist(t);
  if (was.at == stage::waiting) {
    t.waiting[at(was.standing)].erase(was.place);
    if (was.standing == standing::shaken) shaken_waiting_ -= 1;
  } else {
    charge(was, now);
    used_ -= 1;
    t.used -= 1;
    running_[at(was.standing)] -= 1;
    if (was.standing == standing::suspect) shaken_turns_ = shaken_waiting_;
  }
  holders_.erase(found);
  shaken_turns_ = std::min(shaken_turns_, shaken_waiting_);
  list(t);
  forget(t);
  if (waiting() == 0) forget_debtors(std::numeric_limits<account>::max());
}

std::optional<execution_id> slots::grant(monotonic_instant now) {
  if (used_ >= terms_.most) return std::nullopt;
  for (const auto& next : ready_) {
    auto& t = *next.of;
    auto execution = first_of(t);
    if (!execution) continue;
    auto& granted = holders_.at(*execution);
    unlist(t);
    t.waiting[at(granted.standing)].erase(granted.place);
    if (granted.standing == standing::shaken) {
      shaken_waiting_ -= 1;
      shaken_turns_ -= shaken_turns_ > 0 ? 1 : 0;
    }
    granted.at = stage::granted;
    granted.since = now;
    used_ += 1;
    t.used += 1;
    t.last = ++ticks_;
    running_[at(granted.standing)] += 1;
    reached_ = std::max(reached_, t.spent);
    list(t);
    forget_debtors(waiting() == 0 ? std::numeric_limits<account>::max() : reached_);
    return execution;
  }
  return std::nullopt;
}

void slots::launched(const execution_id& execution, monotonic_instant now) {
  const auto found = holders_.find(execution);
  if (found == holders_.end() || found->second.at != stage::granted) return;
  found->second.at = stage::running;
  found->second.since = now;
}

void slots::stopping(const execution_id& execution) {
  const auto found = holders_.find(execution);
  if (found != holders_.end() && found->second.at != stage::waiting) found->second.at = stage::ending;
}

std::vector<execution_id> slots::to_yield(monotonic_instant now, bool could_start) {
  std::vector<execution_id> asked;
  bool is_any_old = false;
  for (const auto& [execution, held] : holders_) {
    if (held.at != stage::running) continue;
    if (now - held.since >= terms_.yield_after) asked.push_back(execution);
    is_any_old = is_any_old || now - held.since >= terms_.share_after;
  }
  for (const auto& execution : asked) stopping(execution);
  if (is_any_old && could_start && waiting() > 0) {
    for (auto& execution : whom_to_ask(as_contest(), now, terms_.share_after)) {
      stopping(execution);
      asked.push_back(std::move(execution));
    }
  }
  return asked;
}

std::vector<tenant_load> slots::loads() const {
  std::vector<tenant_load> all;
  for (const auto& [name, t] : tenants_) {
    const auto waits = waiting_of(t);
    if (waits + t.used > 0) all.push_back({name, waits, t.used});
  }
  return all;
}

slots::tenant& slots::tenant_of(const std::string& name) {
  const auto [found, is_new] = tenants_.try_emplace(name);
  auto& t = found->second;
  if (is_new) {
    t.name = name;
    if (const auto given = terms_.tenants.find(name); given != terms_.tenants.end()) t.may = given->second;
    t.last = ++ticks_;
  } else if (t.used == 0 && waiting_of(t) == 0) {
    debtors_.erase({t.spent, t.last, &t});
  }
  return t;
}

std::size_t slots::waiting_of(const tenant& t) {
  std::size_t all = 0;
  for (const auto& line : t.waiting) all += line.size();
  return all;
}

void slots::list(tenant& t) {
  const bool is_at_limit = t.may.slots_max != 0 && t.used >= t.may.slots_max;
  if (is_at_limit || waiting_of(t) == 0) return;
  for (std::size_t i = 0; i < standings; ++i) able_[i] += t.waiting[i].size();
  t.listed = turn{t.spent + cost(terms_.share_after, t.used, t.may.weight), t.last, &t};
  ready_.insert(*t.listed);
}

void slots::unlist(tenant& t) {
  if (!t.listed) return;
  for (std::size_t i = 0; i < standings; ++i) able_[i] -= t.waiting[i].size();
  ready_.erase(*t.listed);
  t.listed.reset();
}

bool slots::may_start(standing s) const {
  switch (s) {
  case standing::steady: return true;
  case standing::shaken: return running_[suspect] == 0 && (shaken_turns_ > 0 || able_[suspect] == 0);
  case standing::suspect:
    return running_[suspect] + running_[shaken] == 0 && (shaken_turns_ == 0 || able_[shaken] == 0);
  }
  return false;
}

std::optional<execution_id> slots::first_of(const tenant& t) const {
  const std::pair<const rank, execution_id>* first = nullptr;
  for (const auto s : {standing::steady, standing::shaken, standing::suspect}) {
    const auto& line = t.waiting[at(s)];
    if (line.empty() || !may_start(s)) continue;
    if (first == nullptr || line.begin()->first < first->first) first = &*line.begin();
  }
  return first == nullptr ? std::nullopt : std::optional{first->second};
}

void slots::charge(const holder& ended, monotonic_instant now) {
  auto& t = *ended.of;
  // Nobody waited, nobody was deprived.
  if (waiting() == 0) return;
  if (t.contest != contest_) t.spent = 0;
  t.contest = contest_;
  t.spent += cost(std::max(now - std::max(ended.since, contest_began_), slice_least), 1, t.may.weight);
}

void slots::forget(tenant& t) {
  if (t.used > 0 || waiting_of(t) > 0) return;
  if (t.contest == contest_ && t.spent > reached_) {
    debtors_.insert({t.spent, t.last, &t});
    if (debtors_.size() <= debtors_max) return;
    drop(*debtors_.extract(debtors_.begin()).value().of);
  } else {
    drop(t);
  }
}

void slots::forget_debtors(account up_to) {
  while (!debtors_.empty() && debtors_.begin()->with_those_that_run <= up_to) {
    drop(*debtors_.extract(debtors_.begin()).value().of);
  }
}

void slots::drop(const tenant& t) { tenants_.erase(tenants_.find(t.name)); }

contest slots::as_contest() const {
  contest between;
  between.most = terms_.most;
  std::unordered_map<const tenant*, std::size_t> index;
  for (const auto& [name, t] : tenants_) {
    if (t.used == 0 && waiting_of(t) == 0) continue;
    index.emplace(&t, between.sides.size());
    auto& side = between.sides.emplace_back();
    side.used = t.used;
    side.slots_max = t.may.slots_max == 0 ? terms_.most : t.may.slots_max;
    side.weight = t.may.weight;
    for (std::size_t i = 0; i < standings; ++i) {
      // More than there are slots cannot be served.
      for (const auto& [place, execution] : t.waiting[i]) {
        if (side.waiting[i].size() == terms_.most) break;
        side.waiting[i].push_back(place.as_if_since);
      }
    }
  }
  for (const auto& [execution, held] : holders_) {
    if (held.at == stage::waiting) continue;
    between.slices.push_back({execution, index.at(held.of), held.priority, held.standing, held.since,
        held.at != stage::running});
  }
  return between;
}

} // namespace baton::supervisor
