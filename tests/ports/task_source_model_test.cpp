// The books of a pull against a model of the server, over a network that loses what it likes: whatever happens, each message is
// delivered once, each acknowledgement confirmed once and only when the message has left the queue, and the credit holds.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>

#include "bridge/nats/pull_state.hpp"

using namespace baton;
using namespace baton::nats;
using namespace std::chrono_literals;

namespace {

class simulation {
public:
  explicit simulation(std::uint32_t seed) : random_{seed} {
    limits_.credit = 1 + pick(12);
    limits_.batch = 1 + pick(6);
    state_.emplace(limits_);
    make_consumer();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i)
      step();
    quiet_ = true;
    for (int i = 0; i < 400 || !settled(); ++i) {
      step();
      REQUIRE(i < 20'000);
    }
    CHECK(queue_.empty());
    CHECK(state_->held() == 0);
    CHECK(state_->heavy() == 0);
    CHECK(delivered_.size() == last_seq_);
    CHECK(confirmed_.size() == last_seq_);
  }

private:
  struct request {
    std::uint64_t token;
    std::uint64_t left;
    monotonic_instant expires;
  };
  struct event {
    bool is_message = false;
    std::string consumer;
    std::uint64_t consumer_seq = 0;
    std::uint64_t seq = 0;
    pull_status status;
  };
  struct ack {
    ack_order order;
    bool answered = false;
  };

  std::size_t pick(std::size_t below) { return std::uniform_int_distribution<std::size_t>{0, below - 1}(random_); }
  bool one_in(std::size_t n) { return pick(n) == 0; }
  bool settled() const { return queue_.empty() && state_->held() == 0; }

  void step() {
    switch (pick(10)) {
    case 0:
      if (!quiet_) queue_.insert(++last_seq_);
      break;
    case 1: serve(); break;
    case 2:
    case 3: receive(); break;
    case 4: settle_one(); break;
    case 5: acks_reach_server(); break;
    case 6: answers_reach_us(); break;
    case 7: time_passes(); break;
    case 8:
      if (!quiet_ && one_in(10)) make_consumer();
      break;
    case 9:
      if (!quiet_) something_odd();
      break;
    }
    CHECK(state_->heavy() <= limits_.credit + 1);
  }

  /// The server: one consumer, its requests in order, everything into one line to us.
  void serve() {
    while (!requests_.empty()) {
      auto& first = requests_.front();
      const auto found = queue_.upper_bound(cursor_);
      if (first.expires < now_) {
        line_.push_back({false, consumer_, 0, 0, {first.token, 408, "Request Timeout", first.left, 0, {}}});
        requests_.pop_front();
        continue;
      }
      if (found == queue_.end()) break;
      cursor_ = *found;
      line_.push_back({true, consumer_, ++consumer_seq_, cursor_, {}});
      if (--first.left == 0) {
        line_.push_back({false, consumer_, 0, 0, {first.token, 409, "Batch Completed", 0, 0, {}}});
        requests_.pop_front();
      }
    }
    if (requests_.empty()) return;
    cursor_ = std::max(cursor_, last_seq_);
    line_.push_back(
        {false, consumer_, 0, 0, {requests_.front().token, 100, "Idle Heartbeat", 0, consumer_seq_, {cursor_}}});
  }

  void receive() {
    if (line_.empty()) return;
    const auto e = line_.front();
    line_.pop_front();
    if (!quiet_ && one_in(40)) return; // lost
    pull_orders out;
    if (e.is_message) {
      ack_subject at;
      at.consumer = e.consumer;
      at.seq = {e.seq};
      at.consumer_seq = e.consumer_seq;
      const auto session = session_id::parse("s" + std::to_string(e.seq % 3)).value();
      if (state_->message({at, e.consumer + "." + std::to_string(e.seq), session, 10}, now_, out)
          == pull_fate::deliver) {
        ++delivered_[e.seq];
        const bool again = forgotten_.erase(e.seq) > 0;
        CHECK(delivered_[e.seq] == (again ? 2 : 1));
        if (again) delivered_[e.seq] = 1;
        working_.insert(e.seq);
      }
    } else {
      state_->status(e.status, now_, out);
    }
    perform(out);
  }

  /// The listener is done with something, or keeps only its sequence.
  void settle_one() {
    if (working_.empty()) return;
    const auto at = std::next(working_.begin(), static_cast<std::ptrdiff_t>(pick(working_.size())));
    pull_orders out;
    if (one_in(4)) {
      light_.insert(*at);
      state_->lighten({*at}, now_, out);
    } else {
      const auto seq = *at;
      working_.erase(at);
      state_->acknowledge({seq}, [this, seq] { confirm(seq); }, now_, out);
    }
    perform(out);
  }

  void confirm(std::uint64_t seq) {
    CHECK_FALSE(queue_.contains(seq));
    CHECK(confirmed_.insert(seq).second);
  }

  void acks_reach_server() {
    while (!acks_.empty()) {
      auto sent = acks_.front();
      acks_.pop_front();
      if (!quiet_ && one_in(8)) {
        failures_.push_back(sent);
        continue;
      }
      const auto dot = sent.reply.find('.');
      if (sent.reply.substr(0, dot) != consumer_) { // of a consumer that is gone
        failures_.push_back(sent);
        continue;
      }
      queue_.erase(sent.seq.value);
      answers_.push_back(sent);
    }
  }

  void answers_reach_us() {
    pull_orders out;
    for (const auto& sent : std::exchange(answers_, {})) {
      if (!quiet_ && one_in(8)) {
        failures_.push_back(sent); // the answer was lost: a timeout
      } else {
        state_->ack_confirmed(sent.seq, now_, out);
      }
    }
    for (const auto& sent : std::exchange(failures_, {}))
      state_->ack_failed(sent, one_in(6), now_, out);
    perform(out);
  }

  /// The network is slow, but not as slow as that.
  void time_passes() {
    while (!line_.empty())
      receive();
    now_ += milliseconds{1 + pick(quiet_ ? 500 : 4000)};
    pull_orders out;
    state_->tick(now_, out);
    perform(out);
  }

  void make_consumer() {
    consumer_ = "c" + std::to_string(++generation_);
    cursor_ = 0;
    consumer_seq_ = 0;
    requests_.clear(); // what is still in the line is stale now
    state_->began(consumer_, now_);
    pull_orders out;
    state_->tick(now_, out);
    perform(out);
  }

  void something_odd() {
    if (one_in(20)) {
      const auto session = std::to_string(pick(3));
      const auto whose = [&](std::uint64_t seq) { return std::to_string(seq % 3) == session; };
      // What was light comes back with its weight, over the credit if need be.
      if (std::ranges::any_of(light_, [&](std::uint64_t seq) { return whose(seq) && state_->holds({seq}); })) return;
      for (std::uint64_t seq = 1; seq <= last_seq_; ++seq) {
        // What is forgotten while its acknowledgement is on the way was done by somebody who is gone: it may come again or not.
        if (whose(seq) && state_->holds({seq})) forget_row(seq);
      }
      if (state_->forget(session_id::parse("s" + session).value())) make_consumer();
    } else if (one_in(10) && !requests_.empty()) {
      line_.push_back({false, consumer_, 0, 0, {requests_.front().token, 409, "Leadership Change", 0, 0, {}}});
    }
  }

  void forget_row(std::uint64_t seq) {
    working_.erase(seq);
    if (!queue_.contains(seq)) {
      confirmed_.insert(seq);
    } else {
      forgotten_.insert(seq);
    }
    // An acknowledgement that still reaches the server removes it before it can come again.
    std::erase_if(acks_, [&](const ack_order& a) { return a.seq.value == seq; });
  }

  void perform(pull_orders& out) {
    for (const auto& one : out.ask)
      requests_.push_back({one.token, one.batch, now_ + one.expires});
    for (auto& one : out.acknowledge)
      acks_.push_back(std::move(one));
    for (const auto& call : out.confirmed)
      call();
    if (out.loss != consumer_loss::none) make_consumer();
  }

  std::mt19937 random_;
  pull_limits limits_;
  std::optional<pull_state> state_;
  monotonic_instant now_{1s};
  bool quiet_ = false;

  std::set<std::uint64_t> queue_;
  std::uint64_t last_seq_ = 0;
  std::string consumer_;
  int generation_ = 0;
  std::uint64_t cursor_ = 0;
  std::uint64_t consumer_seq_ = 0;
  std::deque<request> requests_;
  std::deque<event> line_;
  std::deque<ack_order> acks_;
  std::vector<ack_order> answers_;
  std::vector<ack_order> failures_;

  std::set<std::uint64_t> working_;
  std::set<std::uint64_t> light_;
  std::set<std::uint64_t> forgotten_;
  std::map<std::uint64_t, int> delivered_;
  std::set<std::uint64_t> confirmed_;
};

} // namespace

TEST_CASE("whatever is lost, each message is delivered once and each acknowledgement confirmed once", "[pull][model]") {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    simulation world{seed};
    world.run(1500);
  }
}
