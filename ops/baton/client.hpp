// The command line's side of the broker: blocking calls, one thread, errors as lines for a person.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/ports/clock.hpp"
#include "bridge/nats/connection.hpp"
#include "bridge/nats/log_reader.hpp"
#include "bridge/nats/pub_ack.hpp"
#include "bridge/nats/requester.hpp"
#include "messages/control.hpp"
#include "messages/task.hpp"
#include "ops/baton/complaint.hpp"

namespace baton::cli {

/// A message that an observer got.
struct heard {
  std::string subject;
  std::string payload;
  std::vector<std::string> events;
  /// In its stream, of what was republished; 0: a live message.
  stream_seq seq;
  /// The one before it on the same subject in the stream; 0: none, or not republished.
  stream_seq before;
};

/// What was heard on some subjects, in order of arrival. Bounded: the oldest go first, and are counted. Hears as long as it lives,
/// and is destroyed before the client.
class hearing {
public:
  hearing() = default;
  hearing(const hearing&) = delete;
  hearing& operator=(const hearing&) = delete;

  /// Waits for the next one; nothing after `patience`.
  [[nodiscard]] std::optional<heard> next(milliseconds patience);
  [[nodiscard]] std::uint64_t missed() const;

private:
  friend class client;
  void put(heard h);

  static constexpr std::size_t most = 65'536;
  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::deque<heard> waiting_;
  std::uint64_t missed_ = 0;
  /// The last member: nothing is put any more once they are gone.
  std::vector<nats::subscription> subscriptions_;
};

class client {
public:
  /// `time` outlives the client.
  [[nodiscard]] static or_complaint<std::unique_ptr<client>> connect(const nats::connect_options& to, const clock& time);

  [[nodiscard]] expected<nats::published, nats::api_failure> publish_task(
      const session_id& session, const std::string& payload, const std::string& message_id);
  /// Publishes a control message and waits for its answer. `waits_on` is called once, if none has come after a moment.
  [[nodiscard]] or_complaint<answer> ask(
      const session_id& session, control message, milliseconds patience, const std::function<void()>& waits_on);
  /// When it returns, the broker knows of the subscriptions.
  [[nodiscard]] or_complaint<std::unique_ptr<hearing>> listen(const std::vector<std::string>& subjects);
  [[nodiscard]] or_complaint<nats::log_reader> reader();
  [[nodiscard]] nats::requester& over() { return *requester_; }
  [[nodiscard]] nats::connection& link() { return *link_; }

private:
  client() = default;

  std::unique_ptr<nats::connection> link_;
  std::unique_ptr<nats::requester> requester_;
};

/// Away, or refused: the exit code tells.
[[nodiscard]] complaint complaint_of(const nats::api_failure& why);

} // namespace baton::cli
