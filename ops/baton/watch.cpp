// baton watch
#include <atomic>
#include <map>
#include <memory>
#include <utility>

#include "messages/codec.hpp"
#include "messages/subjects.hpp"
#include "ops/baton/commands.hpp"
#include "ops/baton/shown.hpp"

namespace baton::cli {
namespace {

/// How long to wait before looking whether messages were dropped on our side.
constexpr milliseconds look_every{1'000};

/// How often the connection came and went.
struct link_changes final : nats::link_listener {
  void disconnected() override { ++lost; }
  void reconnected() override { ++back; }
  void closed() override { over = true; }

  std::atomic<std::uint64_t> lost{0};
  std::atomic<std::uint64_t> back{0};
  std::atomic<bool> over{false};
};

class watching {
public:
  explicit watching(desk& at) : at_{at} {}

  /// Each once, however often it came and went since the last look.
  void tell_link(const link_changes& link) {
    // In this order: a connection that breaks again in between is told as lost by the next look.
    const auto back = link.back.load();
    const auto lost = link.lost.load();
    if (lost != std::exchange(lost_, lost)) at_.tell.aside("[the connection to the broker was lost; waiting for it]");
    if (back != std::exchange(back_, back)) {
      at_.tell.aside("[the broker is back; what happened meanwhile is not shown here: baton show SESSION --events has it]");
    }
  }

  void take(const heard& h) {
    const auto session = subjects::session_of(h.subject);
    const auto name = session ? session->text() : std::string{"$invalid"};
    if (h.seq == stream_seq{}) return live(name, h);
    tell_gap(name, h);
    for (const auto& line : h.events) event(name, h, line);
  }

  void tell_dropped(std::uint64_t missed) {
    if (missed == dropped_) return;
    at_.tell.aside("[" + std::to_string(missed - dropped_) + " messages dropped: they came faster than they could be shown]");
    dropped_ = missed;
  }

private:
  void live(const std::string& session, const heard& h) {
    const auto read = codec::decode_value(h.payload, {.bytes_max = h.payload.size() + 1});
    if (!read || read->value.as<value::object>() == nullptr) return;
    const auto kind = subjects::last_token(h.subject);
    if (at_.tell.json()) {
      value::object told{{"session", session}, {"live", kind}};
      const auto& fields = *read->value.as<value::object>();
      told.insert(told.end(), fields.begin(), fields.end());
      return at_.tell.object(value{std::move(told)});
    }
    const auto* run = read->value.find("run");
    const auto* data = read->value.find("data");
    at_.tell.line(began(session, "live") + std::string{kind} + (run == nullptr ? "" : " " + shown(*run))
                  + (data == nullptr ? "" : "  " + on_one_line(shown(*data))));
  }

  void event(const std::string& session, const heard& h, const std::string& line) {
    const auto read = codec::decode_value(line, {});
    const auto* fields = read ? read->value.as<value::object>() : nullptr;
    if (fields == nullptr) return;
    if (at_.tell.json()) {
      value::object told{{"session", session}, {"seq", h.seq.value}};
      told.insert(told.end(), fields->begin(), fields->end());
      return at_.tell.object(value{std::move(told)});
    }
    at_.tell.line(began(session, std::to_string(h.seq.value)) + shown_event(read->value));
  }

  /// Each committed or refused message names the one before it of its session.
  void tell_gap(const std::string& session, const heard& h) {
    auto& last = last_[h.subject];
    const bool gap = last != stream_seq{} && h.before != last && h.before > last;
    last = h.seq;
    if (!gap) return;
    if (at_.tell.json()) {
      return at_.tell.object(value{value::object{{"session", session}, {"missed_before", h.seq.value}}});
    }
    at_.tell.aside("[" + session + ": events before " + std::to_string(h.seq.value)
                   + " were missed; baton show " + session + " --events has them]");
  }

  static std::string began(const std::string& session, const std::string& place) {
    return padded(session, 16) + padded(place, 8);
  }

  desk& at_;
  /// Per subject, the last sequence that was told.
  std::map<std::string, stream_seq> last_;
  std::uint64_t dropped_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t back_ = 0;
};

std::vector<std::string> subjects_of(const session_id& session) {
  if (session.empty()) {
    return {std::string{subjects::all_live}, std::string{subjects::all_committed}, std::string{subjects::all_refused}};
  }
  return {subjects::live_of(session), subjects::committed(session), subjects::refused(session)};
}

} // namespace

ending watch(const watch_order& o, desk& at) {
  const auto ear = at.broker.listen(subjects_of(o.session));
  if (!ear) return unexpected{ear.error()};
  if (!at.tell.json()) at.tell.aside("[watching " + (o.session.empty() ? "all sessions" : o.session.text()) + "; Ctrl-C ends it]");
  watching told{at};
  const auto link = std::make_shared<link_changes>();
  at.broker.link().listen(link);
  while (!link->over) {
    told.tell_link(*link);
    if (const auto h = (*ear)->next(look_every)) told.take(*h);
    told.tell_dropped((*ear)->missed());
  }
  return complain(exit_code::unreachable, "the broker does not take this client's credentials any more");
}

} // namespace baton::cli
