// One function object out of several lambdas: for visiting a variant exhaustively.
#pragma once

namespace baton {

template <class... Fs>
struct overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
overloaded(Fs...) -> overloaded<Fs...>;

} // namespace baton
