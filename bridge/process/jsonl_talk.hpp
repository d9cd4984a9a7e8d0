// The two-way protocol of programs that know Baton: one JSON object per line, each with a `type`. Version 1.
//
// To the program: `start` first, then, at any time, `yield` and `cancel`, each at most once, and `stored` for each checkpoint,
// once it is safe. Whoever waits for `stored` has by then got what was ordered at that checkpoint.
// Who says `heard` in its checkpoints, a list of ids, is told what is said to the run: `steer` before `stored`, and as `steers` in
// `start` what was said since the checkpoint. What is in that list need not be said again: the checkpoint has it.
// From it: `delta`, `tool_call`, `tool_result`, `checkpoint`, and as the last line one of `result`, `error`, `yielded` (right
// after a checkpoint), `cancelled`. ops/errors/program_protocol.md says what a program must not do.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "bridge/process/line_splitter.hpp"
#include "bridge/process/talk.hpp"
#include "messages/codec.hpp"

namespace baton {

class jsonl_talk final : public talk {
public:
  [[nodiscard]] std::string opening(const slice_request& request) const override;
  [[nodiscard]] bool stays_open() const override { return true; }
  [[nodiscard]] std::string words_for(boundary_order order) override;
  [[nodiscard]] std::string words_for(const steer_input& said) override;
  void hear(std::string_view bytes) override { lines_.put(bytes); }
  void hear_end() override { over_ = true; }
  [[nodiscard]] std::optional<spoken> next() override;
  /// An exit without a last word is a failure, worth a retry if a signal that nobody of us sent killed the program.
  [[nodiscard]] slice_end conclude(const program_end& end) override;

  /// Bytes of a line, without its newline.
  static constexpr std::size_t line_max = 1024UL * 1024;

  explicit jsonl_talk(const slice_request& request) : has_checkpoint_(request.state.last_checkpoint.has_value()) {}

private:
  struct handler;

  /// Nothing: the line says nothing that somebody should hear at once.
  std::optional<spoken> understand(std::string_view line);
  std::optional<spoken> on_delta(const value& said);
  std::optional<spoken> on_tool_call(const value& said);
  std::optional<spoken> on_tool_result(const value& said);
  std::optional<spoken> on_checkpoint(const value& said);
  std::optional<spoken> on_result(const value& said);
  std::optional<spoken> on_error(const value& said);
  std::optional<spoken> on_yielded(const value& said);
  std::optional<spoken> on_cancelled(const value& said);
  std::optional<spoken> on_await(const value& said);

  std::optional<spoken> finish(outcome with);
  [[nodiscard]] violation broken(const std::string& how) const;
  /// Text said since the last call or boundary becomes one entry.
  void end_of_text();
  [[nodiscard]] std::vector<entry> take_entries();

  line_splitter lines_;
  bool over_ = false;
  /// Counts from 1.
  std::size_t line_ = 0;

  std::string text_;
  std::vector<entry> entries_;
  std::set<std::string, std::less<>> open_calls_;
  /// The run can go on from somewhere: this slice or an earlier one left a checkpoint.
  bool has_checkpoint_ = false;
  bool yield_ordered_ = false;
  bool cancel_ordered_ = false;
  std::optional<slice_end> end_;
};

} // namespace baton
