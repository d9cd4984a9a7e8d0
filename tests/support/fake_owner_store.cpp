#include "tests/support/fake_owner_store.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace baton::support {
namespace {

template <class Key, class Record>
std::vector<Record> values_of(const std::map<Key, Record>& records) {
  std::vector<Record> all;
  for (const auto& [key, record] : records) {
    all.push_back(record);
  }
  return all;
}

} // namespace

void fake_owner_store::read_owners(std::function<void(expected<std::vector<owner_record>, store_failure>)> done) {
  asked_.emplace_back([this, done = std::move(done)] {
    if (!reachable_) return done(unexpected{store_failure::unreachable});
    done(values_of(records_.owners));
  });
}

void fake_owner_store::write_owner(owner_record record, std::function<void(write_result)> done) {
  auto& queue = owners_held_ ? waiting_ : asked_;
  queue.emplace_back([this, record = std::move(record), done = std::move(done)]() mutable {
    if (!reachable_) return done(store_failure::unreachable);
    const auto there = records_.owners.find(record.partition);
    const auto revision = there == records_.owners.end() ? stream_seq{} : there->second.revision;
    if (record.revision != revision) return done(write_refused{});
    record.revision = records_.last = next(records_.last);
    records_.owners[record.partition] = record;
    if (acks_lost_) return done(store_failure::unreachable);
    done(written{record.revision});
  });
}

void fake_owner_store::read_nodes(std::function<void(expected<std::vector<node_record>, store_failure>)> done) {
  asked_.emplace_back([this, done = std::move(done)] {
    if (!reachable_) return done(unexpected{store_failure::unreachable});
    done(values_of(records_.nodes));
  });
}

void fake_owner_store::write_node(node_record record, std::function<void(write_result)> done) {
  ++beats_;
  asked_.emplace_back([this, record = std::move(record), done = std::move(done)]() mutable {
    if (!reachable_) return done(store_failure::unreachable);
    record.revision = records_.last = next(records_.last);
    records_.nodes[record.node] = record;
    done(written{record.revision});
  });
}

void fake_owner_store::remove_node(node_record record) {
  asked_.emplace_back([this, record = std::move(record)] {
    const auto there = records_.nodes.find(record.node);
    if (reachable_ && there != records_.nodes.end() && there->second.revision == record.revision) records_.nodes.erase(there);
  });
}

void fake_owner_store::hold_owners(bool held) {
  owners_held_ = held;
  if (held) return;
  std::move(waiting_.begin(), waiting_.end(), std::back_inserter(asked_));
  waiting_.clear();
}

std::size_t fake_owner_store::run() {
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
