#include "messages/slice.hpp"

#include <algorithm>

namespace baton {

value said_together(const value& input, const std::vector<steer_input>& more) {
  if (more.empty()) return input;
  const auto is_text = [](const value& v) { return v.as<std::string>() != nullptr; };
  if (is_text(input) && std::ranges::all_of(more, [&](const steer_input& m) { return is_text(m.input); })) {
    auto text = *input.as<std::string>();
    for (const auto& m : more) text += "\n\n" + *m.input.as<std::string>();
    return text;
  }
  value::array parts;
  const auto add = [&](const value& v) {
    const auto* several = v.as<value::array>();
    if (several == nullptr) return parts.push_back(v);
    parts.insert(parts.end(), several->begin(), several->end());
  };
  add(input);
  for (const auto& m : more) add(m.input);
  return parts;
}

} // namespace baton
