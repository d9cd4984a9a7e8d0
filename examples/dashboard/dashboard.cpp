// A dashboard in one line an event: what is durable, what was refused, and what is said live, of all sessions.
//
//   example_dashboard [--count N] <nats url>
//
// With --count it ends after N events. It needs neither msgpack nor the right to read contents: the server republishes the
// headers of each commit, and a `Baton-Event` header is a small JSON object.
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include <nats/nats.h>
#include <nlohmann/json.hpp>

namespace {

std::uint64_t number_in(natsMsg* m, const char* header) {
  const char* text = nullptr;
  return natsMsgHeader_Get(m, header, &text) == NATS_OK ? std::strtoull(text, nullptr, 10) : 0;
}

/// The client calls from one thread for each subscription; the board must outlive them.
class board {
public:
  explicit board(int count) : left_{count} {}

  static void on_message(natsConnection*, natsSubscription*, natsMsg* m, void* self) {
    const std::unique_ptr<natsMsg, decltype(&natsMsg_Destroy)> message{m, natsMsg_Destroy};
    auto& b = *static_cast<board*>(self);
    const std::lock_guard lock{b.mutex_};
    try {
      b.show(m);
    } catch (const nlohmann::json::exception& e) {
      std::cerr << "example_dashboard: cannot read " << natsMsg_GetSubject(m) << ": " << e.what() << "\n";
    }
    b.done_.notify_one();
  }

  void wait() {
    std::unique_lock lock{mutex_};
    done_.wait(lock, [this] { return left_ <= 0; });
  }

private:
  /// The subject is `baton.<origin>.<session>`, or `baton.live.<session>.<kind>`.
  void show(natsMsg* m) {
    const std::string subject = natsMsg_GetSubject(m);
    const auto session_at = subject.find('.', subject.find('.') + 1) + 1;
    const auto session = subject.substr(session_at, subject.find('.', session_at) - session_at);
    if (subject.starts_with("baton.live.")) return show_live(m, session, subject.substr(subject.rfind('.') + 1));
    tell_gap(m, session);
    show_events(m, subject.starts_with("baton.refused.") ? "refused    " : "committed  ", session);
  }

  void show_live(natsMsg* m, const std::string& session, const std::string& kind) {
    const std::string_view payload{natsMsg_GetData(m), static_cast<size_t>(natsMsg_GetDataLength(m))};
    const auto said = nlohmann::json::parse(payload);
    line("live       ", session) << kind << " run=" << said.value("run", "-") << " " << said.at("data") << std::endl;
  }

  void show_events(natsMsg* m, const char* origin, const std::string& session) {
    const char** values = nullptr;
    int count = 0;
    if (natsMsgHeader_Values(m, "Baton-Event", &values, &count) != NATS_OK) return;
    // The list is ours to free, the texts are the message's.
    const std::unique_ptr<const char*, void (*)(const char**)> list{values, [](const char** it) { std::free(it); }};
    for (const char* text : std::span{values, static_cast<size_t>(count)}) {
      const auto event = nlohmann::json::parse(text);
      auto& out = line(origin, session) << event.value("kind", "-") << " run=" << event.value("run", "-");
      if (event.contains("epoch")) out << " epoch=" << event["epoch"];
      // Of a failure or a refusal: the name of a page in ops/errors.
      if (event.contains("code")) out << " code=" << event.value("code", "-");
      out << std::endl;
    }
  }

  /// Begins a line for one event; past the last one that was asked for, what is written to it goes nowhere.
  std::ostream& line(const char* origin, const std::string& session) {
    static std::ostream nowhere{nullptr};
    return (left_-- > 0 ? std::cout : nowhere) << origin << session << " ";
  }

  /// Each message names the one before it of its session. What happened before the first one that we see is no gap.
  void tell_gap(natsMsg* m, const std::string& session) {
    auto& last = last_seen_[natsMsg_GetSubject(m)];
    const auto seq = number_in(m, "Nats-Sequence");
    if (last != 0 && number_in(m, "Nats-Last-Sequence") > last) {
      std::cout << "gap        " << session << " after " << last << ", before " << seq << std::endl;
    }
    last = seq;
  }

  std::mutex mutex_;
  std::condition_variable done_;
  int left_;
  /// By subject, a sequence.
  std::map<std::string, std::uint64_t> last_seen_;
};

natsStatus watch(const char* url, board& shown) {
  natsOptions* options = nullptr;
  natsConnection* over = nullptr;
  auto status = natsOptions_Create(&options);
  if (status == NATS_OK) status = natsOptions_SetURL(options, url);
  // It comes back for ever; what it missed meanwhile shows as a gap.
  if (status == NATS_OK) status = natsOptions_SetMaxReconnect(options, -1);
  if (status == NATS_OK) status = natsConnection_Connect(&over, options);
  natsSubscription* subscriptions[3] = {};
  const char* subjects[] = {"baton.committed.*", "baton.refused.*", "baton.live.>"};
  for (int i = 0; i < 3 && status == NATS_OK; ++i) {
    status = natsConnection_Subscribe(&subscriptions[i], over, subjects[i], board::on_message, &shown);
  }
  // Once the server has answered, nothing is missed while the connection lasts.
  if (status == NATS_OK) status = natsConnection_Flush(over);
  if (status == NATS_OK) {
    std::cerr << "watching" << std::endl;
    shown.wait();
  }
  for (auto* one : subscriptions)
    natsSubscription_Destroy(one);
  natsConnection_Destroy(over);
  natsOptions_Destroy(options);
  return status;
}

} // namespace

int main(int argc, char** argv) {
  const bool counted = argc == 4 && std::string_view{argv[1]} == "--count";
  const int count = counted ? std::atoi(argv[2]) : std::numeric_limits<int>::max();
  if ((!counted && argc != 2) || count < 1) {
    std::cerr << "usage: example_dashboard [--count N] <nats url>\n";
    return 2;
  }
  board shown{count};
  const auto status = watch(argv[argc - 1], shown);
  nats_CloseAndWait(0); // the client's threads may be in the board until here
  if (status != NATS_OK) std::cerr << "example_dashboard: " << natsStatus_GetText(status) << "\n";
  return status == NATS_OK ? 0 : 1;
}
