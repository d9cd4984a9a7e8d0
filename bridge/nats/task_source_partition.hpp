// One open partition: its two pulls (tasks, control), the consumers they have or wait for, and the messages on their way to the
// listener. Any thread; one mutex, never held while a listener or a callback is called. It sends nothing: what is to be sent
// comes back as `outgoing`.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "actors/ports/task_source.hpp"
#include "bridge/nats/pull_state.hpp"
#include "bridge/nats/task_source_setup.hpp"

namespace baton::nats {

inline constexpr std::array both_kinds{message_kind::task, message_kind::control};

struct outgoing {
  message_kind kind = message_kind::task;
  /// Of which to ask.
  std::string consumer;
  pull_orders orders;
};

struct partition_limits {
  pull_limits pull;
  milliseconds ack_wait{};
  milliseconds setup_timeout{};
  milliseconds setup_retry_first{};
  milliseconds setup_retry_longest{};
  /// How long set-up may fail before the partition is given up.
  milliseconds patience{};
};

class partition_pull {
public:
  using open_callback = std::function<void(expected<task_source::opened, source_failure>)>;

  partition_pull(partition_id id, epoch of, std::shared_ptr<task_listener> to, open_callback done,
      const partition_limits& limits, monotonic_instant now);

  [[nodiscard]] partition_id id() const noexcept { return id_; }

  // --- consumers
  /// Orders a set-up of each kind that needs one by now, at most `most`. The mark comes back with the result.
  struct wanted_setup {
    std::uint64_t mark = 0;
    setup_order order;
  };
  [[nodiscard]] std::vector<wanted_setup> take_setups(monotonic_instant now, std::size_t most);
  [[nodiscard]] std::size_t setups_under_way() const;

  struct setup_outcome {
    /// Both kinds have a consumer for the first time: call this with `opened`, then send what goes out.
    open_callback opened;
    /// The partition is closed by this.
    std::optional<source_failure> failed;
    /// Made for nobody any more: delete it.
    std::string orphan;
    std::vector<outgoing> out;
    std::string trouble;
  };
  [[nodiscard]] setup_outcome setup_ended(
      message_kind kind, std::uint64_t mark, setup_result result, monotonic_instant now);

  /// No consumer is of use any more: the connection broke, or came back.
  void connection_changed(monotonic_instant now);
  /// What time brings, of both kinds; `soon`: it should be called again before long.
  [[nodiscard]] std::vector<outgoing> tick(monotonic_instant now, bool& soon);
  /// It could not be opened for too long.
  [[nodiscard]] bool overdue(monotonic_instant now) const;
  /// After a loss the next set-up is due; tells what was lost, or nothing.
  [[nodiscard]] std::string note_loss(message_kind kind, consumer_loss why, monotonic_instant now);

  // --- from the server
  /// Whether the message is to be decoded and staged.
  [[nodiscard]] bool message(
      message_kind kind, const pulled& m, monotonic_instant now, bool& before_open, outgoing& out);
  void status(message_kind kind, const pull_status& s, monotonic_instant now, outgoing& out);
  /// Unless it was closed or forgotten meanwhile. Whether it is the first one staged since the last flush.
  [[nodiscard]] bool stage(delivery d);
  /// Hands over what is staged. From the source's own thread only.
  void flush();
  void not_asked(message_kind kind, const std::vector<pull_request>& requests);
  void ack_confirmed(message_kind kind, stream_seq seq, monotonic_instant now, outgoing& out);
  void ack_failed(message_kind kind, const ack_order& sent, bool nobody, monotonic_instant now, outgoing& out);

  // --- from the listener
  void acknowledge(
      message_kind kind, stream_seq seq, std::function<void()> confirmed, monotonic_instant now, outgoing& out);
  void lighten(message_kind kind, stream_seq seq, monotonic_instant now, outgoing& out);
  /// If anything was held, its consumers are to be set up anew. Returns the round that begins.
  [[nodiscard]] delivery_round forget(const session_id& session, monotonic_instant now);
  [[nodiscard]] bool was_before_open(message_kind kind, stream_seq seq) const;

  struct closing {
    /// False: somebody else closed it before.
    bool first = false;
    open_callback done;
    std::shared_ptr<task_listener> listener;
    epoch of;
    /// The consumers that are left, by kind; empty: none.
    std::array<std::string, 2> consumers;
    /// What was held, with callbacks that nobody will call: it ends with this, not under the partition's lock.
    std::vector<pull_state> held;
  };
  /// From now on nothing is delivered and nothing is confirmed. Returns when no delivery is being made, unless called by one.
  [[nodiscard]] closing close();
  [[nodiscard]] bool closed() const;

private:
  struct lane {
    explicit lane(const pull_limits& limits) : state{limits} {}
    pull_state state;
    stream_seq last_at_open;
    /// Empty: never set up.
    std::string stream_made;
    /// A set-up is wanted, at `due`.
    bool wanted = true;
    monotonic_instant due{};
    /// Of the set-up under way; nullptr: none.
    std::shared_ptr<std::atomic<bool>> abandoned;
    std::uint64_t mark = 0;
    milliseconds retry{};
    /// Since when set-ups have failed.
    std::optional<monotonic_instant> failing;
  };

  lane& of(message_kind kind) { return lanes_[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] const lane& of(message_kind kind) const { return lanes_[static_cast<std::size_t>(kind)]; }
  void want(lane& l, monotonic_instant due);
  void abandon(lane& l);
  void made(lane& l, consumer_made made, monotonic_instant now, setup_outcome& outcome);
  void failed(lane& l, message_kind kind, const setup_failed& why, monotonic_instant now, setup_outcome& outcome);

  const partition_id id_;
  const epoch epoch_;
  const partition_limits limits_;
  const monotonic_instant born_;

  mutable std::mutex mutex_;
  std::condition_variable delivered_;
  std::shared_ptr<task_listener> listener_;
  open_callback done_;
  std::array<lane, 2> lanes_;
  std::vector<delivery> staged_;
  /// What is staged now is of this one.
  delivery_round round_;
  /// Who calls the listener at this moment.
  std::thread::id delivering_;
  bool opened_ = false;
  bool closed_ = false;
};

} // namespace baton::nats
