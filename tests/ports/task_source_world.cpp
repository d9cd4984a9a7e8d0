#include "tests/ports/task_source_world.hpp"

#include <future>
#include <stdexcept>

#include "bridge/nats/js_api.hpp"

namespace baton::nats {
namespace {

constexpr auto deadline = std::chrono::seconds{30};

std::string task_json(const std::string& id) {
  return R"({"kind":"turn","id":")" + id + R"(","input":"hello","runner":"echo"})";
}

std::string stream_json(message_kind kind, std::uint64_t partitions) {
  const std::string name{stream_of(kind)};
  const std::string word = kind == message_kind::task ? "task" : "control";
  return R"({"name":")" + name + R"(","subjects":["baton.)" + word
      + R"(.*"],"retention":"workqueue","storage":"file","num_replicas":1,"allow_direct":true,)"
      + R"("subject_transform":{"src":"baton.)" + word + R"(.*","dest":"baton.)" + word + ".{{partition("
      + std::to_string(partitions) + R"(,1)}}.{{wildcard(1)}}"}})";
}

value parsed(const std::string& json) {
  auto read = read_api_answer(json);
  if (!read) throw std::runtime_error("the server refuses: " + read.error().text + ": " + json);
  return *std::move(read);
}

} // namespace

// --- listeners ---------------------------------------------------------------------------------------------------------

void recording_listener::delivered(std::vector<delivery> batch) {
  const std::lock_guard lock{mutex_};
  ++batches_;
  for (auto& d : batch)
    all_.push_back(std::move(d));
  changed_.notify_all();
}

void recording_listener::stopped(partition_id partition, epoch of, source_failure why) {
  const std::lock_guard lock{mutex_};
  stops_.push_back({partition, of, why});
  changed_.notify_all();
}

bool recording_listener::wait_until(const std::function<bool(const std::vector<delivery>&)>& enough) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, deadline, [&] { return enough(all_); });
}

bool recording_listener::wait_for(std::size_t deliveries) {
  return wait_until([=](const auto& all) { return all.size() >= deliveries; });
}

bool recording_listener::wait_for_stop() {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, deadline, [&] { return !stops_.empty(); });
}

std::vector<delivery> recording_listener::all() const {
  const std::lock_guard lock{mutex_};
  return all_;
}

std::vector<std::string> recording_listener::ids_of(const std::string& of) const {
  std::vector<std::string> ids;
  const std::lock_guard lock{mutex_};
  for (const auto& d : all_) {
    if (d.session.text() != of) continue;
    if (const auto* t = std::get_if<task>(&d.body)) ids.push_back(t->id.text());
    if (const auto* c = std::get_if<control>(&d.body)) ids.push_back(c->id.text());
    if (const auto* r = std::get_if<refusal>(&d.body)) ids.emplace_back(to_text(r->why));
  }
  return ids;
}

std::vector<recording_listener::stop> recording_listener::stops() const {
  const std::lock_guard lock{mutex_};
  return stops_;
}

std::size_t recording_listener::batches() const {
  const std::lock_guard lock{mutex_};
  return batches_;
}

void settling_listener::delivered(std::vector<delivery> batch) {
  for (const auto& d : batch) {
    {
      const std::lock_guard lock{mutex_};
      ++heard_;
      const auto* t = std::get_if<task>(&d.body);
      if (seen_.insert({d.kind, d.seq}).second && t != nullptr)
        first_comings_[d.session.text()].push_back(t->id.text());
      changed_.notify_all();
    }
    source_.acknowledge(d.partition, d.kind, d.seq, [this] {
      const std::lock_guard lock{mutex_};
      ++confirmed_;
      changed_.notify_all();
    });
  }
}

void settling_listener::stopped(partition_id, epoch, source_failure) {
  const std::lock_guard lock{mutex_};
  ++stops_;
}

bool settling_listener::wait_confirmed(std::size_t confirmations) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, deadline, [&] { return confirmed_ >= confirmations; });
}

bool settling_listener::wait_heard(std::size_t deliveries) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, deadline, [&] { return heard_ >= deliveries; });
}

std::size_t settling_listener::confirmed() const {
  const std::lock_guard lock{mutex_};
  return confirmed_;
}

std::size_t settling_listener::stops() const {
  const std::lock_guard lock{mutex_};
  return stops_;
}

std::map<std::string, std::vector<std::string>> settling_listener::first_comings() const {
  const std::lock_guard lock{mutex_};
  return first_comings_;
}

std::function<void()> tally::one() {
  return [held = held_] {
    const std::lock_guard lock{held->mutex};
    ++held->calls;
    held->changed.notify_all();
  };
}

bool tally::wait_for(std::size_t calls) {
  std::unique_lock lock{held_->mutex};
  return held_->changed.wait_for(lock, deadline, [&] { return held_->calls >= calls; });
}

std::size_t tally::count() const {
  const std::lock_guard lock{held_->mutex};
  return held_->calls;
}

// --- nodes -------------------------------------------------------------------------------------------------------------

source_node::source_node(const std::string& url, task_source_options options)
    : link_{*connection::open(
          {.url = url, .backoff_min = std::chrono::milliseconds{10}, .backoff_max = std::chrono::milliseconds{100}})},
      asks_{*requester::open(*link_, time_)},
      source_{*nats_task_source::start(*link_, *asks_, time_, std::move(options))} {}

std::optional<expected<task_source::opened, source_failure>> source_node::open(
    partition_id partition, std::uint64_t of, std::shared_ptr<task_listener> to) {
  using result = expected<task_source::opened, source_failure>;
  auto answered = std::make_shared<std::promise<result>>();
  source_->open(partition, {of}, std::move(to), [answered](result r) { answered->set_value(r); });
  auto future = answered->get_future();
  if (future.wait_for(deadline) != std::future_status::ready) return std::nullopt;
  return future.get();
}

std::optional<task_source::read_result> source_node::read_back(
    partition_id partition, message_kind kind, stream_seq seq) {
  auto answered = std::make_shared<std::promise<task_source::read_result>>();
  source_->read_back(
      partition, kind, seq, [answered](task_source::read_result r) { answered->set_value(std::move(r)); });
  auto future = answered->get_future();
  if (future.wait_for(deadline) != std::future_status::ready) return std::nullopt;
  return future.get();
}

std::string source_node::ask(const std::string& subject, std::string_view payload, header_list with) {
  const std::string not_connected{to_text(failure::disconnected)};
  auto answer = not_connected;
  // Each try without a connection takes a sweep of the requester.
  for (int i = 0; i < 1'000 && answer == not_connected; ++i)
    answer = ask_once(subject, payload, with);
  return answer;
}

std::string source_node::ask_once(const std::string& subject, std::string_view payload, header_list with) {
  auto answered = std::make_shared<std::promise<std::string>>();
  asks_->request(subject, with, payload, std::chrono::seconds{5}, [answered](const requester::result& r) {
    answered->set_value(r ? std::string{r->payload()} : std::string{to_text(r.error())});
  });
  auto future = answered->get_future();
  return future.wait_for(deadline) == std::future_status::ready ? future.get() : "never";
}

// --- the world ---------------------------------------------------------------------------------------------------------

queue_world::queue_world(std::uint64_t partitions, bool with_streams)
    : partitions_{partitions}, producer_{std::make_unique<source_node>(server.url())} {
  if (with_streams) make_streams();
}

value queue_world::call(const std::string& subject, std::string_view payload) {
  return parsed(producer_->ask(subject, payload));
}

void queue_world::make_streams() {
  for (const auto kind : {message_kind::task, message_kind::control}) {
    (void)call(api_subject("STREAM.CREATE", stream_of(kind)), stream_json(kind, partitions_));
  }
}

stream_seq queue_world::publish(const std::string& subject, std::string_view payload, header_list with) {
  return {number_at(parsed(producer_->ask(subject, payload, with)), {"seq"})};
}

stream_seq queue_world::publish_task(const std::string& to, const std::string& id) {
  return publish(subjects::task(session(to)), task_json(id));
}

stream_seq queue_world::publish_control(const std::string& to, const std::string& id) {
  return publish(subjects::control(session(to)), R"({"kind":"cancel","id":")" + id + R"("})");
}

void queue_world::publish_tasks(const std::string& to, int from, int count) {
  for (int i = from; i < from + count; ++i) {
    if (producer_->link().publish(subjects::task(session(to)), {}, {}, task_json("t" + std::to_string(i)))) {
      throw std::runtime_error("cannot publish");
    }
  }
  if (!producer_->link().flush(deadline)) throw std::runtime_error("cannot flush");
}

std::vector<std::string> queue_world::consumers(message_kind kind) {
  return names_in(call(consumer_names_subject(kind), names_request(0))).names;
}

std::uint64_t queue_world::stored(message_kind kind) {
  return number_at(call(stream_info_subject(kind)), {"state", "messages"});
}

} // namespace baton::nats
