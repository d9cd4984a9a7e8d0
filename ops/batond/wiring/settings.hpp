// From the options of a node to the settings of its parts: the one place that knows both.
#pragma once

#include "actors/services.hpp"
#include "bridge/nats/connection.hpp"
#include "bridge/nats/stream_shapes.hpp"
#include "bridge/nats/task_source.hpp"
#include "config/options.hpp"

namespace baton::batond {

[[nodiscard]] session::limits session_limits(const options& o);
/// All but the ports and the node's id.
[[nodiscard]] services node_services(const options& o);
/// What the broker must take in one message, in bytes, so that all fits that the options allow: a task with its headers, a commit
/// with its head and events.
[[nodiscard]] std::uint64_t message_bytes_needed(const options& o);
[[nodiscard]] nats::connect_options connect_options_of(const options& o, const std::string& url);
[[nodiscard]] nats::stream_plan stream_plan_of(const options& o);
[[nodiscard]] nats::task_source_options source_options_of(const options& o);

} // namespace baton::batond
