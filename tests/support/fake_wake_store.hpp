// Durable timers in memory, and stores over them, one for each node, for tests of actors. Nothing happens by itself: what was
// asked is done and answered in `run`, in order, on the caller's thread. One thread.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <tuple>

#include "actors/ports/wake_store.hpp"

namespace baton::support {

/// What the broker keeps. Outlives the stores that look at it.
struct kept_wakes {
  struct place {
    partition_id partition;
    session_id session;
    wake_key key;
    friend auto operator<=>(const place&, const place&) = default;
  };
  std::map<place, found_wake> all;
  /// Of the last one that was stored.
  stream_seq last;
};

class fake_wake_store final : public wake_store {
public:
  explicit fake_wake_store(kept_wakes& kept, std::size_t page_max = wake_page_max) : kept_{kept}, page_max_{page_max} {}

  void put(partition_id partition, const session_id& session, const wake_key& key, wake w, stream_seq expected,
      std::function<void(wake_put_result)> done) override;
  void remove(partition_id partition, stream_seq seq, std::function<void(wake_remove_result)> done) override;
  void find(partition_id partition, const session_id& session, const wake_key& key,
      std::function<void(find_result)> done) override;
  void load(partition_id partition, stream_seq from, std::function<void(load_result)> done) override;

  std::size_t run();

  /// While false, nothing is read or stored, and callers hear so.
  void set_reachable(bool reachable) { reachable_ = reachable; }
  /// While true, what is asked is done, but callers hear `unreachable`.
  void lose_answers(bool lost) { lost_ = lost; }
  /// While true, nothing is done: what was asked waits.
  void hold(bool held) { held_ = held; }
  [[nodiscard]] std::size_t puts() const noexcept { return puts_; }
  /// All that was asked, of whatever kind.
  [[nodiscard]] std::size_t requests() const noexcept { return requests_; }

private:
  template <class Result, class Do>
  void later(std::function<void(Result)> done, Do act);

  kept_wakes& kept_;
  const std::size_t page_max_;
  std::deque<std::function<void()>> asked_;
  std::size_t puts_ = 0;
  std::size_t requests_ = 0;
  bool reachable_ = true;
  bool lost_ = false;
  bool held_ = false;
};

} // namespace baton::support
