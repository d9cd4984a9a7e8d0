#include "actors/session/backlog.hpp"

#include <algorithm>

namespace baton::session {

backlog::const_iterator backlog::place_of(stream_seq seq) const {
  return std::ranges::lower_bound(waiting_, seq, {}, &stub::seq);
}

bool backlog::add(stub message) {
  const auto at = place_of(message.seq);
  if (at != waiting_.end() && at->seq == message.seq) return false;
  if (!seq_by_id_.emplace(message.id, message.seq).second) return false;
  waiting_.insert(at, message);
  return true;
}

void backlog::remove(stream_seq seq) {
  const auto at = place_of(seq);
  if (at == waiting_.end() || at->seq != seq) return;
  seq_by_id_.erase(at->id);
  waiting_.erase(at);
}

void backlog::clear() noexcept {
  waiting_.clear();
  seq_by_id_.clear();
}

const stub* backlog::find(stream_seq seq) const {
  const auto at = place_of(seq);
  return at == waiting_.end() || at->seq != seq ? nullptr : &*at;
}

const stub* backlog::find(id_hash id) const {
  const auto known = seq_by_id_.find(id);
  return known == seq_by_id_.end() ? nullptr : find(known->second);
}

} // namespace baton::session
