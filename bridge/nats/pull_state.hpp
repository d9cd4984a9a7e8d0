// The books of one pull: what one partition's listener holds of one work queue, what was asked of the consumer at hand, what
// is to be acknowledged. A partition outlives its consumers: each new one delivers all that is still in the queue again, in
// order from the start; what is held then only gets its newest reply subject. Pure: time comes in, orders go out. One thread.
//
// What a consumer has passed without delivering it is not in the queue any more: that settles acknowledgements whose confirmation
// was lost. Only the order of deliveries, and heartbeats that agree with our own count, prove it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "bridge/nats/task_source_wire.hpp"
#include "messages/ids.hpp"
#include "messages/instant.hpp"

namespace baton::nats {

struct pull_limits {
  /// Held messages that are not light. After a new consumer was made it may be exceeded: by one, while only redeliveries of
  /// light messages are waited for; by those that were light and forgotten, since they come back with their weight.
  std::size_t credit = 4096;
  /// Their payloads. Nothing is asked for above it; what was asked for before may still come.
  std::size_t held_bytes = std::size_t{32} << 20U;
  /// Messages that are light. Nothing is asked for above it, either.
  std::size_t light_max = 262'144;
  std::size_t batch = 256; // asked for at once, up to two of these under way; of a quarter while more than two are light
  /// What one request may bring. At least one message of the largest size that the server takes.
  std::size_t request_bytes = std::size_t{4} << 20U;
  milliseconds expires{30'000};
  /// The server's sign of life when it has nothing for us. Silence for twice as long and a second: the consumer is lost.
  milliseconds heartbeat{5'000};
  /// Both, while it is not known which of the held messages are still in the queue.
  milliseconds resync_expires{2'000};
  milliseconds resync_heartbeat{200};
  /// Between attempts to acknowledge: doubles from the first to the longest.
  milliseconds ack_retry_first{200};
  milliseconds ack_retry_longest{5'000};
  /// After the server refused a request.
  milliseconds refused_pause{1'000};
};

/// Why the consumer at hand can serve no longer.
enum class consumer_loss : std::uint8_t {
  none,
  /// A delivery is missing between those that came.
  gap,
  /// Neither messages nor heartbeats.
  silent,
  /// The server says that it was deleted, or knows nothing of it.
  deleted,
  /// Its leader changed, and with it went what was asked for.
  moved,
  /// The stream holds another message where one that is held was: what is held has no meaning any more.
  replaced,
};

struct ack_order {
  stream_seq seq;
  std::string reply;
};

/// What the shell has to do, in any order.
struct pull_orders {
  std::vector<pull_request> ask;
  std::vector<ack_order> acknowledge;
  std::vector<std::function<void()>> confirmed;
  consumer_loss loss = consumer_loss::none;
};

/// A status message of the server in answer to a request.
struct pull_status {
  std::uint64_t token = 0;
  int code = 0;
  std::string_view description;
  /// Of the request that ended: what it did not bring. Else 0.
  std::uint64_t pending_messages = 0;
  /// Of a heartbeat.
  std::uint64_t last_consumer_seq = 0;
  stream_seq last_stream_seq;
};

struct pulled {
  ack_subject at;
  std::string_view reply;
  const session_id& session;
  std::size_t bytes = 0;
};

enum class pull_fate : std::uint8_t {
  /// New: it is held from now on.
  deliver,
  /// The listener has it already.
  held,
  /// From a consumer that is not ours any more; it comes again.
  stale,
};

class pull_state {
public:
  explicit pull_state(const pull_limits& limits) : limits_{limits} {}

  /// A new consumer, of which nothing was asked yet.
  void began(std::string consumer, monotonic_instant now);
  /// There is no consumer until the next `began`; what still arrives is stale. What is held stays held.
  void ended();
  /// Empty: none.
  [[nodiscard]] const std::string& consumer() const noexcept { return consumer_; }

  [[nodiscard]] pull_fate message(const pulled& m, monotonic_instant now, pull_orders& out);
  void status(const pull_status& s, monotonic_instant now, pull_orders& out);
  /// What was ordered could not be sent.
  void not_asked(std::uint64_t token);
  /// Whatever time brings: requests that ran out, repeated acknowledgements, silence, small requests that were saved up.
  void tick(monotonic_instant now, pull_orders& out);
  /// Whether the next tick should not wait long.
  [[nodiscard]] bool wants_tick_soon() const noexcept { return saving_up_ || !retries_.empty(); }

  /// Also for a message that has not come yet: it then is acknowledged instead of delivered.
  void acknowledge(stream_seq seq, std::function<void()> confirmed, monotonic_instant now, pull_orders& out);
  /// The broker confirmed it; nothing if that was known.
  void ack_confirmed(stream_seq seq, monotonic_instant now, pull_orders& out);
  /// `nobody`: the server has no such consumer. Otherwise it is not known whether the acknowledgement arrived.
  void ack_failed(const ack_order& sent, bool nobody, monotonic_instant now, pull_orders& out);
  void lighten(stream_seq seq, monotonic_instant now, pull_orders& out);
  /// Whether anything of the session was held; then the consumer has ended, so that order holds when it comes again.
  [[nodiscard]] bool forget(const session_id& session);

  [[nodiscard]] bool holds(stream_seq seq) const { return held_.contains(seq); }
  [[nodiscard]] std::size_t held() const noexcept { return held_.size(); }
  /// The highest sequence that ever came.
  [[nodiscard]] stream_seq highest() const noexcept { return highest_; }
  /// What counts against the credit.
  [[nodiscard]] std::size_t heavy() const noexcept { return heavy_; }
  /// More than half of what may be held is.
  [[nodiscard]] bool crowded() const noexcept;
  /// Asked for and not yet there.
  [[nodiscard]] std::size_t outstanding() const noexcept { return outstanding_; }
  /// Held messages of which it is not known whether they are still in the queue.
  [[nodiscard]] std::size_t awaited() const noexcept { return awaited_.size(); }

private:
  struct held_message {
    session_id session;
    std::string reply; // newest; empty: none yet
    std::size_t bytes = 0;
    instant stored_at{};
    std::uint64_t generation = 0; // of the consumer that delivered it last; 0: none yet
    std::uint32_t ack_attempts = 0;
    /// When the acknowledgement is repeated; only this one of its entries in `retries_` counts.
    monotonic_instant retry_at{};
    bool light = false;
    bool awaited = false; // its place is in `awaited_`
    bool ack_wanted = false;
    bool gone = false; // the consumer passed it: it is not in the queue any more
    std::function<void()> confirmed;
  };
  using rows = std::unordered_map<stream_seq, held_message>;
  struct request {
    std::uint64_t batch = 0;
    monotonic_instant expires;
  };

  rows::iterator drop(rows::iterator at);
  void no_longer_awaited(held_message& kept);
  void settle_passed(stream_seq below, pull_orders& out);
  void end_request(const pull_status& s);
  void lose(consumer_loss why, pull_orders& out);
  void ask(monotonic_instant now, bool save_up, pull_orders& out);
  [[nodiscard]] std::size_t room() const noexcept;

  pull_limits limits_;
  std::string consumer_;
  std::uint64_t generation_ = 0;
  std::uint64_t last_consumer_seq_ = 0;
  /// All below or at it that is in the queue was delivered by the consumer at hand.
  stream_seq passed_;
  stream_seq highest_;
  monotonic_instant heard_{};
  monotonic_instant paused_until_{};

  rows held_;
  std::size_t heavy_ = 0;
  std::size_t heavy_bytes_ = 0;
  /// In order; rows of older generations, or of none.
  std::deque<stream_seq> awaited_;
  /// How many of these rows are not light.
  std::size_t awaited_heavy_ = 0;
  std::multimap<monotonic_instant, stream_seq> retries_;

  std::map<std::uint64_t, request> requests_;
  std::uint64_t last_token_ = 0;
  std::size_t outstanding_ = 0;
  bool saving_up_ = false;
};

} // namespace baton::nats
