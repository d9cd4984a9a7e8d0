// Real programs under a real host, heard by a listener that the test can wait on.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bridge/process/program_runner.hpp"
#include "tests/support/nats_server.hpp"
#include "tests/support/system_clock.hpp"

namespace baton::support {

/// Remembers what it hears, in order. Any thread. Waits throw once the tests' patience is over.
class attentive_listener final : public slice_listener {
public:
  void note(live_note n) override;
  void at_boundary(boundary b) override;
  void ended(slice_end end) override;

  [[nodiscard]] slice_end wait_for_end();
  /// The next boundary that was not waited for yet.
  [[nodiscard]] boundary wait_for_boundary();
  /// Puts a line of the test's own into `heard`.
  void mark(const std::string& text);
  /// `<kind> <text or JSON>` of each note, `boundary`, `ended`, and marks.
  [[nodiscard]] std::vector<std::string> heard();
  /// All notes of this kind in one, as far as they are text.
  [[nodiscard]] std::string text_of(const std::string& kind);
  /// Called when the end is heard, on the thread that tells it. Must come before that.
  void when_it_ends(std::function<void()> look);

private:
  std::mutex lock_;
  std::condition_variable changed_;
  std::vector<std::string> heard_;
  std::vector<live_note> notes_;
  std::vector<boundary> boundaries_;
  std::size_t seen_boundaries_ = 0;
  std::optional<slice_end> end_;
  std::function<void()> look_;
};

/// One slice under way.
struct started_slice {
  std::shared_ptr<attentive_listener> ear;
  std::unique_ptr<running_slice> running;

  [[nodiscard]] slice_end end() { return ear->wait_for_end(); }
};

/// Of the host.
struct program_times {
  milliseconds lease = std::chrono::hours{1};
  milliseconds settle = std::chrono::seconds{5};
};

class program_world {
public:
  explicit program_world(program_times with = {});

  /// A line for the shell, as a plain runner.
  [[nodiscard]] runner_options shell(const std::string& line) const;
  /// tests/support/programs/jsonl_steps.py, as a jsonl runner.
  [[nodiscard]] runner_options steps() const;
  [[nodiscard]] started_slice start(const runner_options& how, slice_request request);
  [[nodiscard]] started_slice start(const runner_options& how, value input = {});
  [[nodiscard]] static slice_request request(value input);
  [[nodiscard]] std::filesystem::path path(const std::string& name) const { return dir_.path() / name; }
  [[nodiscard]] program_host& host() { return *host_; }
  void stop() { host_.reset(); }
  /// A heartbeat that was sent this long ago was confirmed just now.
  void renew(milliseconds sent_ago = {}) { host_->renewed(time_.monotonic_now() - sent_ago); }

private:
  temp_dir dir_;
  system_clock time_;
  std::unique_ptr<program_host> host_;
  std::vector<std::unique_ptr<program_runner>> runners_;
};

/// Steps for jsonl_steps.py.
[[nodiscard]] value steps(std::vector<value> of);
/// A step that does something: `{name: with}`.
[[nodiscard]] value step(const std::string& name, value with);
/// "completed <JSON>", "<reason>[ (retryable)]: <text>", "yielded", "cancelled", "lost: <text>".
[[nodiscard]] std::string brief(const outcome& o);

} // namespace baton::support
