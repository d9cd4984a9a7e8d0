#include "config/field.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "config/quantity.hpp"

namespace baton::config {

namespace {

template <class... Fs>
struct overloaded : Fs... {
  using Fs::operator()...;
};

/// Bytes of the UTF-8 sequence that begins `text`; 0 if none does. Overlong forms and surrogates count as none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  }
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool is_text(std::string_view text) {
  return text.size() <= text_bytes_max && text.find('\0') == std::string_view::npos && is_utf8(text);
}

using verdict = std::optional<fault_kind>;

/// Stores what was read into `into` if `check` has nothing against it.
template <class T, class Check>
verdict keep(reading<T> got, T& into, Check check) {
  if (const auto* why = std::get_if<fault_kind>(&got)) return *why;
  auto& value = std::get<T>(got);
  if (const verdict why = check(value)) return why;
  into = std::move(value);
  return std::nullopt;
}

verdict within(bool holds) { return holds ? verdict{} : fault_kind::out_of_bounds; }
verdict formed(bool holds) { return holds ? verdict{} : fault_kind::malformed; }

template <class Of>
struct setting {
  const given& says;
  Of& in;

  verdict operator()(const text_field<Of>& f) const {
    return keep(read_text(says), f.at(in), [&](const auto& v) { return formed(is_text(v) && f.form.fits(v)); });
  }
  verdict operator()(const flag_field<Of>& f) const {
    return keep(read_flag(says), f.at(in), [](bool) { return verdict{}; });
  }
  verdict operator()(const count_field<Of>& f) const {
    return keep(read_count(says), f.at(in), [&](auto v) { return within(v >= f.least && v <= f.most); });
  }
  verdict operator()(const duration_field<Of>& f) const {
    const auto word = read_text(says);
    if (const auto* said = std::get_if<std::string>(&word); said != nullptr && !f.zero.empty() && *said == f.zero) {
      f.at(in) = {};
      return std::nullopt;
    }
    return keep(read_duration(says), f.at(in), [&](auto v) { return within(v >= f.least && v <= f.most); });
  }
  verdict operator()(const size_field<Of>& f) const {
    return keep(read_size(says), f.at(in),
        [&](auto v) { return within((f.may_be_zero && v.bytes == 0) || (v >= f.least && v <= f.most)); });
  }
  verdict operator()(const choice_field<Of>& f) const {
    const auto got = read_text(says);
    if (const auto* why = std::get_if<fault_kind>(&got)) return *why;
    const auto found = std::ranges::find(f.names, std::get<std::string>(got));
    if (found == f.names.end()) return fault_kind::out_of_bounds;
    f.set(in, static_cast<std::size_t>(found - f.names.begin()));
    return std::nullopt;
  }
  verdict operator()(const address_field<Of>& f) const {
    return keep(read_address(says), f.at(in), [](const auto&) { return verdict{}; });
  }
  verdict operator()(const list_field<Of>& f) const {
    return keep(read_list(says), f.at(in), [&](const text_list& v) {
      if (v.size() > f.most) return within(false);
      return formed(std::ranges::all_of(v, [&](const auto& t) { return is_text(t) && f.each.fits(t); }));
    });
  }
  verdict operator()(const map_field<Of>& f) const {
    return keep(read_map(says), f.at(in), [&](const text_map& v) {
      if (v.size() > f.most) return within(false);
      return formed(std::ranges::all_of(v, [&](const auto& kv) { return f.key.fits(kv.first) && is_text(kv.second); }));
    });
  }
};

std::string range(const std::string& least, const std::string& most) { return least + " to " + most; }

std::string one_of(std::span<const std::string_view> names) {
  std::string all;
  for (std::size_t i = 0; i < names.size(); ++i) {
    all += i == 0 ? "" : i + 1 == names.size() ? " or " : ", ";
    all += names[i];
  }
  return all;
}

template <class Of>
std::string bounds_of(const duration_field<Of>& f) {
  return (f.zero.empty() ? "" : std::string{f.zero} + ", or ") + range(to_text(f.least), to_text(f.most));
}

template <class Of>
std::string text_of(const duration_field<Of>& f, Of& in) {
  const bool is_word = !f.zero.empty() && f.at(in).count() == 0;
  return is_word ? std::string{f.zero} : to_text(f.at(in));
}

template <class Of>
std::string bounds_of(const size_field<Of>& f) {
  return (f.may_be_zero ? "0B, or " : "") + range(to_text(f.least), to_text(f.most));
}

std::string joined(const text_list& texts) {
  std::string all;
  for (const auto& t : texts)
    all += (all.empty() ? "" : ", ") + toml_string(t);
  return "[" + all + "]";
}

std::string joined(const text_map& texts) {
  std::string all;
  for (const auto& [key, t] : texts)
    all += (all.empty() ? " " : ", ") + key + " = " + toml_string(t);
  return all.empty() ? "{}" : "{" + all + " }";
}

} // namespace

template <class Of>
std::optional<fault_kind> set(const row<Of>& of, const given& says, Of& in) {
  return std::visit(setting<Of>{says, in}, of.what);
}

template <class Of>
std::string bounds(const row<Of>& of) {
  return std::visit(overloaded{
                        [](const text_field<Of>& f) { return std::string{f.form.wanted}; },
                        [](const flag_field<Of>&) { return std::string{"true or false"}; },
                        [](const count_field<Of>& f) { return range(std::to_string(f.least), std::to_string(f.most)); },
                        [](const duration_field<Of>& f) { return bounds_of(f); },
                        [](const size_field<Of>& f) { return bounds_of(f); },
                        [](const choice_field<Of>& f) { return one_of(f.names); },
                        [](const address_field<Of>&) { return std::string{"host:port, or off"}; },
                        [](const list_field<Of>& f) {
                          return "at most " + std::to_string(f.most) + ", each " + std::string{f.each.wanted};
                        },
                        [](const map_field<Of>& f) {
                          return "at most " + std::to_string(f.most) + ", each name " + std::string{f.key.wanted};
                        },
                    },
      of.what);
}

template <class Of>
std::string wanted(const row<Of>& of) {
  static constexpr auto kinds = std::to_array<std::string_view>({"", "", "a whole number, ",
      "a duration such as \"10s\", ", "a size such as \"64KiB\", ", "", "", "a list of texts, ", "a table of texts, "});
  static_assert(kinds.size() == std::variant_size_v<field<Of>>);
  return std::string{kinds[of.what.index()]} + bounds(of);
}

template <class Of>
std::string_view placeholder(const row<Of>& of) {
  static constexpr auto names = std::to_array<std::string_view>(
      {"TEXT", "", "COUNT", "DURATION", "SIZE", "NAME", "ADDRESS", "TEXT,...", "TABLE"});
  static_assert(names.size() == std::variant_size_v<field<Of>>);
  return names[of.what.index()];
}

template <class Of>
std::string toml_value(const row<Of>& of, Of& in) {
  return std::visit(overloaded{
                        [&](const text_field<Of>& f) { return toml_string(f.at(in)); },
                        [&](const flag_field<Of>& f) { return std::string{f.at(in) ? "true" : "false"}; },
                        [&](const count_field<Of>& f) { return std::to_string(f.at(in)); },
                        [&](const duration_field<Of>& f) { return toml_string(text_of(f, in)); },
                        [&](const size_field<Of>& f) { return toml_string(to_text(f.at(in))); },
                        [&](const choice_field<Of>& f) { return toml_string(f.names[f.get(in)]); },
                        [&](const address_field<Of>& f) { return toml_string(f.at(in) ? to_text(*f.at(in)) : "off"); },
                        [&](const list_field<Of>& f) { return joined(f.at(in)); },
                        [&](const map_field<Of>& f) { return joined(f.at(in)); },
                    },
      of.what);
}

std::string toml_string(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string quoted{'"'};
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (code < 0x20 || code == 0x7F) {
      quoted += "\\u00";
      quoted += hex[code >> 4U];
      quoted += hex[code & 0xFU];
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

template std::optional<fault_kind> set(const row<options>&, const given&, options&);
template std::optional<fault_kind> set(const row<runner_options>&, const given&, runner_options&);
template std::optional<fault_kind> set(const row<tenant_options>&, const given&, tenant_options&);
template std::string bounds(const row<options>&);
template std::string bounds(const row<runner_options>&);
template std::string bounds(const row<tenant_options>&);
template std::string wanted(const row<options>&);
template std::string wanted(const row<runner_options>&);
template std::string wanted(const row<tenant_options>&);
template std::string_view placeholder(const row<options>&);
template std::string_view placeholder(const row<runner_options>&);
template std::string_view placeholder(const row<tenant_options>&);
template std::string toml_value(const row<options>&, options&);
template std::string toml_value(const row<runner_options>&, runner_options&);
template std::string toml_value(const row<tenant_options>&, tenant_options&);

} // namespace baton::config
