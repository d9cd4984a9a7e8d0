// The names of a session machine's inputs, events and effects, as their types are called in the code. For tests to print.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace baton::support {

template <class T>
[[nodiscard]] constexpr std::string_view type_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("T = ") + 4);
  text = text.substr(0, text.find_first_of(";]"));
  const auto scope = text.rfind("::");
  return scope == std::string_view::npos ? text : text.substr(scope + 2);
}

/// Of the alternative that `v` holds.
template <class... Ts>
[[nodiscard]] std::string_view name_of(const std::variant<Ts...>& v) {
  return std::visit([]<class T>(const T&) { return type_name<T>(); }, v);
}

/// Of all alternatives of a variant, in order.
template <class Variant>
[[nodiscard]] std::vector<std::string_view> all_names() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return std::vector<std::string_view>{type_name<std::variant_alternative_t<I, Variant>>()...};
  }(std::make_index_sequence<std::variant_size_v<Variant>>{});
}

template <class Variant>
[[nodiscard]] std::string names_of(const std::vector<Variant>& all) {
  std::string text;
  for (const auto& v : all) {
    if (!text.empty()) text += ' ';
    text += name_of(v);
  }
  return text;
}

} // namespace baton::support
