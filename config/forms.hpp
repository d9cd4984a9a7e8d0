// What the texts among the options must look like. Pure.
#pragma once

#include <string_view>

#include "config/table.hpp"

namespace baton::config::forms {

[[nodiscard]] bool is_anything(std::string_view text);
[[nodiscard]] bool is_plain_name_or_empty(std::string_view text);
[[nodiscard]] bool is_absolute_or_empty(std::string_view text);
[[nodiscard]] bool is_program(std::string_view text);
[[nodiscard]] bool is_urls_or_empty(std::string_view text);
[[nodiscard]] bool is_subject_prefix(std::string_view text);
[[nodiscard]] bool is_variable_name(std::string_view text);

inline constexpr text_form any = {"a text", &is_anything};
inline constexpr text_form plain_name_or_empty = {"1 to 64 letters, digits, _ or -, or empty", &is_plain_name_or_empty};
inline constexpr text_form absolute_path_or_empty = {"an absolute path, or empty", &is_absolute_or_empty};
inline constexpr text_form program = {"an absolute path, or a name on PATH", &is_program};
inline constexpr text_form urls_or_empty = {
    "nats://host:port or tls://host:port, several separated by commas, or empty", &is_urls_or_empty};
inline constexpr text_form subject_prefix = {
    "the beginning of a subject, without wildcards, ending in a dot", &is_subject_prefix};
inline constexpr text_form variable_name = {"a letter or _, then letters, digits or _", &is_variable_name};

} // namespace baton::config::forms
