// baton dead ls, show, requeue
#include <charconv>

#include "messages/codec.hpp"
#include "messages/digest.hpp"
#include "messages/subjects.hpp"
#include "ops/baton/commands.hpp"
#include "ops/baton/shown.hpp"

namespace baton::cli {
namespace {

constexpr std::size_t name_width = 10;
/// Ids that one letter may take before there must be a mistake somewhere.
constexpr std::uint64_t rounds_max = 1'000;

std::string session_name(const dead_letter& d) { return d.session.empty() ? "$invalid" : d.session.text(); }

bool passes(const dead_filter& which, const dead_letter& d) { return !which.why || *which.why == d.why; }

/// Calls `take` with each letter that passes, oldest first.
template <class Take>
ending each_letter(const dead_filter& which, desk& at, Take take) {
  const auto log = at.broker.reader();
  if (!log) return unexpected{log.error()};
  const auto of = which.session.empty() ? std::nullopt : std::optional{which.session};
  for (stream_seq from{1};;) {
    const auto letter = log->next_dead(of, from);
    if (!letter) return unexpected{complaint_of(letter.error())};
    if (!*letter) return exit_code::done;
    from = next((*letter)->seq);
    if (!passes(which, (*letter)->letter)) continue;
    if (const auto end = take(*log, **letter); !end || *end != exit_code::done) return end;
  }
}

or_complaint<nats::stored_letter> letter_at(const nats::log_reader& log, stream_seq seq) {
  auto letter = log.next_dead(std::nullopt, seq);
  if (!letter) return unexpected{complaint_of(letter.error())};
  if (!*letter || (*letter)->seq != seq) {
    return complain(exit_code::refused, "no dead letter " + std::to_string(seq.value) + " (baton dead ls lists them)");
  }
  return **letter;
}

/// As the pages of the reasons show it; a page's own lines, and nothing for what is not known.
void tell_letter(const nats::stored_letter& stored, console& to) {
  const auto& d = stored.letter;
  const auto row = [&to](std::string_view name, const std::string& text) {
    if (!text.empty()) to.line(padded(name, name_width) + on_one_line(text));
  };
  row("session", session_name(d));
  row("id", d.id);
  row("reason", std::string{to_text(d.why)});
  row("detail", d.detail);
  row("subject", d.subject);
  row("seq", std::to_string(d.seq.value));
  row("at", shown(d.at));
  row("attempts", d.attempts > 0 ? std::to_string(d.attempts) : "");
  const auto read = codec::decode_value(d.payload, {});
  const bool is_json = !d.payload.empty() && (d.payload.front() == '{' || d.payload.front() == '[');
  row("payload", read && !is_json ? codec::encode_value(read->value, encoding::json) : d.payload);
  if (d.payload_cut) to.aside("[the payload is cut to its first " + shown_bytes(d.payload.size()) + "]");
  to.aside("[" + std::string{describe(d.why).sentence} + ": " + page_of(d.why) + "]");
}

// ---- requeue

struct numbered_id {
  std::string base;
  std::uint64_t number = 0;
};

/// `t7.r2` is `t7`, 2. What is no id begins anew under the letter's own number.
numbered_id taken_apart(const nats::stored_letter& stored) {
  const auto& id = stored.letter.id;
  if (!task_id::parse(id)) return {"dead" + std::to_string(stored.seq.value), 0};
  const auto dot = id.rfind(".r");
  std::uint64_t number = 0;
  if (dot != std::string::npos && dot > 0) {
    const auto* end = id.data() + id.size();
    const auto [read_to, error] = std::from_chars(id.data() + dot + 2, end, number);
    if (error == std::errc{} && read_to == end && number > 0) return {id.substr(0, dot), number};
  }
  return {id, 0};
}

task_id composed(const numbered_id& from) {
  const auto suffix = ".r" + std::to_string(from.number);
  return task_id::parse(from.base.substr(0, id_rules::task::longest - suffix.size()) + suffix).value_or(task_id{});
}

bool is_control(const dead_letter& d) {
  const auto any = subjects::control_intake;
  return d.subject.starts_with(any.substr(0, any.size() - 1));
}

/// The ids of a session that are known to be taken: by a run that ended, or by another letter.
or_complaint<bool> is_taken(const nats::log_reader& log, const session_id& session, const task_id& id) {
  const auto last = log.last(session);
  if (!last) return unexpected{complaint_of(last.error())};
  if (*last) {
    const auto hash = hash_of_id(message_kind::task, id);
    const auto& head = (*last)->commit.head;
    for (const auto& item : head.ledger) {
      if (item.id == hash) return true;
    }
    if (const auto* run = run_of(head.phase); run != nullptr && run->id == id) return true;
  }
  for (stream_seq from{1};;) {
    const auto letter = log.next_dead(session, from);
    if (!letter) return unexpected{complaint_of(letter.error())};
    if (!*letter) return false;
    if ((*letter)->letter.id == id.text()) return true;
    from = next((*letter)->seq);
  }
}

/// The payload as it came, but for its id.
or_complaint<codec::decoded_value> payload_of(const nats::stored_letter& stored) {
  const auto which = "dead letter " + std::to_string(stored.seq.value);
  const auto& d = stored.letter;
  if (d.session.empty()) return complain(exit_code::refused, which + " belongs to no session: publish its task anew");
  if (is_control(d)) {
    return complain(exit_code::refused, which + " is no task but a control message: give the command again (baton cancel, edit, delete)");
  }
  if (d.payload_cut) {
    return complain(exit_code::refused, which + " does not hold the whole payload (it was cut): publish its task anew");
  }
  if (d.payload.empty()) return complain(exit_code::refused, which + " holds no payload: publish its task anew");
  auto read = codec::decode_value(d.payload, {.bytes_max = dead_payload_max});
  if (!read || read->value.as<value::object>() == nullptr) {
    return complain(exit_code::refused, which + " cannot be read, so it would only be refused again: publish its task anew ("
                                            + (read ? "not a map" : read.error().detail) + ")");
  }
  return *std::move(read);
}

void set_id(value& payload, const task_id& id) {
  auto& fields = std::get<value::object>(payload.of());
  for (auto& [name, held] : fields) {
    if (name != "id") continue;
    held = value{id.text()};
    return;
  }
  fields.emplace(fields.begin(), "id", id.text());
}

ending requeue_one(const nats::log_reader& log, const nats::stored_letter& stored, desk& at) {
  auto payload = payload_of(stored);
  if (!payload) return unexpected{payload.error()};
  const auto& session = stored.letter.session;
  auto name = taken_apart(stored);
  for (std::uint64_t round = 0; round < rounds_max; ++round) {
    ++name.number;
    const auto id = composed(name);
    const auto taken = is_taken(log, session, id);
    if (!taken) return unexpected{taken.error()};
    if (*taken) continue;
    set_id(payload->value, id);
    const auto bytes = codec::encode_value(payload->value, payload->encoding);
    const auto done = at.broker.publish_task(session, bytes, session.text() + "/" + id.text());
    if (!done) return unexpected{complaint_of(done.error())};
    if (done->duplicate) continue;
    if (!at.tell.json()) at.tell.line(id.text());
    if (at.tell.json()) {
      at.tell.object(value{value::object{{"letter", stored.seq.value}, {"session", session.text()}, {"id", stored.letter.id},
          {"requeued_as", id.text()}, {"seq", done->seq.value}}});
    }
    return exit_code::done;
  }
  return complain(exit_code::refused, "no free id for dead letter " + std::to_string(stored.seq.value));
}

} // namespace

ending list_dead(const dead_filter& which, desk& at) {
  bool any = false;
  const auto end = each_letter(which, at, [&](const nats::log_reader&, const nats::stored_letter& stored) -> ending {
    if (at.tell.json()) {
      at.tell.object(to_value(stored));
      return exit_code::done;
    }
    if (!any) at.tell.line(padded("LETTER", 8) + padded("AT", 26) + padded("SESSION", 16) + padded("ID", 24) + "REASON");
    any = true;
    const auto& d = stored.letter;
    at.tell.line(padded(std::to_string(stored.seq.value), 8) + padded(shown(d.at), 26) + padded(session_name(d), 16)
                 + padded(on_one_line(d.id.empty() ? "-" : d.id), 24) + std::string{to_text(d.why)}
                 + (d.detail.empty() ? "" : ": " + on_one_line(d.detail)));
    return exit_code::done;
  });
  if (end && !any && !at.tell.json()) at.tell.aside("no dead letters");
  return end;
}

ending show_dead(stream_seq letter, desk& at) {
  const auto log = at.broker.reader();
  if (!log) return unexpected{log.error()};
  const auto stored = letter_at(*log, letter);
  if (!stored) return unexpected{stored.error()};
  if (at.tell.json()) {
    at.tell.object(to_value(*stored));
  } else {
    tell_letter(*stored, at.tell);
  }
  return exit_code::done;
}

ending requeue_dead(const requeue_order& o, desk& at) {
  if (o.letter) {
    const auto log = at.broker.reader();
    if (!log) return unexpected{log.error()};
    const auto stored = letter_at(*log, *o.letter);
    if (!stored) return unexpected{stored.error()};
    return requeue_one(*log, *stored, at);
  }
  std::vector<nats::stored_letter> chosen;
  const auto listed = each_letter(o.which, at, [&chosen](const nats::log_reader&, const nats::stored_letter& stored) -> ending {
    chosen.push_back(stored);
    return exit_code::done;
  });
  if (!listed) return listed;
  const auto log = at.broker.reader();
  if (!log) return unexpected{log.error()};
  auto worst = exit_code::done;
  for (const auto& stored : chosen) {
    const auto end = requeue_one(*log, stored, at);
    if (end) continue;
    if (end.error().code != exit_code::refused) return end;
    at.tell.aside("baton: " + end.error().text);
    worst = exit_code::refused;
  }
  return worst;
}

} // namespace baton::cli
