// What actors/supervisor/actor.cpp and actors/execution/actor.cpp do, without CAF: give out slots as the real `slots` says, run one
// slice of a session at a time, pass orders on, see to those that grow old. And what a runner does that lies: reports of slices
// that are long over.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "actors/supervisor/slots.hpp"
#include "tests/simulation/session_shell.hpp"

namespace baton::simulation {

class slots_shell final : public actor {
public:
  explicit slots_shell(surroundings& around);

  // ---- mail, from sessions
  void want(const execution_id& execution, std::shared_ptr<session_shell> session, const supervisor::claim& on);
  void free(const execution_id& execution);
  void launch(slice_request request);
  void answer(const execution_id& execution, const boundary_answer& said);
  void ask(const execution_id& execution, boundary_order order);
  void abort(const execution_id& execution, const std::string& because);

  [[nodiscard]] std::size_t known() const noexcept { return known_.size(); }

private:
  class slice_actor;
  enum class stage : std::uint8_t { waiting, running, unwanted, over };
  struct record {
    std::shared_ptr<session_shell> session;
    session_id of;
    std::shared_ptr<slice_actor> at_work;
    stage at = stage::waiting;
    monotonic_instant abort_at;
  };
  struct launched {
    execution_id execution;
    monotonic_instant at;
  };
  void grant();
  void start(slice_request request);
  void end(const execution_id& execution);
  void stopped(const execution_id& execution);
  void sweep();
  void sweep_later();
  void lie_later(const std::shared_ptr<session_shell>& to, const execution_id& old);
  template <class Input>
  void tell(const execution_id& execution, Input in);
  template <class Order>
  void pass_on(const execution_id& execution, Order order);

  surroundings& around_;
  const services& with_;
  supervisor::slots slots_;
  std::map<execution_id, record> known_;
  std::map<session_id, execution_id> running_;
  std::map<session_id, slice_request> held_back_;
  std::vector<std::shared_ptr<slice_actor>> idle_;
  std::deque<launched> young_;
  bool sweeping_ = false;
};

} // namespace baton::simulation
