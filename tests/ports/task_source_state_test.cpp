#include <catch2/catch_test_macros.hpp>

#include "tests/ports/pull_under_test.hpp"

using namespace baton;
using namespace baton::nats;
using namespace std::chrono_literals;

TEST_CASE("a delivery that is missing loses the consumer, and what it still sends is stale", "[pull]") {
  pull p;
  CHECK(p.message(1) == pull_fate::deliver);
  CHECK(p.message(3, 1) == pull_fate::stale);
  CHECK(p.orders.loss == consumer_loss::gap);
  CHECK(p.state.consumer().empty());
  CHECK(p.message(4) == pull_fate::stale);
  CHECK(p.orders.loss == consumer_loss::none);
  CHECK(p.state.held() == 1);
}

TEST_CASE("a heartbeat that knows of more deliveries than came loses the consumer", "[pull]") {
  pull p;
  p.asked();
  CHECK(p.message(1) == pull_fate::deliver);
  p.heartbeat(1, 1);
  CHECK(p.orders.loss == consumer_loss::none);
  p.heartbeat(2, 2);
  CHECK(p.orders.loss == consumer_loss::gap);
}

TEST_CASE("the next consumer's deliveries of what is held only bring a new reply subject", "[pull]") {
  pull p;
  CHECK(p.message(1) == pull_fate::deliver);
  CHECK(p.message(2) == pull_fate::deliver);
  p.acknowledge(1);
  CHECK(p.acks() == std::vector<std::string>{"c1.1"});
  p.begin("c2");
  CHECK(p.message(1) == pull_fate::held);
  CHECK(p.acks() == std::vector<std::string>{"c2.1"}); // repeated there
  CHECK(p.message(2) == pull_fate::held);
  CHECK(p.acks().empty());
  CHECK(p.message(3) == pull_fate::deliver);
  p.acknowledge(2);
  CHECK(p.acks() == std::vector<std::string>{"c2.2"});
  CHECK(p.called().empty());
}

TEST_CASE("what the next consumer passes over was acknowledged, though the confirmation was lost", "[pull]") {
  pull p;
  for (std::uint64_t seq = 1; seq <= 3; ++seq)
    CHECK(p.message(seq) == pull_fate::deliver);
  p.acknowledge(1);
  p.acknowledge(3);
  p.begin("c2");
  CHECK(p.asked() > 0);
  CHECK(p.state.awaited() == 3);
  CHECK(p.message(2) == pull_fate::held);
  CHECK(p.called() == std::vector<std::uint64_t>{1});
  CHECK(p.state.awaited() == 1);
  p.heartbeat(0, 3); // of a count that is not ours: proves nothing
  CHECK(p.called() == std::vector<std::uint64_t>{1});
  p.heartbeat(1, 3);
  CHECK(p.called() == std::vector<std::uint64_t>{1, 3});
  CHECK(p.state.held() == 1);
}

TEST_CASE("a message that vanished from the queue is confirmed as soon as it is acknowledged", "[pull]") {
  pull p;
  CHECK(p.message(1) == pull_fate::deliver);
  p.begin("c2");
  CHECK(p.message(2) == pull_fate::deliver);
  p.acknowledge(1);
  CHECK(p.acks().empty());
  CHECK(p.called() == std::vector<std::uint64_t>{1});
  CHECK_FALSE(p.state.holds({1}));
}

TEST_CASE("a message that was acknowledged before it came is not delivered", "[pull]") {
  pull p;
  p.acknowledge(2);
  CHECK(p.acks().empty());
  CHECK(p.message(1) == pull_fate::deliver);
  CHECK(p.message(2) == pull_fate::held);
  CHECK(p.acks() == std::vector<std::string>{"c1.2"});
  CHECK(p.message(4) == pull_fate::deliver);
  p.acknowledge(3); // passed already: it is not in the queue
  CHECK(p.called() == std::vector<std::uint64_t>{3});
}

TEST_CASE("whoever acknowledges twice hears twice", "[pull]") {
  pull p;
  CHECK(p.message(1) == pull_fate::deliver);
  p.acknowledge(1);
  p.acknowledge(1);
  CHECK(p.acks().empty()); // it is on its way
  p.orders = {};
  p.state.ack_confirmed({1}, p.now, p.orders);
  CHECK(p.called() == std::vector<std::uint64_t>{1, 1});
  p.state.ack_confirmed({1}, p.now, p.orders);
  CHECK(p.called().size() == 2);
}

TEST_CASE("an acknowledgement without an answer is repeated, ever more slowly", "[pull]") {
  pull_limits limits;
  limits.ack_retry_first = 100ms;
  limits.ack_retry_longest = 300ms;
  pull p{limits};
  CHECK(p.message(1) == pull_fate::deliver);
  p.acknowledge(1);
  for (const auto delay : {100ms, 200ms, 300ms, 300ms}) {
    p.orders = {};
    p.state.ack_failed({{1}, "c1.1"}, false, p.now, p.orders);
    CHECK(p.state.wants_tick_soon());
    p.tick(delay - 1ms);
    CHECK(p.acks().empty());
    p.tick(1ms);
    CHECK(p.acks() == std::vector<std::string>{"c1.1"});
    CHECK_FALSE(p.state.wants_tick_soon());
  }
}

TEST_CASE("a late failure of an acknowledgement that was sent again elsewhere counts for nothing", "[pull]") {
  pull p;
  CHECK(p.message(1) == pull_fate::deliver);
  p.acknowledge(1);
  p.begin("c2");
  CHECK(p.message(1) == pull_fate::held);
  p.state.ack_failed({{1}, "c1.1"}, true, p.now, p.orders);
  CHECK(p.orders.loss == consumer_loss::none);
  p.tick(1h);
  CHECK(p.acks().empty());
}

TEST_CASE("an acknowledgement that nobody listens for means that the consumer is gone", "[pull]") {
  pull p;
  CHECK(p.message(1) == pull_fate::deliver);
  p.acknowledge(1);
  p.orders = {};
  p.state.ack_failed({{1}, "c1.1"}, true, p.now, p.orders);
  CHECK(p.orders.loss == consumer_loss::deleted);
  p.begin("c2");
  CHECK(p.message(1) == pull_fate::held);
  CHECK(p.acks() == std::vector<std::string>{"c2.1"});
}

TEST_CASE("each status message means what the server means by it", "[pull]") {
  pull p{small(100, 4)};
  CHECK(p.asked() == 8);
  SECTION("a request that ran out is followed by the next") {
    CHECK(p.message(1) == pull_fate::deliver);
    p.status(408, "Request Timeout", 7);
    CHECK(p.asked() == 8);
    CHECK(p.state.outstanding() == 8);
  }
  SECTION("so is one whose bytes are used up, though another is under way") {
    for (std::uint64_t seq = 1; seq <= 4; ++seq)
      CHECK(p.message(seq) == pull_fate::deliver);
    const auto first = p.last_token;
    CHECK(p.asked() == 4);
    p.orders = {};
    p.state.status({first, 409, "Message Size Exceeds MaxBytes", 4, 0, {}}, p.now, p.orders);
    CHECK(p.asked() == 4);
  }
  SECTION("one that was served in full") {
    p.status(409, "Batch Completed", 0);
    CHECK(p.asked() == 8); // nothing is under way, whatever we thought
  }
  SECTION("no messages") {
    p.status(404, "No Messages");
    CHECK(p.asked() == 8);
  }
}

TEST_CASE(
    "some status messages say that the consumer serves no longer, others only that a request does not", "[pull]") {
  pull p{small(100, 4)};
  CHECK(p.asked() == 8);
  SECTION("the consumer was deleted") {
    p.status(409, "Consumer Deleted");
    CHECK(p.orders.loss == consumer_loss::deleted);
  }
  SECTION("nobody knows the consumer") {
    p.status(503, "");
    CHECK(p.orders.loss == consumer_loss::deleted);
  }
  SECTION("its leader moved") {
    p.status(409, "Leadership Change");
    CHECK(p.orders.loss == consumer_loss::moved);
  }
  SECTION("a request that is refused is repeated after a pause") {
    for (const auto& [code, text] :
        {std::pair{409, "Exceeded MaxWaiting"}, std::pair{400, "Bad Request"}, std::pair{499, "?"}}) {
      p.status(code, text);
      CHECK(p.orders.loss == consumer_loss::none);
      CHECK(p.asked() == 0);
      p.tick(900ms);
      CHECK(p.asked() == 0);
      p.tick(100ms);
      CHECK(p.asked() == 8);
    }
  }
  SECTION("of a request that is not known, nothing") {
    p.last_token = 99;
    p.status(409, "Consumer Deleted");
    CHECK(p.orders.loss == consumer_loss::none);
    CHECK(p.asked() == 0);
  }
}

TEST_CASE("a consumer that is silent while something is asked of it is lost", "[pull]") {
  pull p;
  CHECK(p.asked() > 0);
  p.tick(10s);
  p.heartbeat(0, 0);
  p.tick(11s);
  CHECK(p.orders.loss == consumer_loss::none);
  p.tick(1ms);
  CHECK(p.orders.loss == consumer_loss::silent);
}

TEST_CASE("nothing is expected of a consumer of which nothing is asked", "[pull]") {
  pull p{small(1, 1)};
  CHECK(p.asked() == 1);
  CHECK(p.message(1) == pull_fate::deliver);
  p.status(409, "Batch Completed");
  p.tick(1h);
  CHECK(p.orders.loss == consumer_loss::none);
}

TEST_CASE("a request whose end was never told is forgotten when it must have run out", "[pull]") {
  auto limits = small(4, 4);
  limits.heartbeat = 1h; // of silence nothing is concluded here
  pull p{limits};
  CHECK(p.asked() == 4);
  CHECK(p.message(1) == pull_fate::deliver);
  p.tick(32s);
  CHECK(p.asked() == 0);
  p.tick(1ms);
  CHECK(p.asked() == 3);
}

TEST_CASE("heartbeats come fast while it is not known what of the held is still in the queue", "[pull]") {
  pull p;
  REQUIRE(p.orders.ask.size() == 1);
  CHECK(p.orders.ask[0].heartbeat == 5s);
  CHECK(p.message(1) == pull_fate::deliver);
  p.begin("c2");
  REQUIRE(p.orders.ask.size() == 1);
  CHECK(p.orders.ask[0].heartbeat == 200ms);
  CHECK(p.orders.ask[0].expires == 2s);
}

TEST_CASE("what is held can be redelivered though the credit is used up", "[pull]") {
  pull p{small(2, 4)};
  CHECK(p.asked() == 2);
  CHECK(p.message(1) == pull_fate::deliver);
  CHECK(p.message(2) == pull_fate::deliver);
  p.begin("c2");
  CHECK(p.asked() == 2);
  CHECK(p.message(1) == pull_fate::held);
  CHECK(p.message(2) == pull_fate::held);
  CHECK(p.asked() == 0);
  CHECK(p.state.heavy() == 2);
}

TEST_CASE("what is forgotten of a session comes again, and nothing before that", "[pull]") {
  pull p;
  CHECK(p.message(1, 0, 100, "s1") == pull_fate::deliver);
  CHECK(p.message(2, 0, 100, "s2") == pull_fate::deliver);
  CHECK_FALSE(p.state.forget(session_id::parse("s3").value()));
  CHECK(p.message(3, 0, 100, "s1") == pull_fate::deliver);
  p.acknowledge(3);
  CHECK(p.state.forget(session_id::parse("s1").value()));
  CHECK(p.message(4, 0, 100, "s1") == pull_fate::stale); // it would overtake 1
  p.begin("c2");
  CHECK(p.message(1, 0, 100, "s1") == pull_fate::deliver);
  CHECK(p.message(2, 0, 100, "s2") == pull_fate::held);
  CHECK(p.message(3, 0, 100, "s1") == pull_fate::deliver);
  CHECK(p.acks().empty());
  CHECK(p.message(4, 0, 100, "s1") == pull_fate::deliver);
  CHECK(p.state.heavy() == 4);
}

TEST_CASE("another message under the sequence of a held one means that nothing held is what it was", "[pull]") {
  pull p;
  CHECK(p.message(1) == pull_fate::deliver);
  p.begin("c2");
  p.stored_at += 1ms;
  CHECK(p.message(1) == pull_fate::stale);
  CHECK(p.orders.loss == consumer_loss::replaced);
}

TEST_CASE("an acknowledgement that was repeated on a new consumer is not repeated for the old one's sake", "[pull]") {
  pull p;
  CHECK(p.message(1) == pull_fate::deliver);
  p.acknowledge(1);
  p.state.ack_failed({{1}, "c1.1"}, false, p.now, p.orders);
  p.begin("c2");
  CHECK(p.message(1) == pull_fate::held);
  CHECK(p.acks() == std::vector<std::string>{"c2.1"});
  p.tick(1h);
  CHECK(p.acks().empty());
}

TEST_CASE("a consumer is not blamed for a silence in which nothing was asked of it", "[pull]") {
  pull p{small(1, 1)};
  CHECK(p.asked() == 1);
  CHECK(p.message(1) == pull_fate::deliver);
  p.status(409, "Batch Completed");
  p.now += 1h;
  p.acknowledge(1);
  p.orders = {};
  p.state.ack_confirmed({1}, p.now, p.orders);
  CHECK(p.asked() == 1);
  p.tick(5s);
  CHECK(p.orders.loss == consumer_loss::none);
}
