// What a person or a program sees: results on stdout, everything else on stderr. One thread.
#pragma once

#include <string_view>

#include "messages/value.hpp"

namespace baton::cli {

class console {
public:
  explicit console(bool json) : json_{json} {}

  /// Results are JSON objects, one a line.
  [[nodiscard]] bool json() const noexcept { return json_; }
  [[nodiscard]] static bool input_is_terminal();

  /// Written at once, as it is.
  void piece(std::string_view text);
  /// A line of its own: ends one that a piece left open.
  void line(std::string_view text);
  /// The same, as JSON.
  void object(const value& told);
  /// To stderr.
  void aside(std::string_view text);
  /// Asks on stderr, reads a line from stdin; only a text that begins with y or Y is a yes.
  [[nodiscard]] static bool asks(std::string_view question);

private:
  void end_open_line();

  bool json_;
  bool open_line_ = false;
};

} // namespace baton::cli
