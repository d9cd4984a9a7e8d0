// What is told and may be lost: live events and answers. Never blocks, never fails; any thread.
#pragma once

#include <string>

#include "messages/control.hpp"
#include "messages/ids.hpp"
#include "messages/slice.hpp"

namespace baton {

class event_sink {
public:
  virtual ~event_sink() = default;
  /// To baton.live.<session>.<note.kind>, with the run and execution that it belongs to.
  virtual void live(const session_id& session, const task_id& run, const execution_id& execution, const live_note& note) = 0;
  /// To `reply_to`, which was checked when the request was decoded; nothing happens if it is empty.
  virtual void answer(const std::string& reply_to, encoding as, const baton::answer& a) = 0;
};

} // namespace baton
