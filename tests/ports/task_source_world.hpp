// A real server with both work queues in four partitions, and what tests of the task source need around it: a producer, listeners that
// record, and a view of the consumers. Everything waits for events, with a deadline.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bridge/nats/task_source.hpp"
#include "messages/subjects.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/system_clock.hpp"

namespace baton::nats {

inline constexpr std::uint64_t test_partitions = 4;

[[nodiscard]] inline session_id session(const std::string& text) { return session_id::parse(text).value(); }
[[nodiscard]] inline partition_id home_of(const std::string& text) {
  return subjects::partition_of(session(text), test_partitions);
}

/// Hears of one or more partitions.
class recording_listener final : public task_listener {
public:
  struct stop {
    partition_id partition;
    epoch of;
    source_failure why;
  };

  void delivered(std::vector<delivery> batch) override;
  void stopped(partition_id partition, epoch of, source_failure why) override;

  /// False if it did not come to that within the deadline.
  [[nodiscard]] bool wait_until(const std::function<bool(const std::vector<delivery>&)>& enough);
  [[nodiscard]] bool wait_for(std::size_t deliveries);
  [[nodiscard]] bool wait_for_stop();
  [[nodiscard]] std::vector<delivery> all() const;
  /// The ids of what was delivered for a session, in order of arrival; a refusal as its reason.
  [[nodiscard]] std::vector<std::string> ids_of(const std::string& of) const;
  [[nodiscard]] std::vector<stop> stops() const;
  [[nodiscard]] std::size_t batches() const;

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<delivery> all_;
  std::vector<stop> stops_;
  std::size_t batches_ = 0;
};

/// Acknowledges all that it hears, and keeps count.
class settling_listener final : public task_listener {
public:
  explicit settling_listener(task_source& source) : source_{source} {}

  void delivered(std::vector<delivery> batch) override;
  void stopped(partition_id partition, epoch of, source_failure why) override;
  /// False if it did not come to that within the deadline.
  [[nodiscard]] bool wait_confirmed(std::size_t confirmations);
  [[nodiscard]] bool wait_heard(std::size_t deliveries);
  [[nodiscard]] std::size_t confirmed() const;
  [[nodiscard]] std::size_t stops() const;
  /// Of each session, the ids in the order in which they first came.
  [[nodiscard]] std::map<std::string, std::vector<std::string>> first_comings() const;

private:
  task_source& source_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::vector<std::string>> first_comings_;
  std::set<std::pair<message_kind, stream_seq>> seen_;
  std::size_t heard_ = 0;
  std::size_t confirmed_ = 0;
  std::size_t stops_ = 0;
};

/// How often something was called, and by whom nobody cares.
class tally {
public:
  [[nodiscard]] std::function<void()> one();
  [[nodiscard]] bool wait_for(std::size_t calls);
  [[nodiscard]] std::size_t count() const;

private:
  struct held {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t calls = 0;
  };
  std::shared_ptr<held> held_ = std::make_shared<held>();
};

/// One node: a connection, a requester, a source.
class source_node {
public:
  explicit source_node(const std::string& url, task_source_options options = {});

  /// Opens and waits; nothing if the answer did not come.
  [[nodiscard]] std::optional<expected<task_source::opened, source_failure>> open(
      partition_id partition, std::uint64_t of, std::shared_ptr<task_listener> to);
  [[nodiscard]] std::optional<task_source::read_result> read_back(
      partition_id partition, message_kind kind, stream_seq seq);
  /// The answer to a request, or the failure's text. Waits for a connection.
  [[nodiscard]] std::string ask(const std::string& subject, std::string_view payload, header_list with = {});
  [[nodiscard]] task_source& source() { return *source_; }
  [[nodiscard]] connection& link() { return *link_; }
  void end_source() { source_.reset(); }

private:
  [[nodiscard]] std::string ask_once(const std::string& subject, std::string_view payload, header_list with);

  support::system_clock time_;
  std::unique_ptr<connection> link_;
  std::unique_ptr<requester> asks_;
  std::unique_ptr<nats_task_source> source_;
};

class queue_world {
public:
  explicit queue_world(std::uint64_t partitions = test_partitions, bool with_streams = true);

  /// Publishes and waits for the broker's word; the sequence.
  stream_seq publish_task(const std::string& to, const std::string& id);
  stream_seq publish_control(const std::string& to, const std::string& id);
  stream_seq publish(const std::string& subject, std::string_view payload, header_list with = {});
  /// The answer to a request of the API; throws if it is an error.
  value call(const std::string& subject, std::string_view payload = {});
  /// Many, without waiting for each.
  void publish_tasks(const std::string& to, int from, int count);
  void make_streams();

  [[nodiscard]] std::vector<std::string> consumers(message_kind kind);
  /// Messages that are in the stream.
  [[nodiscard]] std::uint64_t stored(message_kind kind);
  [[nodiscard]] std::string url() const { return server.url(); }

  support::nats_server server;

private:
  std::uint64_t partitions_;
  std::unique_ptr<source_node> producer_;
};

} // namespace baton::nats
