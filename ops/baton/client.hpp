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
#include "bridge/nats/requester.hpp"
#include "messages/control.hpp"
#include "messages/expected.hpp"
#include "messages/task.hpp"

namespace baton::cli {

/// A message that an observer got.
struct heard {
  std::string subject;
  std::string payload;
  std::vector<std::string> events;
  /// In the log, of what was republished; 0: a live message.
  stream_seq seq;
};

/// What was heard on some subjects, in order of arrival. Bounded: the oldest go first, and are counted.
class ear {
public:
  void put(heard h);
  /// Waits for the next one; nothing after `patience`.
  [[nodiscard]] std::optional<heard> next(milliseconds patience);
  [[nodiscard]] std::uint64_t missed() const;

private:
  static constexpr std::size_t most = 65'536;
  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::deque<heard> waiting_;
  std::uint64_t missed_ = 0;
};

class client {
public:
  /// `time` outlives the client.
  [[nodiscard]] static expected<std::unique_ptr<client>, std::string> connect(
      const nats::connect_options& to, const clock& time);

  /// The sequence under which the task is stored.
  [[nodiscard]] expected<stream_seq, std::string> publish_task(const session_id& session, const std::string& payload,
                                                               const std::string& message_id);
  /// Publishes a control message and waits for its answer.
  [[nodiscard]] expected<answer, std::string> ask(const session_id& session, control message, milliseconds patience);
  /// Hears until the ear is destroyed with the client.
  [[nodiscard]] std::optional<std::string> listen(const std::string& subject, ear& to);
  [[nodiscard]] expected<nats::log_reader, std::string> reader();
  [[nodiscard]] nats::requester& over() { return *requester_; }
  [[nodiscard]] nats::connection& link() { return *link_; }

private:
  client() = default;

  std::unique_ptr<nats::connection> link_;
  std::unique_ptr<nats::requester> requester_;
  std::vector<nats::subscription> subscriptions_;
};

[[nodiscard]] std::string text_of(const nats::api_failure& why);

} // namespace baton::cli
