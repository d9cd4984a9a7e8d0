// One slice that a program runs: what it says goes to the listener, what the session orders goes to it, and its limits are
// kept. Made anywhere; from `begin` on, everything happens on the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "actors/ports/runner.hpp"
#include "bridge/process/guarded_program.hpp"
#include "bridge/process/live_feed.hpp"
#include "bridge/process/talk.hpp"
#include "config/options.hpp"

namespace baton {

/// What the host of all programs gives to each.
struct slice_place {
  std::filesystem::path guard;
  std::filesystem::path record;
  std::chrono::milliseconds lease{0};
  std::optional<monotonic_instant> lease_end;
  std::chrono::milliseconds settle{0};
};

class program_slice final : private program_listener {
public:
  program_slice(runner_options how, slice_request request, std::shared_ptr<slice_listener> to);

  /// First, and once. `over` is called once, after the listener heard of the end; this must live on until it has returned.
  void begin(event_loop& on, const slice_place& place, std::function<void()> over);
  void answer(boundary_answer said);
  void ask(boundary_order order);
  void abort(lost why);
  /// Like `abort`, and nobody listens any more.
  void abandon();
  void renew(monotonic_instant lease_end);

private:
  /// How far the program was pushed towards its end.
  enum class push : std::uint8_t { none, asked, terminated, killed };

  [[nodiscard]] int prepare_folder();
  [[nodiscard]] guarded_order order_for(const slice_place& place) const;
  [[nodiscard]] std::vector<std::string> environment() const;

  void output(std::string_view bytes) override;
  void errors(std::string_view bytes) override;
  void output_closed() override;
  void ended(program_end end) override;

  void hear_out();
  void on_violation(const violation& v);
  void on_last_word();
  void show(live_note note);
  void pass_on(live_note note);

  void decide(reason code, std::string text, bool retryable);
  void push_to(push step);
  void on_time();
  void not_started(const std::string& why, bool retryable);
  [[nodiscard]] slice_end judge(const program_end& end);
  void finish(slice_end end);
  void add_last_errors(slice_end& end) const;

  runner_options how_;
  slice_request request_;
  std::shared_ptr<slice_listener> to_;
  std::function<void()> over_;
  std::unique_ptr<talk> talk_;
  std::filesystem::path folder_;
  std::chrono::milliseconds settle_{0};
  std::unique_ptr<guarded_program> program_;
  /// The time limit; once the program is pushed, the next push.
  std::unique_ptr<loop_timer> timer_;
  std::unique_ptr<loop_timer> window_;
  live_feed live_;

  std::uint64_t heard_bytes_ = 0;
  std::string stderr_tail_;
  bool waiting_for_answer_ = false;
  bool left_checkpoint_ = false;
  bool yield_asked_ = false;
  bool cancel_asked_ = false;
  push pushed_ = push::none;
  /// The node's own verdict, whatever the program still says.
  std::optional<failed> decided_;
  std::optional<lost> aborted_;
};

} // namespace baton
