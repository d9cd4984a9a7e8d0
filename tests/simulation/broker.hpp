// The broker: what nats-server does with the streams that Baton uses, as far as Baton can tell. Two work queues with one durable
// pull consumer for each partition, explicit acknowledgements, redelivery after the ack wait, requests that expire and heartbeats;
// the log with its compare-and-set on a session's last sequence and with roll-up; dead letters with a window for duplicates.
// It keeps all of it over its own restarts, apart from requests. Knows neither machines nor checks: `watcher` sees what it stores.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bridge/nats/pull_state.hpp"
#include "messages/ids.hpp"
#include "tests/simulation/network.hpp"

namespace baton::simulation {

class broker {
public:
  struct message {
    std::string subject;
    std::string payload;
    instant stored_at;
  };
  struct log_record {
    stream_seq seq;
    std::string body;
    instant stored_at;
  };
  struct watcher {
    virtual ~watcher() = default;
    virtual void accepted(message_kind kind, stream_seq seq, const session_id& session, const message& m) = 0;
    virtual void removed(message_kind kind, stream_seq seq) = 0;
    virtual void logged(const session_id& session, const log_record& stored) = 0;
    virtual void letter_stored(const std::string& dedupe, const std::string& body, bool is_repeated) = 0;
  };
  broker(world& in, network& over, std::uint64_t partitions) : world_(in), network_(over), partitions_(partitions) {}
  broker(const broker&) = delete;
  broker& operator=(const broker&) = delete;
  watcher* seen_by = nullptr;

  // ---- producers
  struct published {
    stream_seq seq;
    bool is_duplicate = false;
  };
  published publish(message_kind kind, const session_id& session, std::string payload, const std::string& message_id);
  [[nodiscard]] partition_id partition_of(const session_id& session) const;
  [[nodiscard]] std::uint64_t partitions() const noexcept { return partitions_; }

  // ---- work queues
  struct pushed {
    /// Of a message; empty: a status.
    std::string reply;
    message what;
    nats::pull_status status;
    std::string description;
  };
  using inbox = std::function<void(const pushed&)>;
  [[nodiscard]] std::vector<std::string> consumers(message_kind kind) const;
  bool remove_consumer(message_kind kind, const std::string& name);
  /// False: another one has the same filter.
  bool make_consumer(message_kind kind, const std::string& name, partition_id partition, milliseconds ack_wait);
  /// A request of this connection; what it brings is pushed over it. False: there is no such consumer.
  bool pull(message_kind kind, const std::string& consumer, const nats::pull_request& request, network::link& by, inbox to);
  /// False: nobody listens on that subject.
  bool acknowledge(message_kind kind, const std::string& reply);
  [[nodiscard]] std::optional<message> read(message_kind kind, stream_seq seq) const;
  [[nodiscard]] stream_seq last(message_kind kind) const { return queues_[index(kind)].last; }
  [[nodiscard]] std::size_t waiting(message_kind kind) const { return queues_[index(kind)].messages.size(); }
  [[nodiscard]] bool holds(message_kind kind, stream_seq seq) const { return queues_[index(kind)].messages.contains(seq); }
  /// An operator, or the server itself, throws a consumer away.
  void lose_consumer(std::uint64_t chance);

  // ---- log
  /// The sequence; or, refused, where the session's last commit lies.
  struct append_answer {
    bool is_stored = false;
    stream_seq seq;
  };
  append_answer append(const session_id& session, stream_seq expected, std::string body, bool rolls_up);
  [[nodiscard]] std::optional<log_record> last_commit(const session_id& session) const;
  [[nodiscard]] std::optional<log_record> commit_at(const session_id& session, stream_seq seq) const;
  bool is_log_full = false;

  // ---- dead letters
  void bury(const std::string& dedupe, std::string body);

  /// It starts again: what was only in its memory is gone.
  void restarted();

private:
  struct request {
    nats::pull_request asked;
    std::uint64_t left = 0;
    sim_time expires = 0;
    network::link* by = nullptr;
    std::uint64_t generation = 0;
    inbox to;
    std::uint64_t number = 0;
    bool has_beaten = false;
  };
  struct consumer {
    partition_id partition;
    milliseconds ack_wait{};
    stream_seq passed;
    std::uint64_t delivered = 0;
    /// Sent, not acknowledged: when it is sent again, and how often it was.
    std::map<stream_seq, std::pair<sim_time, std::uint64_t>> pending;
    std::deque<stream_seq> again;
    std::deque<request> requests;
  };
  struct queue {
    std::map<stream_seq, message> messages;
    std::map<stream_seq, partition_id> partition_at;
    stream_seq last;
    std::map<std::string, consumer> consumers;
    std::map<std::string, std::pair<sim_time, stream_seq>> recent_ids;
  };
  static std::size_t index(message_kind kind) { return static_cast<std::size_t>(kind); }
  void serve(message_kind kind, const std::string& name);
  [[nodiscard]] std::optional<stream_seq> next_for(queue& q, consumer& c);
  void send(message_kind kind, const std::string& name, consumer& c, request& to, stream_seq seq);
  void tell(request& to, int code, std::string description, const consumer& c, std::uint64_t pending = 0);
  void expire(message_kind kind, const std::string& name, std::uint64_t number);
  void beat(message_kind kind, const std::string& name, std::uint64_t number);
  void resend(message_kind kind, const std::string& name, stream_seq seq);
  consumer* find(message_kind kind, const std::string& name);

  world& world_;
  network& network_;
  std::uint64_t partitions_;
  std::uint64_t requests_made_ = 0;
  queue queues_[2];
  std::map<session_id, std::vector<log_record>> log_;
  stream_seq last_logged_;
  std::map<std::string, sim_time> letters_;
};

} // namespace baton::simulation
