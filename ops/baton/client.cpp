#include "ops/baton/client.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "messages/codec.hpp"
#include "messages/subjects.hpp"
#include "ops/baton/shown.hpp"

namespace baton::cli {
namespace {

constexpr milliseconds publish_patience{10'000};
/// An answer that takes longer than this is waited for with a word to the person.
constexpr milliseconds silence_max{1'000};

stream_seq number_of(std::optional<std::string_view> text) {
  std::uint64_t n = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), n);
  return {n};
}

} // namespace

void hearing::put(heard h) {
  const std::lock_guard lock{mutex_};
  if (waiting_.size() >= most) {
    waiting_.pop_front();
    ++missed_;
  }
  waiting_.push_back(std::move(h));
  came_.notify_one();
}

std::optional<heard> hearing::next(milliseconds patience) {
  std::unique_lock lock{mutex_};
  if (!came_.wait_for(lock, patience, [this] { return !waiting_.empty(); })) return std::nullopt;
  auto h = std::move(waiting_.front());
  waiting_.pop_front();
  return h;
}

std::uint64_t hearing::missed() const {
  const std::lock_guard lock{mutex_};
  return missed_;
}

complaint complaint_of(const nats::api_failure& why) {
  if (why.link == nats::failure::no_responders || why.code == nats::refusal_code::stream_not_found) {
    return {exit_code::unreachable,
        "the broker has none of Baton's streams (no node was ever started on it), or no JetStream"};
  }
  if (why.link == nats::failure::too_large) {
    return {exit_code::refused, "it is larger than the broker takes (max_payload)"};
  }
  if (why.link) return {exit_code::unreachable, "the broker does not answer: " + why.text};
  if (why.code == nats::refusal_code::message_too_large) {
    return {exit_code::refused, "it is larger than the limit: " + page_of(reason::too_large)};
  }
  return {exit_code::refused, why.text.empty() ? "the broker refused (code " + std::to_string(why.code) + ")" : why.text};
}

or_complaint<std::unique_ptr<client>> client::connect(const nats::connect_options& to, const clock& time) {
  std::unique_ptr<client> made{new client};
  auto link = nats::connection::open(to);
  if (!link) return complain(exit_code::unreachable, link.error().text);
  made->link_ = *std::move(link);
  auto opened = nats::requester::open(*made->link_, time);
  if (!opened) return complain(exit_code::unreachable, std::string{to_text(opened.error())});
  made->requester_ = *std::move(opened);
  return made;
}

expected<nats::published, nats::api_failure> client::publish_task(
    const session_id& session, const std::string& payload, const std::string& message_id) {
  const nats::header with[] = {{nats::message_id_header, message_id}};
  return nats::published_of(nats::call(*requester_, subjects::task(session), with, payload, publish_patience));
}

or_complaint<answer> client::ask(
    const session_id& session, control message, milliseconds patience, const std::function<void()>& waits_on) {
  message.reply_to = nats::connection::new_inbox();
  const auto answers = listen({message.reply_to});
  if (!answers) return unexpected{answers.error()};
  const auto payload = codec::encode_control(message, encoding::json);
  const auto stored =
      nats::published_of(nats::call(*requester_, subjects::control(session), {}, payload, publish_patience));
  if (!stored) return unexpected{complaint_of(stored.error())};
  const auto silent = std::min(patience, silence_max);
  auto came = (*answers)->next(silent);
  if (!came && patience > silent) {
    waits_on();
    came = (*answers)->next(patience - silent);
  }
  if (!came) return complain(exit_code::timed_out, "it is stored and will be carried out, but no node has answered yet");
  auto decoded = codec::decode_answer(came->payload);
  if (!decoded) return complain(exit_code::unreachable, "the answer cannot be read: " + decoded.error().detail);
  return *std::move(decoded);
}

or_complaint<std::unique_ptr<hearing>> client::listen(const std::vector<std::string>& subjects) {
  auto made = std::make_unique<hearing>();
  for (const auto& subject : subjects) {
    auto subscribed = link_->subscribe(subject, [to = made.get()](nats::message_handle message) {
      const nats::reply r{std::move(message)};
      heard h{std::string{r.subject()}, std::string{r.payload()}, {}, number_of(r.header("Nats-Sequence")),
          number_of(r.header("Nats-Last-Sequence"))};
      for (const auto e : r.header_values(nats::event_header)) h.events.emplace_back(e);
      to->put(std::move(h));
    });
    if (!subscribed) {
      return complain(exit_code::unreachable, "cannot subscribe to " + subject + ": " + std::string{to_text(subscribed.error())});
    }
    made->subscriptions_.push_back(*std::move(subscribed));
  }
  if (!link_->flush(milliseconds{5'000})) return complain(exit_code::unreachable, "the broker does not answer");
  return made;
}

or_complaint<nats::log_reader> client::reader() {
  auto opened = nats::log_reader::open(*requester_);
  if (!opened) return unexpected{complaint_of(opened.error())};
  return *std::move(opened);
}

} // namespace baton::cli
