// Values of all shapes from one constant seed: what a test makes of them is the same in every run.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "messages/commit.hpp"
#include "messages/control.hpp"
#include "messages/dead_letter.hpp"
#include "messages/task.hpp"

namespace baton::test {

class codec_generator {
public:
  explicit codec_generator(std::uint32_t seed) : chance_(seed) {}

  /// 0 … below `end`.
  std::uint64_t below(std::uint64_t end) { return chance_() % end; }
  bool coin() { return below(2) == 1; }
  /// Often at the edge of a width.
  std::uint64_t number();
  /// UTF-8, with all that needs care in JSON; lengths around those where msgpack changes the header.
  std::string text();
  std::string short_text();
  std::string bytes();
  /// At most `depth` containers deep. Without bytes it can also be written as JSON and read back.
  value any_value(int depth, bool with_bytes = true);
  value any_object(int depth, bool with_bytes = true);
  instant time() { return instant{milliseconds{static_cast<std::int64_t>(below(253'402'300'800'000))}}; }

  task any_task(bool with_bytes);
  control any_control();
  commit any_commit();
  event any_event();
  answer any_answer(bool with_bytes);
  dead_letter any_dead_letter();

private:
  template <class Id>
  Id id(std::string_view alphabet, std::size_t longest);
  task_id any_task_id();
  execution_id any_execution_id();
  labels any_labels();
  value::array any_items(int depth, bool with_bytes);
  blob_ref any_blob();
  checkpoint any_checkpoint();
  run_record any_run();
  phase any_phase();
  head any_head();
  entry any_entry();
  reason any_reason() { return static_cast<reason>(below(reasons.size())); }
  settlement any_settlement() { return static_cast<settlement>(below(5)); }

  std::mt19937 chance_;
};

} // namespace baton::test
