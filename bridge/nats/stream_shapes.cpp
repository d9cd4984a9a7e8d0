#include "bridge/nats/stream_shapes.hpp"

#include <array>
#include <chrono>

#include "bridge/nats/js_api.hpp"
#include "messages/codec.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

/// A field of a stream's configuration, or one inside it.
struct field_path {
  std::string_view outer;
  std::string_view inner{};
};

/// Of what `difference` compares.
constexpr auto fields_that_matter = std::to_array<field_path>({
    {"subjects"},
    {"retention"},
    {"storage"},
    {"discard"},
    {"max_age"},
    {"max_msgs"},
    {"max_msgs_per_subject"},
    {"subject_transform", "src"},
    {"subject_transform", "dest"},
    {"republish", "src"},
    {"republish", "dest"},
    {"republish", "headers_only"},
    {"allow_direct"},
    {"allow_rollup_hdrs"},
    {"deny_delete"},
    {"deny_purge"},
    {"sealed"},
    {"no_ack"},
});

constexpr std::int64_t unlimited = -1;

std::int64_t nanoseconds(std::chrono::nanoseconds span) { return span.count(); }

value bound(std::uint64_t bytes) { return bytes == 0 ? value{unlimited} : value{bytes}; }

/// What all have in common: nothing ages, and a full stream refuses instead of dropping.
value::object base(std::string_view name, std::string_view intake, const stream_plan& plan, std::uint64_t bytes_max) {
  return {
      {"name", name},
      {"subjects", value::array{intake}},
      {"retention", "limits"},
      {"storage", "file"},
      {"discard", "new"},
      {"max_age", 0},
      {"max_msgs", unlimited},
      {"max_bytes", bound(bytes_max)},
      {"max_msgs_per_subject", unlimited},
      {"num_replicas", plan.replicas},
      {"allow_direct", true},
  };
}

void set(value::object& in, std::string_view field, value to) {
  for (auto& [name, held] : in) {
    if (name == field) {
      held = std::move(to);
      return;
    }
  }
  in.emplace_back(field, std::move(to));
}

value::object work_queue(std::string_view name, std::string_view intake, const std::string& storage,
    const stream_plan& plan, std::uint64_t bytes_max) {
  auto config = base(name, intake, plan, bytes_max);
  set(config, "retention", "workqueue");
  set(config, "subject_transform", value::object{{"src", intake}, {"dest", storage}});
  set(config, "max_msg_size", plan.payload_max + task_headers_max);
  set(config, "duplicate_window", nanoseconds(std::chrono::minutes{2}));
  return config;
}

/// Only the newest record of each subject, and that one for ever: a partition's epoch may never fall.
value::object last_records(std::string_view name, std::string_view intake, const stream_plan& plan) {
  auto config = base(name, intake, plan, 0);
  set(config, "max_msgs_per_subject", 1);
  set(config, "deny_delete", true);
  set(config, "deny_purge", true);
  return config;
}

/// The same, but that the record of a life that is over may go.
value::object node_records(const stream_plan& plan) {
  auto config = last_records(subjects::nodes_stream, subjects::node_intake, plan);
  set(config, "deny_delete", false);
  return config;
}

/// One for each wake, gone when its session needs it no more; by sequence alone, for a purge would take what a newer owner wrote.
value::object wake_config(const stream_plan& plan) {
  auto config = last_records(subjects::wakes_stream, subjects::wake_intake, plan);
  set(config, "deny_delete", false);
  set(config, "max_bytes", bound(plan.wakes_max));
  return config;
}

value republish(std::string_view from, std::string_view to) {
  return value::object{{"src", from}, {"dest", to}, {"headers_only", true}};
}

value::object log_config(const stream_plan& plan) {
  auto config = base(subjects::log_stream, subjects::log_intake, plan, plan.log_max);
  set(config, "allow_rollup_hdrs", true);
  set(config, "republish", republish(subjects::log_intake, subjects::committed_destination));
  return config;
}

/// Discard new, like all: when it is full, a letter cannot be stored, so its task is not acknowledged and stays in the queue.
/// To drop old letters instead would lose accepted tasks that nobody has looked at yet.
value::object dead_config(const stream_plan& plan) {
  auto config = base(subjects::dead_stream, subjects::dead_intake, plan, plan.dead_max);
  set(config, "duplicate_window", nanoseconds(std::chrono::hours{1}));
  set(config, "republish", republish(subjects::dead_intake, subjects::refused_destination));
  return config;
}

/// One message for each subject: a chunk stored twice is the same bytes.
value::object blob_config(const stream_plan& plan) {
  auto config = base(subjects::blobs_stream, subjects::blob_intake, plan, plan.blobs_max);
  set(config, "max_msgs_per_subject", 1);
  return config;
}

bool says_nothing(const value* v) {
  if (v == nullptr || v->is_null()) return true;
  if (const auto* flag = v->as<bool>()) return !*flag;
  if (const auto* number = v->as<std::int64_t>()) return *number == 0;
  return false;
}

std::string shown(const value* v) {
  return v == nullptr || v->is_null() ? "none" : codec::encode_value(*v, encoding::json);
}

const value* held_at(const value& in, const field_path& field) {
  const auto* outer = in.find(field.outer);
  return outer == nullptr || field.inner.empty() ? outer : outer->find(field.inner);
}

std::string compare(const value& wanted, const value& found, const field_path& field) {
  const auto* expected_value = held_at(wanted, field);
  const auto* actual = held_at(found, field);
  // The server leaves out what is false or zero.
  if (says_nothing(expected_value) && says_nothing(actual)) return {};
  if (expected_value != nullptr && actual != nullptr && *expected_value == *actual) return {};
  std::string name{field.outer};
  if (!field.inner.empty()) name.append(".").append(field.inner);
  return name + " is " + shown(actual) + ", expected " + shown(expected_value);
}

} // namespace

std::vector<stream_shape> stream_shapes(const stream_plan& plan) {
  using namespace subjects;
  return {
      {tasks_stream, work_queue(tasks_stream, task_intake, task_storage(plan.partitions), plan, plan.tasks_max)},
      {control_stream,
          work_queue(control_stream, control_intake, control_storage(plan.partitions), plan, plan.control_max)},
      {log_stream, log_config(plan)},
      {owners_stream, last_records(owners_stream, owner_intake, plan)},
      {nodes_stream, node_records(plan)},
      {dead_stream, dead_config(plan)},
      {blobs_stream, blob_config(plan)},
      {wakes_stream, wake_config(plan)},
  };
}

std::string difference(const stream_shape& wanted, const value& found) {
  for (const auto& field : fields_that_matter) {
    // With or without: where nothing can be deleted, the records of lives that are over stay.
    if (wanted.name == subjects::nodes_stream && field.outer == "deny_delete") continue;
    if (auto text = compare(wanted.config, found, field); !text.empty()) return text;
  }
  for (const std::string_view field : {"mirror", "sources"}) {
    if (const auto* other = found.find(field); other != nullptr && !other->is_null()) {
      return std::string{field} + " is set, expected none";
    }
  }
  return {};
}

std::optional<std::uint64_t> partitions_of(const value& config) {
  return subjects::partitions_in(text_at(config, {"subject_transform", "dest"}));
}

} // namespace baton::nats
