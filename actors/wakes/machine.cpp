#include "actors/wakes/machine.hpp"

#include <algorithm>
#include <utility>

namespace baton::wakes {
namespace {

/// How much further those go that are due in the present.
constexpr std::uint64_t present_share = 5;
constexpr std::uint64_t steps_per_second = 10;

/// What may fire at once, and how long it is until more may.
struct step {
  milliseconds every;
  std::uint64_t late_max;
};

step step_of(const settings& s) {
  const auto steps = std::clamp<std::uint64_t>(s.per_second, 1, steps_per_second);
  return {milliseconds{(1'000 + steps - 1) / steps}, std::max<std::uint64_t>(s.per_second / steps, 1)};
}

/// One decision while it is made.
class deciding {
public:
  deciding(state& s, const context& with) : s_{s}, with_{with} {}

  void operator()(const opened&) {
    s_.next_page = stream_seq{1};
    load();
  }

  void operator()(const page_came& in) {
    s_.loading = false;
    if (!in.result) return retry_later(nullptr);
    for (const auto& one : in.result->wakes) take_over(one);
    if (!in.result->unreadable.empty()) order(report_unreadable{in.result->unreadable});
    s_.next_page = in.result->next;
    if (!s_.next_page) order(report_loaded{s_.known.size()});
    load();
  }

  void operator()(const wanted& in) {
    auto& [name, r] = *s_.known.try_emplace(in.name).first;
    if (!r.wanted || r.wanted->due != in.wake.due) r.fired = false;
    r.wanted = in.wake;
    r.owed = true;
    see_to(name, r);
  }

  void operator()(const unwanted& in) {
    const auto [at, is_new] = s_.known.try_emplace(in.name);
    auto& [name, r] = *at;
    // It may lie in a page that is still to come.
    if (is_new) r.doubtful = s_.next_page || s_.loading;
    r.wanted.reset();
    r.owed = true;
    see_to(name, r);
  }

  void operator()(const put_answered& in) {
    auto* at = answered(in.name);
    if (at == nullptr) return;
    auto& [name, r] = *at;
    if (const auto* done = std::get_if<wake_written>(&in.result)) {
      r.stored = {done->seq, r.put_due};
      return see_to(name, r);
    }
    r.doubtful = true;
    go_on_after(in.result, name, r);
  }

  void operator()(const remove_answered& in) {
    auto* at = answered(in.name);
    if (at == nullptr) return;
    auto& [name, r] = *at;
    if (std::holds_alternative<wake_gone>(in.result)) {
      r.stored.reset();
      return see_to(name, r);
    }
    r.doubtful = true;
    go_on_after(in.result, name, r);
  }

  void operator()(const find_answered& in) {
    auto* at = answered(in.name);
    if (at == nullptr) return;
    auto& [name, r] = *at;
    if (!in.result) return retry_later(&name);
    r.doubtful = false;
    const auto& found = *in.result;
    r.stored.reset();
    if (found) r.stored = {found->seq, found->wake ? std::optional{found->wake->due} : std::nullopt};
    see_to(name, r);
  }

  void operator()(const retry_is_due&) {
    s_.retry_is_set = false;
    for (const auto& name : std::exchange(s_.failed, {})) {
      if (const auto at = s_.known.find(name); at != s_.known.end()) see_to(at->first, at->second);
    }
    load();
  }

  void operator()(const timer_is_due& in) {
    if (in.number != s_.timer) return;
    s_.timer_due.reset();
    const auto may = step_of(with_.settings);
    if (s_.last_step && with_.monotonic - *s_.last_step < may.every) return;
    s_.last_step = with_.monotonic;
    const auto late = with_.now - with_.settings.present_for;
    fire_from(s_.by_due.begin(), late, may.late_max, true);
    fire_from(s_.by_due.upper_bound(late), with_.now, may.late_max * present_share, false);
  }

  void operator()(const session_was_lost& in) {
    for (auto at = s_.known.lower_bound({in.session, {}}); at != s_.known.end() && at->first.session == in.session;) {
      auto& [name, r] = *at++;
      r.fired = false;
      set_time(name, r);
    }
  }

  [[nodiscard]] std::vector<effect> finish() {
    set_next_timer();
    return std::move(effects_);
  }

private:
  using entry = std::pair<const wake_name, record>;

  void order(effect e) { effects_.push_back(std::move(e)); }

  void load() {
    if (!s_.next_page || s_.loading || s_.retry_is_set) return;
    s_.loading = true;
    order(load_page{*s_.next_page});
  }

  /// A wake that an earlier owner left. What its session has said of it meanwhile counts more.
  void take_over(const stored_wake& found) {
    const auto [at, is_new] = s_.known.try_emplace({found.session, found.key});
    auto& [name, r] = *at;
    if (is_new) {
      r.wanted = found.wake;
      r.stored = {found.seq, found.wake.due};
      return set_time(name, r);
    }
    if (r.stored && r.stored->seq >= found.seq) return;
    r.doubtful = true;
    see_to(name, r);
  }

  entry* answered(const wake_name& name) {
    const auto at = s_.known.find(name);
    if (at == s_.known.end()) return nullptr;
    at->second.under_way = record::request::none;
    s_.in_flight -= 1;
    return &*at;
  }

  template <class Result>
  void go_on_after(const Result& result, const wake_name& name, record& r) {
    if (std::holds_alternative<wake_failure>(result)) return retry_later(&name);
    see_to(name, r);
  }

  /// nullptr: the page.
  void retry_later(const wake_name* name) {
    if (name != nullptr) s_.failed.push_back(*name);
    if (!std::exchange(s_.retry_is_set, true)) order(set_retry{});
    start_queued();
  }

  static record::request next_request(const record& r) {
    if (r.doubtful) return record::request::find;
    if (r.wanted) {
      return r.stored && r.stored->due == r.wanted->due ? record::request::none : record::request::put;
    }
    return r.stored ? record::request::remove : record::request::none;
  }

  /// Brings the store nearer to what is wanted of it, or says that it is there. `name` is the key of `r`; both may be gone then.
  void see_to(const wake_name& name, record& r) {
    set_time(name, r);
    if (r.under_way == record::request::none) {
      if (next_request(r) == record::request::none) {
        settle(name, r);
      } else {
        r.under_way = record::request::queued;
        s_.queued.push_back(name);
      }
    }
    start_queued();
  }

  void settle(const wake_name& name, record& r) {
    const bool is_owed = std::exchange(r.owed, false);
    if (r.wanted) {
      if (is_owed) order(tell_stored{name});
      return;
    }
    if (is_owed) order(tell_removed{name});
    s_.known.erase(name);
  }

  void start_queued() {
    while (s_.in_flight < with_.settings.in_flight_max && !s_.queued.empty()) {
      const auto name = std::move(s_.queued.front());
      s_.queued.pop_front();
      auto& r = s_.known.find(name)->second;
      r.under_way = next_request(r);
      // It may have become as it is wanted by being wanted otherwise.
      if (r.under_way == record::request::none) {
        settle(name, r);
        continue;
      }
      s_.in_flight += 1;
      start(name, r);
    }
  }

  void start(const wake_name& name, record& r) {
    switch (r.under_way) {
      case record::request::find: return order(find{name});
      case record::request::remove: return order(remove{name, r.stored->seq});
      case record::request::put:
        r.put_due = r.wanted->due;
        return order(put{name, *r.wanted, r.stored ? r.stored->seq : stream_seq{}});
      case record::request::none:
      case record::request::queued: return;
    }
  }

  void set_time(const wake_name& name, record& r) {
    const auto due = r.wanted && !r.fired ? std::optional{r.wanted->due} : std::nullopt;
    if (due == r.timed) return;
    if (r.timed) s_.by_due.erase(due_wake{*r.timed, &name});
    if (due) s_.by_due.insert(due_wake{*due, &name});
    r.timed = due;
  }

  void fire_from(decltype(state::by_due)::iterator at, instant until, std::uint64_t most, bool late) {
    for (; at != s_.by_due.end() && at->due <= until && most > 0; --most) {
      const auto& name = *at->name;
      auto& r = s_.known.find(name)->second;
      order(fire{name, at->due, late});
      r.fired = true;
      r.timed.reset();
      at = s_.by_due.erase(at);
    }
  }

  void set_next_timer() {
    if (s_.by_due.empty()) return;
    const auto wait = std::clamp(s_.by_due.begin()->due - with_.now, milliseconds{0}, with_.settings.longest_timer);
    auto due = with_.monotonic + wait;
    if (s_.last_step) due = std::max(due, *s_.last_step + step_of(with_.settings).every);
    if (s_.timer_due && *s_.timer_due <= due) return;
    s_.timer_due = due;
    s_.timer += 1;
    order(set_timer{due - with_.monotonic, s_.timer});
  }

  state& s_;
  const context& with_;
  std::vector<effect> effects_;
};

} // namespace

std::vector<effect> advance(state& s, const input& in, const context& with) {
  deciding d{s, with};
  std::visit(d, in);
  return d.finish();
}

} // namespace baton::wakes
