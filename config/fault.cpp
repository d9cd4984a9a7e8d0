#include "config/fault.hpp"

namespace baton::config {

namespace {

std::string says(const fault& f) {
  switch (f.kind) {
  case fault_kind::unknown_option:
    return f.wanted.empty() ? "no such option" : "no such option; did you mean " + f.wanted + "?";
  case fault_kind::wrong_type: return "of the wrong type: wanted is " + f.wanted;
  case fault_kind::malformed: return "cannot be read: wanted is " + f.wanted;
  case fault_kind::out_of_bounds: return "out of bounds: wanted is " + f.wanted;
  case fault_kind::relation: return f.wanted;
  case fault_kind::missing: return "missing: " + f.wanted;
  case fault_kind::unrunnable: return "cannot be run: " + f.wanted;
  case fault_kind::file_unreadable: return "cannot be read: " + f.wanted;
  case fault_kind::file_syntax: return "is not TOML: " + f.wanted;
  }
  return {};
}

} // namespace

std::string to_text(const origin& from) {
  switch (from.layer) {
  case layer::built_in: return "default";
  case layer::file: return from.line == 0 ? from.name : from.name + ":" + std::to_string(from.line);
  case layer::environment: return "environment " + from.name;
  case layer::flag: return "flag " + from.name;
  }
  return {};
}

std::string to_text(const fault& f) {
  if (f.option.empty()) return to_text(f.from) + ": " + says(f);
  const auto value = f.value.empty() ? std::string{} : " = " + f.value;
  return f.option + value + " (" + to_text(f.from) + "): " + says(f);
}

std::string to_text(const std::vector<fault>& faults) {
  std::string lines;
  for (const auto& f : faults)
    lines += to_text(f) + "\n";
  return lines;
}

} // namespace baton::config
