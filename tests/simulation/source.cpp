#include "tests/simulation/source.hpp"

#include <utility>

#include "bridge/nats/task_source_decode.hpp"
#include "messages/subjects.hpp"

namespace baton::simulation {
namespace {

constexpr milliseconds tick_soon{20};
constexpr milliseconds tick_idle{500};
constexpr int rounds_max = 4;

} // namespace

source::source(world& in, process& of, network::link& over, broker& at, nats::task_source_options options)
    : world_(in), process_(of), link_(over), broker_(at), options_(std::move(options)),
      inbox_(std::make_shared<actor>(in, of)), keeper_(std::make_shared<actor>(in, of)) {}

void source::start() {
  keeper_->post([this] { keep_time(); });
}

source::partition_ptr source::find(partition_id partition) const {
  const auto found = table_.find(partition);
  return found == table_.end() ? nullptr : found->second;
}

void source::drop(const partition_ptr& partition) {
  const auto found = table_.find(partition->id());
  if (found != table_.end() && found->second == partition) table_.erase(found);
}

// ---- calls of the port

void source::open(partition_id partition, epoch of, std::shared_ptr<task_listener> to,
    std::function<void(expected<opened, source_failure>)> done) {
  close(partition);
  const nats::partition_limits limits{options_.pull, options_.ack_wait, options_.setup_timeout, options_.setup_retry_first,
      options_.setup_retry_longest, options_.patience};
  table_[partition] =
      std::make_shared<nats::partition_pull>(partition, of, std::move(to), std::move(done), limits, now());
  keeper_->post([this] { start_setups(); });
}

void source::acknowledge(partition_id partition, message_kind kind, stream_seq seq, std::function<void()> confirmed) {
  const auto at = find(partition);
  if (!at) return;
  nats::outgoing out;
  at->acknowledge(kind, seq, std::move(confirmed), now(), out);
  for (auto& call : std::exchange(out.orders.confirmed, {})) {
    keeper_->post([at, call = std::move(call)] {
      if (call && !at->closed()) call();
    });
  }
  perform(at, out);
}

void source::lighten(partition_id partition, message_kind kind, stream_seq seq) {
  const auto at = find(partition);
  if (!at) return;
  nats::outgoing out;
  at->lighten(kind, seq, now(), out);
  perform(at, out);
}

delivery_round source::forget(partition_id partition, const session_id& session) {
  const auto at = find(partition);
  if (!at) return {};
  const auto round = at->forget(session, now());
  keeper_->post([this] { start_setups(); });
  return round;
}

void source::read_back(
    partition_id partition, message_kind kind, stream_seq seq, std::function<void(read_result)> done) {
  link_.request(
      [this, partition, kind, seq, done]() -> std::function<void()> {
        return [this, partition, kind, seq, done, found = broker_.read(kind, seq)] {
          const auto opened_now = find(partition);
          if (!opened_now) return done(unexpected{source_failure::superseded});
          if (!found) return done(std::optional<delivery>{});
          auto d = nats::decode_delivery({partition, kind, seq, found->stored_at, found->subject}, found->payload, {}, options_);
          d.before_open = opened_now->was_before_open(kind, seq);
          done(std::optional{std::move(d)});
        };
      },
      options_.read_timeout, [done] { done(unexpected{source_failure::unreachable}); });
}

void source::close(partition_id partition) {
  const auto at = find(partition);
  if (!at) return;
  drop(at);
  auto closed = at->close();
  if (!closed.first) return;
  for (const auto kind : nats::both_kinds) remove_consumer(kind, closed.consumers[static_cast<std::size_t>(kind)]);
  if (closed.done) keeper_->post([done = std::move(closed.done)] { done(unexpected{source_failure::unreachable}); });
}

void source::give_up(const partition_ptr& partition, source_failure why) {
  drop(partition);
  auto closed = partition->close();
  if (!closed.first) return;
  for (const auto kind : nats::both_kinds) remove_consumer(kind, closed.consumers[static_cast<std::size_t>(kind)]);
  if (closed.done) return closed.done(unexpected{why});
  closed.listener->stopped(partition->id(), closed.of, why);
}

void source::remove_consumer(message_kind kind, const std::string& name) {
  if (name.empty()) return;
  link_.request(
      [this, kind, name]() -> std::function<void()> {
        broker_.remove_consumer(kind, name);
        return {};
      },
      options_.setup_timeout, {});
}

void source::connection_changed() {
  for (const auto& [id, partition] : table_) partition->connection_changed(now());
  keeper_->post([this] { start_setups(); });
}

// ---- what arrives

void source::arrived(const partition_ptr& partition, message_kind kind, const broker::pushed& what) {
  nats::outgoing out;
  if (what.reply.empty()) {
    auto status = what.status;
    status.description = what.description;
    partition->status(kind, status, now(), out);
    return perform(partition, out);
  }
  const auto at = nats::parse_ack(what.reply);
  const auto place = subjects::parse_stored(what.what.subject);
  const auto session = place && place->session ? *place->session : session_id{};
  bool before_open = false;
  if (partition->message(kind, {*at, what.reply, session, what.what.payload.size()}, now(), before_open, out)) {
    auto d = nats::decode_delivery(
        {partition->id(), kind, at->seq, at->stored_at, what.what.subject}, what.what.payload, {}, options_);
    d.before_open = before_open;
    if (partition->stage(std::move(d))) inbox_->post([partition] { partition->flush(); });
  }
  perform(partition, out);
}

// ---- time and set-up

void source::keep_time() {
  bool soon = false;
  const auto all = table_;
  for (const auto& [id, partition] : all) {
    for (auto& out : partition->tick(now(), soon)) perform(partition, out);
    if (partition->overdue(now())) give_up(partition, source_failure::unreachable);
  }
  start_setups();
  keeper_->post_after(soon ? tick_soon : tick_idle, [this] { keep_time(); });
}

/// bridge/nats/task_source_setup, request by request.
struct source::setup : std::enable_shared_from_this<setup> {
  source& of;
  partition_ptr partition;
  nats::partition_pull::wanted_setup wanted;
  int round = 0;
  std::vector<std::string> found{};
  nats::consumer_made made{};

  setup(source& s, partition_ptr p, nats::partition_pull::wanted_setup w) : of(s), partition(std::move(p)), wanted(std::move(w)) {}
  [[nodiscard]] const nats::setup_order& order() const { return wanted.order; }
  void done(nats::setup_result result) { of.setup_ended(partition, order().kind, wanted.mark, std::move(result)); }
  void fail(const char* step) { done(nats::setup_failed{step}); }

  template <class Ask, class Then>
  void ask(const char* step, Ask at_broker, Then then) {
    if (order().abandoned->load()) return fail(step);
    of.link_.request(
        [self = shared_from_this(), at_broker, then]() -> std::function<void()> {
          return [self, then, answer = at_broker()] { self->of.inbox_->post([self, then, answer] { then(answer); }); };
        },
        order().timeout, [self = shared_from_this(), step] { self->of.inbox_->post([self, step] { self->fail(step); }); });
  }

  void look() {
    if (++round > rounds_max) return fail("look");
    ask("look", [this] { return of.broker_.consumers(order().kind); },
        [this](const std::vector<std::string>& names) {
          found.clear();
          for (const auto& name : names) {
            const auto parsed = nats::parse_consumer(name);
            if (!parsed || parsed->partition != order().who.partition) continue;
            if (parsed->epoch > order().who.epoch) return done(nats::newer_owner{});
            found.push_back(name);
          }
          remove_next();
        });
  }
  void remove_next() {
    if (found.empty()) return read_stream();
    const auto name = found.back();
    found.pop_back();
    ask("delete", [this, name] { return of.broker_.remove_consumer(order().kind, name); }, [this](bool) { remove_next(); });
  }
  void read_stream() {
    ask("stream", [this] { return of.broker_.last(order().kind); },
        [this](stream_seq last) {
          made.last = last;
          made.stream_made = "once";
          make();
        });
  }
  void make() {
    made.name = nats::to_text(order().who, of.process_.name + "x" + std::to_string(++of.consumers_made_));
    ask("create",
        [this, name = made.name] {
          return of.broker_.make_consumer(order().kind, name, order().who.partition, order().ack_wait);
        },
        [this](bool is_made) { is_made ? done(std::move(made)) : look(); });
  }
};

void source::start_setups() {
  if (!link_.is_up()) return;
  std::size_t under_way = 0;
  for (const auto& [id, partition] : table_) under_way += partition->setups_under_way();
  const auto all = table_;
  for (const auto& [id, partition] : all) {
    if (under_way >= options_.setups_at_once) return;
    for (auto& wanted : partition->take_setups(now(), options_.setups_at_once - under_way)) {
      ++under_way;
      std::make_shared<setup>(*this, partition, std::move(wanted))->look();
    }
  }
}

void source::setup_ended(
    const partition_ptr& partition, message_kind kind, std::uint64_t mark, nats::setup_result result) {
  auto outcome = partition->setup_ended(kind, mark, std::move(result), now());
  if (!outcome.trouble.empty()) world_.tell(process_.name, outcome.trouble);
  remove_consumer(kind, outcome.orphan);
  if (outcome.failed) {
    give_up(partition, *outcome.failed);
  } else {
    if (outcome.opened) outcome.opened(task_source::opened{});
    for (auto& out : outcome.out) perform(partition, out);
  }
  keeper_->post([this] { start_setups(); });
}

// ---- what is sent, and what comes of it

void source::perform(const partition_ptr& partition, nats::outgoing& out) {
  const auto& orders = out.orders;
  for (const auto& call : orders.confirmed) {
    if (call) call();
  }
  const auto kind = out.kind;
  for (const auto& request : orders.ask) {
    if (!link_.is_up()) {
      partition->not_asked(kind, {request});
      continue;
    }
    const auto to = [this, partition, kind](const broker::pushed& what) {
      inbox_->post([this, partition, kind, what] { arrived(partition, kind, what); });
    };
    link_.request(
        [this, kind, consumer = out.consumer, request, to]() -> std::function<void()> {
          if (broker_.pull(kind, consumer, request, link_, to)) return {};
          broker::pushed none;
          none.status = {request.token, 503, {}, request.batch, 0, {}};
          return [to, none] { to(none); };
        },
        options_.setup_timeout, {});
  }
  for (const auto& ack : orders.acknowledge) acknowledge_at_broker(partition, kind, ack);
  if (orders.loss == nats::consumer_loss::none) return;
  if (const auto told = partition->note_loss(kind, orders.loss, now()); !told.empty()) world_.tell(process_.name, told);
  if (orders.loss == nats::consumer_loss::replaced) return give_up(partition, source_failure::superseded);
  keeper_->post([this] { start_setups(); });
}

void source::acknowledge_at_broker(const partition_ptr& partition, message_kind kind, const nats::ack_order& order) {
  world_.crash_place(process_);
  const auto answered = [this, partition, kind, order](bool is_done, bool is_nobody) {
    inbox_->post([=, this] { ack_answered(partition, kind, order, is_done, is_nobody); });
  };
  link_.request(
      [this, kind, order, answered]() -> std::function<void()> {
        const bool is_there = broker_.acknowledge(kind, order.reply);
        return [answered, is_there] { answered(is_there, !is_there); };
      },
      options_.ack_timeout, [answered] { answered(false, false); });
}

void source::ack_answered(
    const partition_ptr& partition, message_kind kind, const nats::ack_order& sent, bool is_done, bool is_nobody) {
  nats::outgoing out;
  if (is_done) {
    partition->ack_confirmed(kind, sent.seq, now(), out);
  } else {
    partition->ack_failed(kind, sent, is_nobody, now(), out);
  }
  perform(partition, out);
}

} // namespace baton::simulation
