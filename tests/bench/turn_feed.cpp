#include "tests/bench/turn_feed.hpp"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

namespace baton::bench {
namespace {

constexpr const char* stored_at = "bench.stored";
constexpr std::chrono::seconds broker_patience{60};

void check(natsStatus status, const char* what) {
  if (status != NATS_OK) throw std::runtime_error(std::string{what} + ": " + natsStatus_GetText(status));
}

std::string_view bytes_of(natsMsg* m) {
  return {natsMsg_GetData(m), static_cast<std::size_t>(natsMsg_GetDataLength(m))};
}

/// `baton.<kind>.<session>` and what follows it.
std::string_view session_in(std::string_view subject) {
  subject.remove_prefix(subject.find('.', subject.find('.') + 1) + 1);
  return subject.substr(0, subject.find('.'));
}

std::uint64_t repeated(std::vector<std::string> ids) {
  const auto all = ids.size();
  std::ranges::sort(ids);
  const auto rest = std::ranges::unique(ids);
  return all - (ids.size() - rest.size());
}

std::uint64_t missing(const std::vector<std::string>& accepted, const std::vector<std::string>& ended) {
  const std::set<std::string_view> done{ended.begin(), ended.end()};
  return static_cast<std::uint64_t>(std::ranges::count_if(accepted, [&](const auto& id) { return !done.contains(id); }));
}

} // namespace

double at_part(std::vector<double> all, double part) {
  if (all.empty()) return 0;
  std::ranges::sort(all);
  return all[std::min(all.size() - 1, static_cast<std::size_t>(part * static_cast<double>(all.size())))];
}

double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

void wait_for(const std::function<bool()>& holds, const std::string& what, std::chrono::seconds patience) {
  const auto until = steady::now() + patience;
  while (!holds()) {
    if (steady::now() > until) throw std::runtime_error("waited " + std::to_string(patience.count()) + " s for " + what);
    nats_Sleep(1);
  }
}

faults& faults::operator+=(const faults& more) {
  lost += more.lost;
  twice += more.twice;
  failed += more.failed;
  disordered += more.disordered;
  return *this;
}

turn_feed::turn_feed(const std::string& url, std::function<void(const seen_event&)> on_event,
                     std::function<void(std::string_view, std::string_view)> on_words)
    : on_event_(std::move(on_event)), on_words_(std::move(on_words)) {
  natsOptions* options = nullptr;
  check(natsOptions_Create(&options), "options");
  natsOptions_SetURL(options, url.c_str());
  natsOptions_SetSendAsap(options, true);
  natsConnection* made = nullptr;
  const auto status = natsConnection_Connect(&made, options);
  natsOptions_Destroy(options);
  check(status, "connect");
  link_.reset(made);
  subscriptions_.push_back(listen(stored_at, on_stored));
  subscriptions_.push_back(listen("baton.committed.*", on_commit));
  if (on_words_) subscriptions_.push_back(listen("baton.live.>", on_live));
  check(natsConnection_Flush(link_.get()), "flush");
}

turn_feed::~turn_feed() {
  // No handler may run any more when the members go.
  for (auto& s : subscriptions_) {
    natsSubscription_Drain(s.get());
    natsSubscription_WaitForDrainCompletion(s.get(), 10'000);
  }
}

turn_feed::subscription turn_feed::listen(const char* subject, natsMsgHandler handler) {
  natsSubscription* made = nullptr;
  check(natsConnection_Subscribe(&made, link_.get(), subject, handler, this), "subscribe");
  natsSubscription_SetPendingLimits(made, -1, -1);
  return subscription{made};
}

steady::time_point turn_feed::publish(const std::string& session, const std::string& runner) {
  std::string id;
  {
    const std::lock_guard hold{lock_};
    id = "t" + std::to_string(published_++);
    turns_[session].accepted.push_back(id);
  }
  const auto payload = R"({"kind":"turn","runner":")" + runner + R"(","id":")" + id +
                       R"(","input":"A short message of the size that people write to an assistant, a line or so, no more."})";
  const auto subject = "baton.task." + session;
  const auto at = steady::now();
  check(natsConnection_PublishRequest(link_.get(), subject.c_str(), stored_at, payload.data(), static_cast<int>(payload.size())),
        "publish");
  return at;
}

void turn_feed::wait_accepted() {
  const auto all = [this] {
    const std::lock_guard hold{lock_};
    if (!refusal_.empty()) throw std::runtime_error("the broker refused a task: " + refusal_);
    return accepted_ == published_;
  };
  wait_for(all, "the broker to accept all tasks", broker_patience);
}

std::uint64_t turn_feed::published() const {
  const std::lock_guard hold{lock_};
  return published_;
}

std::uint64_t turn_feed::ended() const {
  const std::lock_guard hold{lock_};
  return ended_;
}

void turn_feed::wait_ended(std::chrono::seconds patience) {
  const auto until = steady::now() + patience;
  while (ended() < published() && steady::now() < until) nats_Sleep(1);
}

faults turn_feed::found() const {
  const std::lock_guard hold{lock_};
  faults f;
  f.failed = failed_;
  for (const auto& [session, turns] : turns_) {
    faults here;
    here.lost = missing(turns.accepted, turns.ended);
    here.twice = repeated(turns.ended);
    here.disordered = !here.any() && turns.accepted != turns.ended ? 1 : 0;
    f += here;
  }
  return f;
}

void turn_feed::on_stored(natsConnection*, natsSubscription*, natsMsg* m, void* closure) {
  auto& self = *static_cast<turn_feed*>(closure);
  const std::string answer{bytes_of(m)};
  natsMsg_Destroy(m);
  const std::lock_guard hold{self.lock_};
  self.accepted_ += 1;
  if (answer.find("\"error\"") != std::string::npos) self.refusal_ = answer;
}

void turn_feed::on_live(natsConnection*, natsSubscription*, natsMsg* m, void* closure) {
  auto& self = *static_cast<turn_feed*>(closure);
  self.on_words_(session_in(natsMsg_GetSubject(m)), bytes_of(m));
  natsMsg_Destroy(m);
}

void turn_feed::on_commit(natsConnection*, natsSubscription*, natsMsg* m, void* closure) {
  auto& self = *static_cast<turn_feed*>(closure);
  const auto at = steady::now();
  const char** events = nullptr;
  int count = 0;
  if (natsMsgHeader_Values(m, "Baton-Event", &events, &count) == NATS_OK) {
    const std::string session{session_in(natsMsg_GetSubject(m))};
    for (int i = 0; i < count; ++i) {
      const auto told = nlohmann::json::parse(events[i]);
      self.note({session, told.value("kind", ""), told.value("run", ""), told.value("epoch", std::uint64_t{0}), at});
    }
    std::free(static_cast<void*>(events));
  }
  natsMsg_Destroy(m);
}

void turn_feed::note(const seen_event& e) {
  on_event_(e);
  if (!e.is_final()) return;
  const std::lock_guard hold{lock_};
  ended_ += 1;
  failed_ += e.kind == "run_completed" ? 0 : 1;
  turns_[e.session].ended.push_back(e.run);
}

} // namespace baton::bench
