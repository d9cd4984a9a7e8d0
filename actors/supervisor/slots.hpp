// Who may run now, and who should make room: the whole policy of a node's slots. Pure; time comes in with each call.
//
// Between tenants: a slot goes to the one that has had least of them for its weight while others waited. What a slice takes is
// charged when it ends; until then it counts as long as a share. Who did not wait saves up nothing; when nobody waits, all
// accounts are even. A tenant at its limit stands aside.
// Within a tenant: higher priority first, then first come first served; `priority_step` says what a priority is worth.
// Suspects run one at a time and never beside the shaken ones, so that the guilty one is told apart from its neighbours; the
// two take turns. The steady ones are not held up by either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/ports/metrics.hpp"
#include "actors/supervisor/claim.hpp"
#include "actors/supervisor/sharing.hpp"
#include "messages/ids.hpp"
#include "messages/instant.hpp"

namespace baton::supervisor {

struct allowance {
  /// Slots of this node that it may use at once; 0: no limit.
  std::size_t slots_max = 0;
  /// At least 1.
  std::uint32_t weight = 1;
};

struct slot_terms {
  std::size_t most = 64;
  /// A slice older than this is asked to yield while others wait.
  milliseconds share_after{10'000};
  /// Any slice older than this is.
  milliseconds yield_after{240'000};
  /// By name; `allowance{}` for all others.
  std::map<std::string, allowance, std::less<>> tenants{};
};

/// Tenants that have nothing here, and are remembered because they had more than those that wait; beyond these the one that
/// owes least is forgotten.
inline constexpr std::size_t debtors_max = 256;

class slots {
public:
  explicit slots(slot_terms terms) : terms_(std::move(terms)) {}
  slots(const slots&) = delete;
  slots& operator=(const slots&) = delete;

  void want(const execution_id& execution, const claim& on, monotonic_instant now);
  /// Gives back a slot, or the wish for one; unknown ids are ignored.
  void free(const execution_id& execution, monotonic_instant now);
  /// The next execution that may have a slot now; call until there is none.
  [[nodiscard]] std::optional<execution_id> grant(monotonic_instant now);
  /// What was granted has begun.
  void launched(const execution_id& execution, monotonic_instant now);
  /// It stops, and its slot is freed soon: it need not be asked.
  void stopping(const execution_id& execution);
  /// The slices to ask to yield; each is named once. `could_start`: what waits could start if there were slots.
  [[nodiscard]] std::vector<execution_id> to_yield(monotonic_instant now, bool could_start);

  [[nodiscard]] std::size_t used() const noexcept { return used_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return holders_.size() - used_; }
  /// Of those that have or want slots.
  [[nodiscard]] std::vector<tenant_load> loads() const;
  /// Tenants that are remembered.
  [[nodiscard]] std::size_t tenants() const noexcept { return tenants_.size(); }

private:
  struct rank {
    monotonic_instant as_if_since;
    std::uint64_t arrival = 0;
    friend auto operator<=>(const rank&, const rank&) = default;
  };
  /// Slot time in microseconds, divided by the weight.
  using account = std::int64_t;
  struct tenant;
  struct turn {
    account with_those_that_run = 0;
    /// When it last had its turn; unique.
    std::uint64_t last = 0;
    tenant* of = nullptr;
    friend bool operator<(const turn& a, const turn& b) {
      return std::tie(a.with_those_that_run, a.last) < std::tie(b.with_those_that_run, b.last);
    }
  };
  struct tenant {
    std::string name;
    allowance may;
    std::size_t used = 0;
    account spent = 0;
    /// For which `spent` holds.
    std::uint64_t contest = 0;
    std::uint64_t last = 0;
    by_standing<std::map<rank, execution_id>> waiting;
    std::optional<turn> listed;
  };
  enum class stage : std::uint8_t { waiting, granted, running, ending };
  struct holder {
    tenant* of = nullptr;
    std::uint8_t priority = 0;
    supervisor::standing standing = supervisor::standing::steady;
    stage at = stage::waiting;
    rank place;
    /// Granted or launched, whatever came last.
    monotonic_instant since;
  };

  tenant& tenant_of(const std::string& name);
  [[nodiscard]] static std::size_t waiting_of(const tenant& t);
  /// In `ready_` while it waits and is below its limit; to be called around each change.
  void list(tenant& t);
  void unlist(tenant& t);
  [[nodiscard]] bool may_start(supervisor::standing s) const;
  [[nodiscard]] std::optional<execution_id> first_of(const tenant& t) const;
  void charge(const holder& ended, monotonic_instant now);
  /// If it has nothing here any more.
  void forget(tenant& t);
  void forget_debtors(account up_to);
  void drop(const tenant& t);
  [[nodiscard]] contest as_contest() const;

  slot_terms terms_;
  std::size_t used_ = 0;
  std::unordered_map<execution_id, holder> holders_;
  std::unordered_map<std::string, tenant> tenants_;
  std::set<turn> ready_;
  std::set<turn> debtors_;
  /// From the first that waits until nobody does.
  std::uint64_t contest_ = 0;
  monotonic_instant contest_began_;
  /// How far the accounts have come: where one begins that comes now.
  account reached_ = 0;
  std::uint64_t ticks_ = 0;
  by_standing<std::size_t> running_{};
  /// Waiting, of the tenants in `ready_`.
  by_standing<std::size_t> able_{};
  std::size_t shaken_waiting_ = 0;
  /// Shaken ones that go before the next suspect.
  std::size_t shaken_turns_ = 0;
};

} // namespace baton::supervisor
