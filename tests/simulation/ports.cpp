#include "tests/simulation/ports.hpp"

#include <utility>

#include "messages/codec.hpp"

namespace baton::simulation {

execution_id process_ids::fresh_execution() {
  return execution_id::parse(process_.name + "-x" + std::to_string(++made_)).value();
}

void process_log::append(partition_id, stream_seq expected, commit c, std::function<void(append_result)> done) {
  // What the headers carry reads back as it was written, too.
  for (const auto& text : codec::encode_events(c.events)) {
    if (!codec::decode_event(text)) throw support::rule_broken("an event cannot be read back: " + text);
  }
  link_.request(
      [this, session = c.session, expected, body = codec::encode_commit(c), rolls_up = c.rolls_up,
          done]() -> std::function<void()> {
        if (broker_.is_log_full) return [done] { done(log_failure::full); };
        const auto answer = broker_.append(session, expected, body, rolls_up);
        if (answer.is_stored) return [done, answer] { done(appended{answer.seq}); };
        if (answer.seq < expected) return [done] { done(log_failure::unreachable); };
        return [done] { done(superseded{}); };
      },
      api_patience, [done] { done(log_failure::unreachable); });
}

void process_log::read_last(partition_id, const session_id& session, std::function<void(last_result)> done) {
  link_.request(
      [this, session, done]() -> std::function<void()> {
        return [done, found = broker_.last_commit(session)] {
          if (!found) return done(std::optional<stored_commit>{});
          auto read = codec::decode_commit(found->body);
          if (!read) return done(unexpected{log_failure::unreadable});
          done(std::optional{stored_commit{found->seq, found->stored_at, *std::move(read)}});
        };
      },
      api_patience, [done] { done(unexpected{log_failure::unreachable}); });
}

void process_log::read_entries(
    partition_id, const session_id& session, stream_seq seq, std::function<void(entries_result)> done) {
  link_.request(
      [this, session, seq, done]() -> std::function<void()> {
        return [done, found = broker_.commit_at(session, seq)] {
          auto read = found ? codec::decode_commit(found->body) : unexpected{refusal{reason::log_unreadable, {}}};
          if (!read) return done(unexpected{log_failure::unreadable});
          done(std::move(read->entries));
        };
      },
      api_patience, [done] { done(unexpected{log_failure::unreachable}); });
}

void process_letters::bury(dead_letter letter, message_kind kind, std::function<void(bool stored)> done) {
  // First the payload is read, then the letter is written.
  link_.request(
      [this, letter = std::move(letter), kind, done]() mutable -> std::function<void()> {
        if (auto found = broker_.read(kind, letter.seq)) {
          letter.subject = std::move(found->subject);
          letter.payload = std::move(found->payload);
        }
        return [this, letter = std::move(letter), done] {
          link_.request(
              [this, letter, done]() -> std::function<void()> {
                broker_.bury(letter.dedupe, codec::encode_dead_letter(letter));
                return [done] { done(true); };
              },
              api_patience, [done] { done(false); });
        };
      },
      api_patience, [done] { done(false); });
}

void process_events::answer(const std::string& reply_to, encoding as, const baton::answer& a) {
  if (reply_to.empty()) return;
  const auto read = codec::decode_answer(codec::encode_answer(a, as));
  if (!read || read->to != a.to || read->verdict != a.verdict) throw support::rule_broken("an answer cannot be read back");
  if (world_.told().is_told()) {
    world_.tell(process_.name, "answers " + a.to.text() + " with verdict " + std::to_string(static_cast<int>(a.verdict)));
  }
  told_.answered(reply_to, a);
}

} // namespace baton::simulation
