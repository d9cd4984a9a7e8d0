#include "bridge/nats/event_sink.hpp"

#include "messages/codec.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {

void nats_event_sink::send(const std::string& subject, std::string_view payload) {
  if (over_.publish(subject, {}, {}, payload)) on_drop_();
}

void nats_event_sink::live(
    const session_id& session, const task_id& run, const execution_id& execution, const live_note& note) {
  const value told{value::object{{"run", run.text()}, {"execution", execution.text()}, {"data", note.data}}};
  send(subjects::live(session, note.kind), codec::encode_value(told, encoding::json));
}

void nats_event_sink::answer(const std::string& reply_to, encoding as, const baton::answer& a) {
  if (reply_to.empty()) return;
  const auto payload = codec::encode_answer(a, as);
  const auto most = over_.max_payload();
  if (most == 0 || payload.size() <= most) return send(reply_to, payload);
  // The outcome is in the log; the answer says at least how it ended.
  auto shorter = a;
  value::object status;
  if (const auto* said = a.body.find("status")) status.emplace_back("status", *said);
  status.emplace_back("omitted", "the result does not fit into one message; read it from the session's log");
  shorter.body = std::move(status);
  send(reply_to, codec::encode_answer(shorter, as));
}

} // namespace baton::nats
