// Where the task of a turn for later stands in the log.
#pragma once

#include <string_view>

namespace baton {

/// The field of a hidden entry's content that holds a task which waits for its `not_before`.
inline constexpr std::string_view delayed_task_field = "delayed_task";

} // namespace baton
