// What an operator should read: one line each, without content of tasks. Any thread; never blocks for long.
#pragma once

#include <cstdint>
#include <string_view>

namespace baton {

enum class severity : std::uint8_t { info, warning, error };

class operator_log {
public:
  virtual ~operator_log() = default;
  virtual void say(severity how, std::string_view what) = 0;
};

} // namespace baton
