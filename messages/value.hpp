// A value of whatever shape a producer or a runner chose: what JSON and msgpack have in common. The codec makes it within
// limits (depth, counts, size), so whoever holds one may walk it without further checks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace baton {

class value {
public:
  struct null {
    friend bool operator==(null, null) { return true; }
  };
  /// Raw bytes: msgpack `bin`. As JSON they are written as base64 text.
  struct bytes {
    std::string data;
    friend bool operator==(const bytes&, const bytes&) = default;
  };
  using array = std::vector<value>;
  /// In the order in which it was written; keys are unique (the codec refuses a repeated key).
  using object = std::vector<std::pair<std::string, value>>;
  /// Whole numbers are int64 where they fit, else uint64.
  using variant = std::variant<null, bool, std::int64_t, std::uint64_t, double, std::string, bytes, array, object>;

  value() = default;
  value(bool b) : of_(b) {}
  value(std::int64_t n) : of_(n) {}
  value(std::uint64_t n) : of_(n) {}
  value(int n) : of_(std::int64_t{n}) {}
  value(double d) : of_(d) {}
  value(std::string s) : of_(std::move(s)) {}
  value(std::string_view s) : of_(std::string{s}) {}
  value(const char* s) : of_(std::string{s}) {}
  value(bytes b) : of_(std::move(b)) {}
  value(array a) : of_(std::move(a)) {}
  value(object o) : of_(std::move(o)) {}

  [[nodiscard]] const variant& of() const noexcept { return of_; }
  [[nodiscard]] variant& of() noexcept { return of_; }
  [[nodiscard]] bool is_null() const noexcept { return std::holds_alternative<null>(of_); }
  template <class T>
  [[nodiscard]] const T* as() const noexcept {
    return std::get_if<T>(&of_);
  }
  /// The field of an object; nullptr if this is no object or has no such field.
  [[nodiscard]] const value* find(std::string_view key) const noexcept {
    const auto* fields = as<object>();
    if (fields == nullptr) return nullptr;
    for (const auto& [name, held] : *fields) {
      if (name == key) return &held;
    }
    return nullptr;
  }

  friend bool operator==(const value&, const value&) = default;

private:
  variant of_;
};

} // namespace baton
