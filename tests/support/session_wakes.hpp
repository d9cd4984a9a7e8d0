// The durable timers of one session, as the keeper of its partition has them. Nothing happens by itself: an order waits until
// it is carried out, and a wake that is due until it is fired.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <variant>

#include "actors/session/machine.hpp"

namespace baton::support {

class session_wakes {
public:
  void order(const session::want_wake& e) { orders_.emplace_back(e); }
  void order(const session::unwant_wake& e) { orders_.emplace_back(e); }
  [[nodiscard]] bool has_order() const { return !orders_.empty(); }
  /// The oldest order; what the session hears of it.
  [[nodiscard]] session::input carry_out();
  /// What the session hears of one that is due and has not fired; nothing: there is none.
  [[nodiscard]] std::optional<session::input> fire(instant now);
  /// When the next one is due that has not fired.
  [[nodiscard]] std::optional<instant> next_due() const;
  /// Orders that were not carried out are lost; what has fired fires again.
  void owner_died();
  /// What is stored is gone.
  void lose_all() { stored_.clear(); }
  [[nodiscard]] bool holds_turn(id_hash turn) const { return stored_.contains(key_of(turn)); }
  [[nodiscard]] std::size_t size() const { return stored_.size(); }
  /// Of the wake of a delayed turn.
  [[nodiscard]] static wake_key key_of(id_hash turn);

private:
  struct stored {
    wake what;
    bool is_fired = false;
  };
  std::deque<std::variant<session::want_wake, session::unwant_wake>> orders_;
  std::map<wake_key, stored> stored_;
};

} // namespace baton::support
