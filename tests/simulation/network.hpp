// The connection of one process to the broker. What is sent keeps its order, as on one TCP connection, apart from requests that a
// busy server leaves lying; a cut loses what is on its way in both directions, noticed at once or not. One thread.
#pragma once

#include <functional>
#include <vector>

#include "tests/simulation/world.hpp"

namespace baton::simulation {

class network {
public:
  explicit network(world& in) : world_(in) {}

  /// Runs at the broker; gives what is to run at the process when the answer comes.
  using at_broker = std::function<std::function<void()>()>;

  class link {
  public:
    link(network& of, process& who) : of_(of), who_(who) { of_.links_.push_back(this); }
    ~link() { std::erase(of_.links_, this); }
    link(const link&) = delete;
    link& operator=(const link&) = delete;

    /// `failed` runs at the process if no answer has come within `patience`. What was asked may still happen, even later.
    void request(at_broker ask, milliseconds patience, std::function<void()> failed);
    /// From the broker; lost if the connection is another one by then.
    void push(std::function<void()> at_process);
    [[nodiscard]] bool is_up() const noexcept { return is_up_; }
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
    /// It breaks; the process learns it at once, or only when it is mended.
    void cut(bool is_noticed);
    void mend();
    /// At the process: it broke, or came back.
    std::function<void()> changed;
    [[nodiscard]] process& owner() const noexcept { return who_; }

  private:
    [[nodiscard]] bool carries(std::uint64_t generation) const { return is_up_ && generation_ == generation && of_.is_broker_up; }
    network& of_;
    process& who_;
    bool is_up_ = true;
    std::uint64_t generation_ = 1;
    sim_time last_there_ = 0;
    sim_time last_back_ = 0;
  };

  void stop_broker();
  void start_broker();
  bool is_broker_up = true;

private:
  world& world_;
  std::vector<link*> links_;
};

} // namespace baton::simulation
