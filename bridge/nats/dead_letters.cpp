#include "bridge/nats/dead_letters.hpp"

#include <utility>

#include "bridge/nats/pub_ack.hpp"
#include "messages/codec.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

/// What a dashboard hears on baton.refused.<session>, in the words of a committed event: never content.
std::string event_of(const dead_letter& d) {
  value::object told{{"kind", "task_refused"}, {"code", to_text(d.why)}};
  if (!d.id.empty()) told.emplace_back("run", d.id);
  if (!d.detail.empty()) told.emplace_back("detail", d.detail);
  if (d.attempts > 0) told.emplace_back("attempt", std::uint64_t{d.attempts});
  told.emplace_back("at", std::int64_t{d.at.time_since_epoch().count()});
  return to_json(std::move(told));
}

bool is_full(const api_failure& why) {
  return why.code == refusal_code::store_failed || why.code == refusal_code::insufficient_storage
      || why.code == refusal_code::insufficient_resources;
}

struct told {
  std::function<void(bool)> done;
  std::function<void(std::string_view)> full;
};

void store(requester& over, const dead_letter& letter, told tell) {
  const header with[] = {{message_id_header, letter.dedupe}, {event_header, event_of(letter)}};
  over.request(subjects::dead(letter.session), with, codec::encode_dead_letter(letter), api_patience,
      [tell = std::move(tell)](const requester::result& answer) {
        const auto stored = published_of(answer);
        if (!stored && is_full(stored.error()) && tell.full) tell.full(subjects::dead_stream);
        tell.done(stored.has_value());
      });
}

/// Room for the letter's own fields and headers.
constexpr std::size_t letter_overhead = 16 * 1024;

void fill_payload(dead_letter& letter, const connection& link, stored_message message) {
  auto most = dead_payload_max;
  if (const auto takes = link.max_payload(); takes > 2 * letter_overhead)
    most = std::min(most, takes - letter_overhead);
  letter.subject = std::move(message.subject);
  letter.payload = std::move(message.payload);
  if (letter.payload.size() > most) {
    letter.payload.resize(most);
    letter.payload_cut = true;
  }
}

} // namespace

void nats_dead_letters::bury(dead_letter letter, message_kind kind, std::function<void(bool stored)> done) {
  const auto stream = kind == message_kind::task ? subjects::tasks_stream : subjects::control_stream;
  const auto wanted = by_sequence(letter.seq);
  over_.request(api_subject("STREAM.MSG.GET", stream), {}, wanted, api_patience,
      [&over = over_, letter = std::move(letter), done = std::move(done), full = full_](requester::result answer) mutable {
        if (!answer) return done(false);
        auto message = read_message_answer(answer->payload());
        if (message) {
          fill_payload(letter, over.link(), *std::move(message));
        } else if (message.error().code != refusal_code::no_message) {
          return done(false);
        }
        store(over, letter, {std::move(done), std::move(full)});
      });
}

} // namespace baton::nats
