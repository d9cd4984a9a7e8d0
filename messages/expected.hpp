// A result or the reason why there is none. (std::expected is C++23; this is the small part of it that is used.)
#pragma once

#include <utility>
#include <variant>

namespace baton {

template <class E>
struct unexpected {
  E error;
};
template <class E>
unexpected(E) -> unexpected<E>;

template <class T, class E>
class expected {
public:
  expected(T held) : of_(std::in_place_index<0>, std::move(held)) {}
  expected(unexpected<E> why) : of_(std::in_place_index<1>, std::move(why.error)) {}

  [[nodiscard]] explicit operator bool() const noexcept { return of_.index() == 0; }
  [[nodiscard]] bool has_value() const noexcept { return of_.index() == 0; }
  [[nodiscard]] T& operator*() & { return std::get<0>(of_); }
  [[nodiscard]] const T& operator*() const& { return std::get<0>(of_); }
  [[nodiscard]] T&& operator*() && { return std::get<0>(std::move(of_)); }
  [[nodiscard]] T* operator->() { return &std::get<0>(of_); }
  [[nodiscard]] const T* operator->() const { return &std::get<0>(of_); }
  [[nodiscard]] const E& error() const& { return std::get<1>(of_); }
  [[nodiscard]] E&& error() && { return std::get<1>(std::move(of_)); }

private:
  std::variant<T, E> of_;
};

} // namespace baton
