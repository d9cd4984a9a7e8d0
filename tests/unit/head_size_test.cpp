// The head stays within its size because each of its parts does: the fullest one is built and measured.
#include <catch2/catch_test_macros.hpp>

#include <limits>
#include <string>

#include "actors/session/machine.hpp"
#include "messages/codec.hpp"
#include "messages/head.hpp"

using namespace baton;

namespace {

constexpr auto any_number = std::numeric_limits<std::uint64_t>::max();
constexpr auto any_count = std::numeric_limits<std::uint32_t>::max();
constexpr instant any_time{milliseconds{253'402'300'799'999}};

task_id longest_task() { return task_id::parse(std::string(64, 't')).value(); }

reason longest_reason() {
  auto longest = reason::too_large;
  for (const auto& row : reasons) {
    if (row.text.size() > to_text(longest).size()) longest = row.is;
  }
  return longest;
}

/// The largest that stands in a head itself.
value largest_state() {
  std::string text(checkpoint_inline_max, 'x');
  while (codec::encode_value(text, encoding::msgpack).size() > checkpoint_inline_max)
    text.pop_back();
  return text;
}

run_record fullest_run() {
  run_record run;
  run.id = longest_task();
  run.message = {any_number};
  run.digest = {any_number};
  run.runner = std::string(runner_bytes_max, 'r');
  run.tenant = std::string(tenant_bytes_max, 't');
  run.execution = execution_id::parse(std::string(64, 'x')).value();
  run.slice = {any_number};
  run.attempts = any_count;
  run.crashes = any_count;
  run.accepted_at = any_time;
  run.started_at = any_time;
  run.deadline = any_time;
  run.last_checkpoint = checkpoint{largest_state(), std::nullopt, {any_number}, any_time};
  run.input_stored = true;
  run.last_error = std::string(error_text_max, 'e');
  run.has_waited = true;
  run.hears = true;
  run.stopped_by = longest_task();
  run.is_rolled_back = true;
  return run;
}

labels fullest_labels() {
  labels made;
  const auto half = labels_bytes_max / labels_max / 2;
  for (std::size_t i = 0; i < labels_max; ++i)
    made.emplace(std::to_string(10 + i) + std::string(half - 2, 'k'), std::string(half, 'v'));
  return made;
}

head fullest_head() {
  head h;
  h.phase = phases::retry_wait{fullest_run(), any_time};
  h.ledger.resize(ledger_most, {{any_number, any_number}, {any_number}, settlement::refused});
  h.outbox.resize(outbox_max, {"dead." + std::to_string(any_number), longest_task(), {any_number}, longest_reason(),
                                  std::string(error_text_max, 'e'), any_count, any_time});
  h.busy.joined.resize(joined_max);
  h.busy.decided.resize(decided_max);
  h.busy.replaced_at = any_time;
  h.busy.replaced_until = {any_number};
  h.busy.replaced_by = longest_task();
  h.spilled.resize(spilled_max, {{any_number, any_number}, {any_number}, {any_number}, any_time});
  h.last = last_run{longest_task(), settlement::completed, any_time, any_count, longest_reason()};
  for (std::size_t i = 0; i < title_characters_max; ++i)
    h.title += "\xF0\x9F\x98\x80";
  h.title_version = any_number;
  h.pinned = true;
  h.labels = fullest_labels();
  h.context_from = {any_number};
  h.entries = any_number;
  h.runs = any_number;
  h.created_at = any_time;
  h.changed_at = any_time;
  return h;
}

/// Bytes that go with what `empty` takes away.
template <class Empty>
std::size_t part(Empty empty) {
  auto h = fullest_head();
  empty(h);
  return codec::head_size(fullest_head()) - codec::head_size(h);
}

} // namespace

TEST_CASE("the fullest head fits, and so does each of its parts", "[head]") {
  CHECK(bytes_of(fullest_labels()) == labels_bytes_max);
  CHECK(part([](head& h) { h.phase = phases::idle{}; }) <= head_parts::run);
  CHECK(part([](head& h) { h.ledger.clear(); }) <= head_parts::ledger);
  CHECK(part([](head& h) { h.outbox.clear(); }) <= head_parts::outbox);
  CHECK(part([](head& h) { h.busy = {}; }) <= head_parts::busy);
  CHECK(part([](head& h) { h.spilled.clear(); }) <= head_parts::spilled);
  CHECK(part([](head& h) { h.title.clear(); }) <= head_parts::title);
  CHECK(part([](head& h) { h.labels.clear(); }) <= head_parts::labels);
  auto rest = fullest_head();
  rest.phase = phases::idle{};
  rest.ledger.clear();
  rest.outbox.clear();
  rest.busy = {};
  rest.spilled.clear();
  rest.title.clear();
  rest.labels.clear();
  CHECK(codec::head_size(rest) <= head_parts::rest);
  CHECK(codec::head_size(fullest_head()) <= head_parts::together);
}

TEST_CASE("a head with a reference to its checkpoint is smaller than one that holds it", "[head]") {
  auto h = fullest_head();
  const auto whole = codec::head_size(h);
  auto& point = *std::get<phases::retry_wait>(h.phase).run.last_checkpoint;
  point.state = {};
  point.blob = blob_ref{std::string(64, 'f'), any_number};
  CHECK(codec::head_size(h) < whole);
}

TEST_CASE("the ledger has room for all that may be settled once it is crowded", "[head]") {
  const session::limits l;
  // The last that still came through may settle a task besides itself; some refusals are recorded even then;
  // then the run in hand and its cancels, and the early cancels with their tasks.
  const auto last_one = std::size_t{2};
  const auto refusals = std::size_t{24};
  const auto run = 1 + l.cancels_max;
  const auto early = 2 * l.early_max;
  CHECK(l.open_acks_max - 1 + last_one + refusals + run + early + l.joined_max <= ledger_most);
  CHECK(ledger_max <= ledger_most);
}

TEST_CASE("stored text is UTF-8 within its size, and what is stored is what is read", "[head]") {
  CHECK(codec::stored_text("short", 500) == "short");
  CHECK(codec::stored_text("", 500).empty());
  CHECK(codec::stored_text(std::string(501, 'x'), 500).size() == 500);
  // Two bytes a character, and the cut would be within one.
  CHECK(codec::stored_text("\xC3\xA4\xC3\xB6\xC3\xBC", 5) == "\xC3\xA4\xC3\xB6");
  CHECK(codec::stored_text("\xC3\xA4\xC3\xB6\xC3\xBC", 4) == "\xC3\xA4\xC3\xB6");
  // Each byte that is none becomes three.
  const auto repaired = codec::stored_text(std::string(500, '\xFF'), 500);
  CHECK(repaired.size() == 498);
  CHECK(repaired.starts_with("\xEF\xBF\xBD"));
  CHECK(codec::stored_text(repaired, 500) == repaired);
}
