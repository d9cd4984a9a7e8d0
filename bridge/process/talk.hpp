// What a program and its node say to each other over stdin and stdout, apart from processes and pipes: bytes in, meanings out.
// Pure. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "bridge/process/guard_wire.hpp"
#include "messages/slice.hpp"

namespace baton {

/// How a program ended, as its guard saw it.
struct program_end {
  enum class manner : std::uint8_t {
    /// Killed before anybody saw it begin, or without the guard's having said how it ended.
    unknown,
    not_started,
    exited,
    signalled,
    /// The guard itself was killed; what it guarded is gone too.
    guard_lost
  };
  manner how = manner::unknown;
  /// An errno, an exit code or a signal's number.
  int number = 0;
  /// Set if the guard killed it.
  std::optional<guard_wire::cause> killed_for;
  /// The node sent SIGTERM, or had it killed.
  bool told_to_end = false;
};

/// The program did what it must not, and is not worth listening to any more. `text` says where and how, never what it wrote.
struct violation {
  std::string text;
  reason code = reason::program_protocol;
};
/// The program has said its last word; it is expected to end now.
struct last_word {};

using spoken = std::variant<live_note, boundary, last_word, violation>;

class talk {
public:
  virtual ~talk() = default;
  /// For stdin, at the start. `stays_open`: stdin is not closed after it.
  [[nodiscard]] virtual std::string opening(const slice_request& request) const = 0;
  [[nodiscard]] virtual bool stays_open() const = 0;
  /// For stdin: an order; `go_on`: the boundary that was spoken last is safe. Empty: there are no words for it.
  [[nodiscard]] virtual std::string words_for(boundary_order order) = 0;
  /// For stdin: something was said to the run while it was under way. Only between a boundary and its answer.
  [[nodiscard]] virtual std::string words_for(const steer_input& said) = 0;

  /// What came from stdout. Kept until `next` has made sense of it.
  virtual void hear(std::string_view bytes) = 0;
  /// Stdout is closed.
  virtual void hear_end() = 0;
  /// What was said next; nothing: more must be heard first. Not to be called between a boundary and its answer, nor after a
  /// violation.
  [[nodiscard]] virtual std::optional<spoken> next() = 0;

  /// Once all is heard: what the program's end means. Ends that the node itself brought about are not asked about.
  [[nodiscard]] virtual slice_end conclude(const program_end& end) = 0;
};

/// "exited with code 3", "was killed by signal 9".
[[nodiscard]] std::string describe(const program_end& end);

} // namespace baton
