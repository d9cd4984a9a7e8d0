// What the codec costs on the path of a turn: one table, nanoseconds of processor time per call.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>

#include "messages/codec.hpp"
#include "messages/digest.hpp"

using namespace baton;

namespace {

/// Keeps what was computed, so that computing it is not left out.
void consume(const void* result) { asm volatile("" : : "r"(result) : "memory"); }

template <class Act>
void measure(const char* what, std::size_t bytes, Act act) {
  constexpr double long_enough_s = 0.2;
  double best_ns = 1e18;
  for (int round = 0; round < 3; ++round) {
    std::size_t calls = 0;
    double spent_s = 0;
    // Processor time of this process, so that neighbours on the machine disturb less.
    for (const auto from = std::clock(); spent_s < long_enough_s;
        spent_s = static_cast<double>(std::clock() - from) / CLOCKS_PER_SEC) {
      for (int i = 0; i < 1000; ++i)
        act();
      calls += 1000;
    }
    best_ns = std::min(best_ns, spent_s * 1e9 / static_cast<double>(calls));
  }
  std::printf("%-42s %8zu B %10.0f ns %12.0f /s\n", what, bytes, best_ns, 1e9 / best_ns);
}

run_record example_run() {
  run_record run;
  run.id = task_id::parse("order-2026-000123").value();
  run.message = {123'456};
  run.digest = {0x0123'4567'89AB'CDEF};
  run.runner = "echo";
  run.tenant = "acme";
  run.execution = execution_id::parse("n7f3k2m9-4711").value();
  run.slice = {1};
  run.accepted_at = run.started_at = instant{milliseconds{1'767'323'045'000}};
  return run;
}

commit example_commit(std::size_t ledger_items) {
  commit c;
  c.session = session_id::parse("customer-4711").value();
  c.node = node_id::parse("n7f3k2m9").value();
  c.epoch = {42};
  c.number = {1'234};
  const auto run = example_run();
  const auto at = run.accepted_at;
  for (std::size_t i = 0; i < ledger_items; ++i) {
    const auto id = task_id::parse("order-" + std::to_string(i)).value();
    c.head.ledger.push_back({.id = hash_of_id(message_kind::task, id), .digest = {i}, .ended = settlement::completed});
  }
  c.head.last = last_run{.id = run.id, .ended = settlement::completed, .at = at, .slices = 1, .code = std::nullopt};
  c.head.title = "A question about an order";
  c.head.title_version = 3;
  c.head.labels = {{"team", "support"}, {"tier", "gold"}};
  c.head.entries = 2'468;
  c.head.runs = 1'234;
  c.head.created_at = c.head.changed_at = at;
  c.entries.push_back({.kind = entry_kind::user,
      .run = run.id,
      .at = at,
      .hidden = false,
      .content = std::string(200, 'q'),
      .blob = {}});
  c.entries.push_back({.kind = entry_kind::assistant,
      .run = run.id,
      .at = at,
      .hidden = false,
      .content = std::string(200, 'a'),
      .blob = {}});
  event done;
  done.kind = event_kind::run_completed;
  done.at = at;
  done.epoch = c.epoch;
  done.run = run.id;
  done.execution = run.execution;
  done.slice = {1};
  c.events.push_back(done);
  return c;
}

task example_task() {
  task t;
  t.id = task_id::parse("order-2026-000123").value();
  t.tenant = "acme";
  t.labels = {{"team", "support"}};
  t.reply_to = "_INBOX.abcdefghijklmnop.1";
  t.what = turn{.input = std::string(200, 'q'), .runner = "echo", .options = {}};
  return t;
}

void measure_commits(std::size_t ledger_items) {
  const auto c = example_commit(ledger_items);
  const auto body = codec::encode_commit(c);
  const auto name = [&](const char* what) { return std::string{what} + ", ledger of " + std::to_string(ledger_items); };
  measure(name("encode_commit").c_str(), body.size(), [&] { consume(codec::encode_commit(c).data()); });
  measure(name("decode_commit").c_str(), body.size(), [&] {
    const auto read = codec::decode_commit(body);
    consume(&read);
  });
  measure(name("head_size").c_str(), codec::head_size(c.head), [&] {
    const auto size = codec::head_size(c.head);
    consume(&size);
  });
}

void measure_tasks(const char* what, encoding as) {
  const auto payload = codec::encode_task(example_task(), as);
  const codec::arrival from{.seq = {1}, .stored_at = {}, .traceparent = {}, .reply_prefixes = nullptr};
  measure(what, payload.size(), [&] {
    const auto read = codec::decode_task(payload, from, {});
    consume(&read);
  });
}

} // namespace

int main() {
  measure_commits(0);
  measure_commits(ledger_max);
  measure_tasks("decode_task, msgpack", encoding::msgpack);
  measure_tasks("decode_task, JSON", encoding::json);
  const auto c = example_commit(0);
  measure("encode_events, one", codec::encode_events(c.events).front().size(), [&] {
    const auto lines = codec::encode_events(c.events);
    consume(&lines);
  });
  const std::string payload(300, 'x');
  measure("digest_of_body", payload.size(), [&] {
    const auto digest = digest_of_body(payload);
    consume(&digest);
  });
}
