#include "tests/support/fake_wake_store.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace baton::support {
namespace {

template <class Result>
Result unreachable() {
  if constexpr (std::is_constructible_v<Result, wake_failure>) {
    return wake_failure::unreachable;
  } else {
    return unexpected{wake_failure::unreachable};
  }
}

} // namespace

template <class Result, class Do>
void fake_wake_store::later(std::function<void(Result)> done, Do act) {
  ++requests_;
  asked_.emplace_back([this, done = std::move(done), act = std::move(act)]() mutable {
    if (!reachable_) return done(unreachable<Result>());
    Result result = act();
    done(lost_ ? unreachable<Result>() : std::move(result));
  });
}

void fake_wake_store::put(partition_id partition, const session_id& session, const wake_key& key, wake w, stream_seq expected,
    std::function<void(wake_put_result)> done) {
  ++puts_;
  later(std::move(done), [this, at = kept_wakes::place{partition, session, key}, w = std::move(w), expected]() -> wake_put_result {
    const auto there = kept_.all.find(at);
    if ((there == kept_.all.end() ? stream_seq{} : there->second.seq) != expected) return wake_differs{};
    kept_.last = next(kept_.last);
    kept_.all[at] = {kept_.last, w};
    return wake_written{kept_.last};
  });
}

void fake_wake_store::remove(partition_id, stream_seq seq, std::function<void(wake_remove_result)> done) {
  later(std::move(done), [this, seq]() -> wake_remove_result {
    const auto gone = std::erase_if(kept_.all, [seq](const auto& one) { return one.second.seq == seq; });
    if (gone == 0) return wake_differs{};
    return wake_gone{};
  });
}

void fake_wake_store::find(partition_id partition, const session_id& session, const wake_key& key,
    std::function<void(find_result)> done) {
  later(std::move(done), [this, at = kept_wakes::place{partition, session, key}]() -> find_result {
    const auto there = kept_.all.find(at);
    return there == kept_.all.end() ? std::optional<found_wake>{} : there->second;
  });
}

void fake_wake_store::load(partition_id partition, stream_seq from, std::function<void(load_result)> done) {
  later(std::move(done), [this, partition, from]() -> load_result {
    std::vector<stored_wake> all;
    for (const auto& [at, found] : kept_.all) {
      if (at.partition == partition && found.seq >= from) all.push_back({at.session, at.key, found.wake.value_or(wake{}), found.seq});
    }
    std::ranges::sort(all, {}, &stored_wake::seq);
    wake_page page;
    if (all.size() > page_max_) {
      page.next = all[page_max_].seq;
      all.resize(page_max_);
    }
    page.wakes = std::move(all);
    return page;
  });
}

std::size_t fake_wake_store::run() {
  std::size_t answered = 0;
  while (!held_ && !asked_.empty()) {
    const auto next_one = std::move(asked_.front());
    asked_.pop_front();
    next_one();
    ++answered;
  }
  return answered;
}

} // namespace baton::support
