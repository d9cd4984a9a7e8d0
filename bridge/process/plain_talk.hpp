// A program that knows nothing of Baton: the input on stdin, the result on stdout, the exit code decides.
#pragma once

#include "bridge/process/line_splitter.hpp"
#include "bridge/process/talk.hpp"

namespace baton {

class plain_talk final : public talk {
public:
  /// Text as it is, anything else as JSON.
  [[nodiscard]] std::string opening(const slice_request& request) const override;
  [[nodiscard]] bool stays_open() const override { return false; }
  /// Orders are signals here.
  [[nodiscard]] std::string words_for(boundary_order) override { return {}; }
  /// It reaches no boundary.
  [[nodiscard]] std::string words_for(const steer_input&) override { return {}; }
  void hear(std::string_view bytes) override;
  void hear_end() override { over_ = true; }
  /// Each line, with its newline, as a note `delta`. A line that is longer than `piece_max` comes in pieces.
  [[nodiscard]] std::optional<spoken> next() override;
  /// Exit code 0 completes; 75 (EX_TEMPFAIL) is a failure worth a retry, all else one that is not.
  [[nodiscard]] slice_end conclude(const program_end& end) override;

  static constexpr std::size_t piece_max = 64UL * 1024;

private:
  [[nodiscard]] std::string take_piece();

  std::string heard_;
  /// How much of `heard_` was passed on as notes.
  std::size_t told_ = 0;
  bool over_ = false;
};

} // namespace baton
