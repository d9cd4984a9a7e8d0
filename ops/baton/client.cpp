#include "ops/baton/client.hpp"

#include <charconv>
#include <utility>

#include "bridge/nats/pub_ack.hpp"
#include "messages/codec.hpp"
#include "messages/subjects.hpp"

namespace baton::cli {
namespace {

constexpr milliseconds publish_patience{10'000};

stream_seq number_of(std::optional<std::string_view> text) {
  std::uint64_t n = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), n);
  return {n};
}

} // namespace

void ear::put(heard h) {
  const std::lock_guard lock{mutex_};
  if (waiting_.size() >= most) {
    waiting_.pop_front();
    ++missed_;
  }
  waiting_.push_back(std::move(h));
  came_.notify_one();
}

std::optional<heard> ear::next(milliseconds patience) {
  std::unique_lock lock{mutex_};
  if (!came_.wait_for(lock, patience, [this] { return !waiting_.empty(); })) return std::nullopt;
  auto h = std::move(waiting_.front());
  waiting_.pop_front();
  return h;
}

std::uint64_t ear::missed() const {
  const std::lock_guard lock{mutex_};
  return missed_;
}

std::string text_of(const nats::api_failure& why) {
  if (why.link == nats::failure::no_responders) {
    return "the broker has none of Baton's streams (no node was ever started on it), or no JetStream";
  }
  return why.text.empty() ? "the broker refused (code " + std::to_string(why.code) + ")" : why.text;
}

expected<std::unique_ptr<client>, std::string> client::connect(const nats::connect_options& to, const clock& time) {
  std::unique_ptr<client> made{new client};
  auto link = nats::connection::open(to);
  if (!link) return unexpected{link.error().text};
  made->link_ = *std::move(link);
  auto opened = nats::requester::open(*made->link_, time);
  if (!opened) return unexpected{std::string{to_text(opened.error())}};
  made->requester_ = *std::move(opened);
  return made;
}

expected<stream_seq, std::string> client::publish_task(
    const session_id& session, const std::string& payload, const std::string& message_id) {
  const nats::header with[] = {{nats::message_id_header, message_id}};
  const auto answer = nats::call(*requester_, subjects::task(session), with, payload, publish_patience);
  const auto stored = nats::published_of(answer);
  if (!stored) return unexpected{text_of(stored.error())};
  return stored->seq;
}

expected<answer, std::string> client::ask(const session_id& session, control message, milliseconds patience) {
  message.reply_to = nats::connection::new_inbox();
  ear answers;
  if (auto failed = listen(message.reply_to, answers)) return unexpected{*failed};
  const auto payload = codec::encode_control(message, encoding::json);
  const auto stored =
      nats::published_of(nats::call(*requester_, subjects::control(session), {}, payload, publish_patience));
  const auto came = stored ? answers.next(patience) : std::nullopt;
  subscriptions_.pop_back();
  if (!stored) return unexpected{text_of(stored.error())};
  if (!came) return unexpected{std::string{"accepted, but no node has answered yet"}};
  auto decoded = codec::decode_answer(came->payload);
  if (!decoded) return unexpected{"the answer cannot be read: " + decoded.error().detail};
  return *std::move(decoded);
}

std::optional<std::string> client::listen(const std::string& subject, ear& to) {
  auto subscribed = link_->subscribe(subject, [&to](nats::message_handle message) {
    const nats::reply r{std::move(message)};
    heard h{std::string{r.subject()}, std::string{r.payload()}, {}, number_of(r.header("Nats-Sequence"))};
    for (const auto e : r.header_values(nats::event_header)) h.events.emplace_back(e);
    to.put(std::move(h));
  });
  if (!subscribed) return "cannot subscribe to " + subject + ": " + std::string{to_text(subscribed.error())};
  subscriptions_.push_back(*std::move(subscribed));
  if (!link_->flush(milliseconds{5'000})) return std::string{"the broker does not answer"};
  return std::nullopt;
}

expected<nats::log_reader, std::string> client::reader() {
  auto opened = nats::log_reader::open(*requester_);
  if (!opened) return unexpected{text_of(opened.error())};
  return *std::move(opened);
}

} // namespace baton::cli
