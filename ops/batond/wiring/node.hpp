// A running node: every part, in the order in which they need each other. Actors and bridge meet only here.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "actors/partition/ownership.hpp"
#include "config/options.hpp"
#include "messages/expected.hpp"
#include "ops/batond/signals.hpp"
#include "ops/batond/system.hpp"

namespace baton::batond {

class node {
public:
  struct notices {
    /// From a thread of the node; only post.
    std::function<void(bool, const ownership::share&)> ready;
    std::function<void(bool quiet)> finished;
    /// A part that the node cannot do without has ended by a bug: nothing goes on, and the node should be destroyed. One line
    /// for a person. May come more than once, also before `start` has returned.
    std::function<void(const std::string& what)> broke;
  };
  /// Blocks until the node has begun to take partitions; its progress goes to `log`. Else one line for a person.
  [[nodiscard]] static expected<std::unique_ptr<node>, std::string> start(const options& o, const system_clock& time,
                                                                          operator_log& log, notices told,
                                                                          const stop_signals& signals);
  /// Ends everything, at once. Whatever is not stored is delivered again to the next owner.
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  /// Gives back all partitions in good order, then `finished`; the second call stops at once.
  void drain();
  /// Where clients find the broker, and people the status pages (empty: none).
  [[nodiscard]] const std::string& broker_url() const;
  [[nodiscard]] const std::string& status_url() const;
  [[nodiscard]] const std::string& data_dir() const;

private:
  struct parts;
  explicit node(std::unique_ptr<parts> made);
  std::unique_ptr<parts> parts_;
};

} // namespace baton::batond
