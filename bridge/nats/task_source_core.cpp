#include "bridge/nats/task_source_core.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "bridge/nats/task_source_decode.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

/// How often the timekeeper looks when something small waits, and when nothing does.
constexpr milliseconds tick_soon{20};
constexpr milliseconds tick_idle{500};

std::optional<message_kind> kind_of(std::string_view stream) {
  for (const auto kind : both_kinds) {
    if (stream == stream_of(kind)) return kind;
  }
  return std::nullopt;
}

/// The last token of a request's reply subject: `<partition>-<t|c>-<request>`.
struct request_name {
  partition_id partition;
  message_kind kind = message_kind::task;
  std::uint64_t token = 0;
};

std::string to_text(const request_name& name) {
  return std::to_string(name.partition.value) + (name.kind == message_kind::task ? "-t-" : "-c-")
      + std::to_string(name.token);
}

std::optional<request_name> parse_request_name(std::string_view text) {
  request_name name;
  const auto* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, name.partition.value);
  if (error != std::errc{} || end - at < 4 || at[0] != '-' || at[2] != '-') return std::nullopt;
  name.kind = at[1] == 't' ? message_kind::task : message_kind::control;
  const auto token = std::from_chars(at + 3, end, name.token);
  if (token.ec != std::errc{} || token.ptr != end) return std::nullopt;
  return name;
}

std::uint64_t number_in(const reply& message, const char* header) {
  std::uint64_t number = 0;
  if (const auto text = message.header(header)) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

/// A request must be able to bring the largest message there is, or it would bring none.
pull_limits fitting(pull_limits limits, std::size_t max_payload) {
  constexpr std::size_t subject_and_reply = 1024;
  limits.request_bytes = std::max(limits.request_bytes, max_payload + subject_and_reply);
  return limits;
}

} // namespace

nats_task_source::core::core(connection& over, requester& ask, const clock& time, task_source_options options)
    : over_{over}, ask_{ask}, time_{time}, options_{std::move(options)}, inbox_{connection::new_inbox() + ".pull."} {}

std::optional<failure> nats_task_source::core::start() {
  auto inbox = over_.subscribe(inbox_ + "*", [this](message_handle message) { arrived(std::move(message)); });
  if (!inbox) return inbox.error();
  subscription_.emplace(*std::move(inbox));
  over_.listen(weak_from_this());
  timekeeper_ = std::thread{[this] { keep_time(); }};
  return std::nullopt;
}

void nats_task_source::core::stop() {
  // Stays where it is: `arrived`, which may run until this has returned, looks at it.
  if (subscription_) subscription_->end();
  {
    const std::lock_guard lock{time_mutex_};
    stopping_ = true;
    poked_.notify_all();
  }
  if (timekeeper_.joinable()) timekeeper_.join();
  {
    const std::unique_lock lock{running_mutex_};
    stopped_ = true;
  }
  for (const auto& partition : all()) {
    drop(partition);
    (void)partition->close();
  }
}

// --- the table ---------------------------------------------------------------------------------------------------------

nats_task_source::core::partition_ptr nats_task_source::core::find(partition_id partition) const {
  const std::lock_guard lock{table_mutex_};
  const auto found = table_.find(partition);
  return found == table_.end() ? nullptr : found->second;
}

std::vector<nats_task_source::core::partition_ptr> nats_task_source::core::all() const {
  std::vector<partition_ptr> partitions;
  const std::lock_guard lock{table_mutex_};
  partitions.reserve(table_.size());
  for (const auto& [id, partition] : table_)
    partitions.push_back(partition);
  return partitions;
}

void nats_task_source::core::drop(const partition_ptr& partition) {
  const std::lock_guard lock{table_mutex_};
  const auto found = table_.find(partition->id());
  if (found != table_.end() && found->second == partition) table_.erase(found);
}

// --- calls of the port -------------------------------------------------------------------------------------------------

void nats_task_source::core::open(
    partition_id partition, epoch of, std::shared_ptr<task_listener> to, partition_pull::open_callback done) {
  close(partition);
  const partition_limits limits{fitting(options_.pull, over_.max_payload()), options_.ack_wait, options_.setup_timeout,
      options_.setup_retry_first, options_.setup_retry_longest, options_.patience};
  auto made =
      std::make_shared<partition_pull>(partition, of, std::move(to), std::move(done), limits, time_.monotonic_now());
  {
    const std::lock_guard lock{table_mutex_};
    table_[partition] = std::move(made);
  }
  poke();
}

void nats_task_source::core::acknowledge(
    partition_id partition, message_kind kind, stream_seq seq, std::function<void()> confirmed) {
  const auto at = find(partition);
  if (!at) return;
  outgoing out;
  at->acknowledge(kind, seq, std::move(confirmed), time_.monotonic_now(), out);
  for (auto& call : std::exchange(out.orders.confirmed, {})) {
    later([at, call = std::move(call)] {
      if (call && !at->closed()) call();
    });
  }
  perform(at, out);
}

void nats_task_source::core::lighten(partition_id partition, message_kind kind, stream_seq seq) {
  const auto at = find(partition);
  if (!at) return;
  outgoing out;
  at->lighten(kind, seq, time_.monotonic_now(), out);
  perform(at, out);
}

delivery_round nats_task_source::core::forget(partition_id partition, const session_id& session) {
  const auto at = find(partition);
  if (!at) return {};
  const auto round = at->forget(session, time_.monotonic_now());
  poke();
  return round;
}

void nats_task_source::core::close(partition_id partition) {
  const auto at = find(partition);
  if (!at) return;
  drop(at);
  auto closed = at->close();
  if (!closed.first) return;
  for (const auto kind : both_kinds)
    remove_consumer(kind, closed.consumers[static_cast<std::size_t>(kind)]);
  if (closed.done) later([done = std::move(closed.done)] { done(unexpected{source_failure::unreachable}); });
}

void nats_task_source::core::remove_consumer(message_kind kind, const std::string& name) {
  if (name.empty()) return;
  // If it fails, the next owner deletes it.
  ask_.request(consumer_delete_subject(kind, name), {}, {}, options_.setup_timeout, [](const requester::result&) {});
}

void nats_task_source::core::give_up(const partition_ptr& partition, source_failure why) {
  drop(partition);
  auto closed = partition->close();
  if (!closed.first) return;
  for (const auto kind : both_kinds)
    remove_consumer(kind, closed.consumers[static_cast<std::size_t>(kind)]);
  if (closed.done) return closed.done(unexpected{why});
  closed.listener->stopped(partition->id(), closed.of, why);
}

// --- reading back ------------------------------------------------------------------------------------------------------

void nats_task_source::core::read_back(
    partition_id partition, message_kind kind, stream_seq seq, std::function<void(read_result)> done) {
  read_directly({partition, kind, seq, std::move(done)});
}

void nats_task_source::core::read_directly(read_order order) {
  const auto subject = api_subject("DIRECT.GET", stream_of(order.kind));
  const auto request = by_sequence(order.seq);
  ask_.request(subject, {}, request, options_.read_timeout,
      [weak = weak_from_this(), order = std::move(order)](const requester::result& answer) {
        const auto self = weak.lock();
        const auto running = self ? self->enter() : std::shared_lock<std::shared_mutex>{};
        if (!running) return;
        if (!answer) return self->read_ended(order, unexpected{api_failure_of(answer.error())});
        const auto read = read_direct_answer(*answer);
        if (!read && read.error().code == refusal_code::no_message) return self->read_from_leader(order);
        self->read_ended(order, read);
      });
}

void nats_task_source::core::read_from_leader(read_order order) {
  const auto subject = api_subject("STREAM.MSG.GET", stream_of(order.kind));
  const auto request = by_sequence(order.seq);
  ask_.request(subject, {}, request, options_.read_timeout,
      [weak = weak_from_this(), order = std::move(order)](const requester::result& answer) {
        const auto self = weak.lock();
        const auto running = self ? self->enter() : std::shared_lock<std::shared_mutex>{};
        if (!running) return;
        if (!answer) return self->read_ended(order, unexpected{api_failure_of(answer.error())});
        self->read_ended(order, read_message_answer(answer->payload()));
      });
}

void nats_task_source::core::read_ended(const read_order& order, const expected<stored_message, api_failure>& read) {
  const auto opened = find(order.partition);
  if (!opened) return order.done(unexpected{source_failure::superseded});
  if (!read && read.error().code == refusal_code::no_message) return order.done(std::optional<delivery>{});
  if (!read || read->seq != order.seq) return order.done(unexpected{source_failure::unreachable});
  const stored_place at{order.partition, order.kind, read->seq, read->stored_at, read->subject};
  auto d = decode_delivery(at, read->payload, read->header(traceparent_header), options_);
  d.before_open = opened->was_before_open(order.kind, order.seq);
  order.done(std::optional{std::move(d)});
}

// --- the connection ----------------------------------------------------------------------------------------------------

void nats_task_source::core::disconnected() { connection_changed(); }
void nats_task_source::core::reconnected() { connection_changed(); }

void nats_task_source::core::connection_changed() {
  for (const auto& partition : all())
    partition->connection_changed(time_.monotonic_now());
  poke();
}

// --- the inbox's thread ------------------------------------------------------------------------------------------------

void nats_task_source::core::arrived(message_handle message) {
  const char* reply_subject = natsMsg_GetReply(message.get());
  const auto at = reply_subject == nullptr ? std::nullopt : parse_ack(reply_subject);
  const reply held{std::move(message)};
  if (at) {
    arrived_message(*at, reply_subject, held);
  } else {
    arrived_status(held);
  }
  // A burst is handed over as one, but nobody waits for more to come.
  if (staged_.empty()) return;
  if (++burst_ >= options_.burst_max || subscription_->waiting() == 0) flush();
}

void nats_task_source::core::arrived_message(
    const ack_subject& at, std::string_view reply_subject, const reply& message) {
  const auto kind = kind_of(at.stream);
  const auto name = parse_consumer(at.consumer);
  const auto partition = kind && name ? find(name->partition) : nullptr;
  if (!partition) return;
  const auto place = subjects::parse_stored(message.subject());
  const auto session = place && place->session ? *place->session : session_id{};
  outgoing out;
  bool before_open = false;
  const pulled m{at, reply_subject, session, message.payload().size()};
  if (partition->message(*kind, m, time_.monotonic_now(), before_open, out)) {
    auto d = decode_delivery({name->partition, *kind, at.seq, at.stored_at, message.subject()}, message.payload(),
        message.header(traceparent_header).value_or(std::string_view{}), options_);
    d.before_open = before_open;
    if (partition->stage(std::move(d))) staged_.push_back(partition);
  }
  perform(partition, out);
}

void nats_task_source::core::arrived_status(const reply& message) {
  const auto subject = message.subject();
  if (!subject.starts_with(inbox_)) return;
  const auto name = parse_request_name(subject.substr(inbox_.size()));
  const auto partition = name ? find(name->partition) : nullptr;
  if (!partition) return;
  const pull_status status{name->token, message.status(), message.header("Description").value_or(std::string_view{}),
      number_in(message, "Nats-Pending-Messages"), number_in(message, "Nats-Last-Consumer"),
      {number_in(message, "Nats-Last-Stream")}};
  outgoing out;
  partition->status(name->kind, status, time_.monotonic_now(), out);
  perform(partition, out);
}

void nats_task_source::core::flush() {
  for (const auto& partition : staged_)
    partition->flush();
  staged_.clear();
  burst_ = 0;
}

// --- the timekeeper's thread -------------------------------------------------------------------------------------------

void nats_task_source::core::keep_time() {
  bool soon = false;
  while (true) {
    std::vector<std::function<void()>> calls;
    {
      std::unique_lock lock{time_mutex_};
      poked_.wait_for(lock, soon ? tick_soon : tick_idle, [this] { return poke_ || stopping_; });
      if (stopping_) return;
      poke_ = false;
      calls.swap(later_);
    }
    for (const auto& call : calls)
      call();
    soon = false;
    const auto partitions = all();
    const auto now = time_.monotonic_now();
    for (const auto& partition : partitions) {
      for (auto& out : partition->tick(now, soon))
        perform(partition, out);
      if (partition->overdue(now)) give_up(partition, source_failure::unreachable);
    }
    start_setups(partitions, now);
  }
}

void nats_task_source::core::start_setups(const std::vector<partition_ptr>& partitions, monotonic_instant now) {
  if (!over_.connected()) return;
  std::size_t under_way = 0;
  for (const auto& partition : partitions)
    under_way += partition->setups_under_way();
  for (const auto& partition : partitions) {
    if (under_way >= options_.setups_at_once) return;
    for (auto& wanted : partition->take_setups(now, options_.setups_at_once - under_way)) {
      ++under_way;
      const auto kind = wanted.order.kind;
      set_up_consumer(ask_, std::move(wanted.order),
          [weak = weak_from_this(), partition, kind, mark = wanted.mark](setup_result result) {
            const auto self = weak.lock();
            const auto running = self ? self->enter() : std::shared_lock<std::shared_mutex>{};
            if (running) self->setup_ended(partition, kind, mark, std::move(result));
          });
    }
  }
}

void nats_task_source::core::poke() {
  const std::lock_guard lock{time_mutex_};
  poke_ = true;
  poked_.notify_one();
}

void nats_task_source::core::later(std::function<void()> call) {
  const std::lock_guard lock{time_mutex_};
  later_.push_back(std::move(call));
  poke_ = true;
  poked_.notify_one();
}

// --- what is sent, and what comes of it --------------------------------------------------------------------------------

std::shared_lock<std::shared_mutex> nats_task_source::core::enter() {
  std::shared_lock lock{running_mutex_};
  if (stopped_) lock.unlock();
  return lock;
}

void nats_task_source::core::setup_ended(
    const partition_ptr& partition, message_kind kind, std::uint64_t mark, setup_result result) {
  auto outcome = partition->setup_ended(kind, mark, std::move(result), time_.monotonic_now());
  tell(outcome.trouble);
  remove_consumer(kind, outcome.orphan);
  if (outcome.failed) {
    give_up(partition, *outcome.failed);
  } else {
    if (outcome.opened) outcome.opened(task_source::opened{});
    for (auto& out : outcome.out)
      perform(partition, out);
  }
  poke(); // the next one may start
}

void nats_task_source::core::perform(const partition_ptr& partition, outgoing& out) {
  const auto& orders = out.orders;
  for (const auto& call : orders.confirmed) {
    if (call) call();
  }
  for (const auto& request : orders.ask) {
    const auto reply_to = inbox_ + to_text(request_name{partition->id(), out.kind, request.token});
    if (over_.publish(pull_subject(out.kind, out.consumer), reply_to, {}, nats::to_text(request))) {
      partition->not_asked(out.kind, {request});
    }
  }
  for (const auto& ack : orders.acknowledge) {
    ask_.request(ack.reply, {}, "+ACK", options_.ack_timeout,
        [weak = weak_from_this(), partition, kind = out.kind, ack](const requester::result& answer) {
          const auto self = weak.lock();
          const auto running = self ? self->enter() : std::shared_lock<std::shared_mutex>{};
          if (running) self->ack_answered(partition, kind, ack, answer);
        });
  }
  if (orders.loss == consumer_loss::none) return;
  tell(partition->note_loss(out.kind, orders.loss, time_.monotonic_now()));
  if (orders.loss == consumer_loss::replaced) return give_up(partition, source_failure::superseded);
  poke();
}

void nats_task_source::core::ack_answered(
    const partition_ptr& partition, message_kind kind, const ack_order& sent, const requester::result& answer) {
  outgoing out;
  const auto now = time_.monotonic_now();
  if (answer) {
    partition->ack_confirmed(kind, sent.seq, now, out);
  } else {
    partition->ack_failed(kind, sent, answer.error() == failure::no_responders, now, out);
  }
  perform(partition, out);
}

void nats_task_source::core::tell(const std::string& trouble) const {
  if (!trouble.empty() && options_.trouble) options_.trouble(trouble);
}

} // namespace baton::nats
