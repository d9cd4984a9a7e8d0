// A machine of wakes with a store, two clocks and a timer around it, all driven by hand.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "actors/wakes/machine.hpp"

namespace baton::test {

inline wakes::wake_name name_of(std::string_view session, std::string_view key = "k") {
  return {session_id::parse(session).value(), wake_key::parse(key).value()};
}

class wakes_world {
public:
  struct shot {
    wakes::wake_name name;
    instant due;
    instant at;
    monotonic_instant at_monotonic;
    bool late;
  };

  void give(const wakes::input& in) {
    for (const auto& e : wakes::advance(state, in, {wall, monotonic, settings})) std::visit([this](const auto& one) { take(one); }, e);
  }
  /// Answers what the store was asked, until nothing is asked any more.
  void answer_all() {
    while (!asked.empty()) answer();
  }
  void answer() {
    const auto next = asked.front();
    asked.pop_front();
    std::visit([this](const auto& one) { answer(one); }, next);
  }
  /// Time goes by on both clocks, timer by timer.
  void pass(milliseconds by) {
    const auto end = monotonic + by;
    while (timer && timer->first <= end) {
      const auto due = std::max(timer->first, monotonic);
      go(due - monotonic);
      const auto number = timer->second;
      timer.reset();
      give(wakes::timer_is_due{number});
    }
    go(end - monotonic);
  }
  void go(milliseconds by) {
    wall += by;
    monotonic += by;
  }
  /// Lies in the store already.
  void store(const wakes::wake_name& name, instant due) { stored[name] = {next_seq(), wake{due, {}}}; }
  void open() {
    give(wakes::opened{});
    answer_all();
  }

  wakes::settings settings;
  wakes::state state;
  instant wall{std::chrono::hours{500'000}};
  monotonic_instant monotonic{std::chrono::hours{1}};
  std::map<wakes::wake_name, found_wake> stored;
  std::deque<std::variant<wakes::load_page, wakes::put, wakes::remove, wakes::find>> asked;
  std::vector<shot> fired;
  std::vector<std::string> told;
  std::size_t unreadable = 0;
  std::size_t loaded = 0;
  bool retry_is_set = false;
  std::optional<std::pair<monotonic_instant, std::uint64_t>> timer;
  /// What the store answers next; the change is made or not as it says.
  bool refuses = false;
  bool loses_answers = false;
  std::size_t page_max = 100;
  std::vector<unreadable_wake> broken;

private:
  stream_seq next_seq() { return last_ = next(last_); }

  template <class Ask>
  void ask(const Ask& what) {
    asked.emplace_back(what);
  }
  void take(const wakes::load_page& e) { ask(e); }
  void take(const wakes::put& e) { ask(e); }
  void take(const wakes::remove& e) { ask(e); }
  void take(const wakes::find& e) { ask(e); }
  void take(const wakes::tell_stored& e) { told.push_back("stored " + e.name.session.text()); }
  void take(const wakes::tell_removed& e) { told.push_back("removed " + e.name.session.text()); }
  void take(const wakes::fire& e) { fired.push_back({e.name, e.due, wall, monotonic, e.late}); }
  void take(const wakes::report_unreadable& e) { unreadable += e.which.size(); }
  void take(const wakes::report_loaded& e) { loaded = e.count; }
  void take(const wakes::set_retry&) { retry_is_set = true; }
  void take(const wakes::set_timer& e) { timer = {monotonic + e.after, e.number}; }

  void answer(const wakes::load_page& e) {
    if (refuses) return give(wakes::page_came{unexpected{wake_failure::unreachable}});
    std::vector<stored_wake> all;
    for (const auto& [name, found] : stored) {
      if (found.seq >= e.from) all.push_back({name.session, name.key, *found.wake, found.seq});
    }
    std::ranges::sort(all, {}, &stored_wake::seq);
    wake_page page;
    page.unreadable = std::exchange(broken, {});
    if (all.size() > page_max) {
      page.next = all[page_max].seq;
      all.resize(page_max);
    }
    page.wakes = std::move(all);
    give(wakes::page_came{std::move(page)});
  }
  void answer(const wakes::put& e) {
    wake_put_result result = wake_failure::unreachable;
    const auto there = stored.find(e.name);
    if (!refuses) {
      if ((there == stored.end() ? stream_seq{} : there->second.seq) == e.expected) {
        const auto seq = next_seq();
        stored[e.name] = {seq, e.wake};
        result = wake_written{seq};
      } else {
        result = wake_differs{};
      }
    }
    if (loses_answers) result = wake_failure::unreachable;
    give(wakes::put_answered{e.name, result});
  }
  void answer(const wakes::remove& e) {
    wake_remove_result result = wake_failure::unreachable;
    if (!refuses) {
      const auto gone = std::erase_if(stored, [&](const auto& one) { return one.second.seq == e.seq; });
      result = gone > 0 ? wake_remove_result{wake_gone{}} : wake_remove_result{wake_differs{}};
    }
    if (loses_answers) result = wake_failure::unreachable;
    give(wakes::remove_answered{e.name, result});
  }
  void answer(const wakes::find& e) {
    if (refuses || loses_answers) return give(wakes::find_answered{e.name, unexpected{wake_failure::unreachable}});
    const auto there = stored.find(e.name);
    give(wakes::find_answered{e.name, there == stored.end() ? std::optional<found_wake>{} : there->second});
  }

  stream_seq last_;
};

} // namespace baton::test
