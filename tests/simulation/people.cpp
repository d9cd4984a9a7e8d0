#include "tests/simulation/people.hpp"

#include <utility>

#include "messages/codec.hpp"
#include "tests/simulation/runners.hpp"

namespace baton::simulation {
namespace {

constexpr milliseconds publish_patience{2'000};
constexpr std::size_t remembered = 12;

} // namespace

people::people(world& in, network& over, broker& at, people_plan plan)
    : world_(in), link_(over, process_), broker_(at), plan_(std::move(plan)) {
  process_.name = "people";
}

void people::begin() {
  if (!world_.is_storming) return;
  say_something();
  // Now and then many at once.
  const auto wait = world_.one_in(3) ? world_.pick(5) : world_.pick(2 * plan_.pause);
  world_.after(static_cast<sim_time>(wait), [this] { begin(); });
}

void people::say_something() {
  if (!recent_.empty() && world_.one_in(9)) {
    auto again = recent_[world_.pick(recent_.size())];
    if (world_.one_in(2)) again.message_id.clear();
    again.what += ", again";
    return send(std::move(again));
  }
  const auto& session = plan_.sessions[world_.pick(plan_.sessions.size())];
  auto l = world_.one_in(4) ? control_of(session) : turn_of(session);
  if (world_.one_in(60)) {
    l.payload = l.payload.substr(0, l.payload.size() / 2);
    l.what += ", cut short";
  }
  recent_.push_back(l);
  if (recent_.size() > remembered) recent_.pop_front();
  send(std::move(l));
}

std::string people::reply_place(char kind, const session_id& session) {
  if (world_.one_in(3)) return {};
  return std::string{"_INBOX."} + kind + "." + session.text() + "." + std::to_string(++places_made_);
}

people::letter people::turn_of(const session_id& session) {
  task t;
  const bool is_other = tasks_made_ > 0 && world_.one_in(25);
  t.id = task_id::parse("t" + std::to_string(is_other ? 1 + world_.pick(tasks_made_) : ++tasks_made_)).value();
  t.reply_to = reply_place('t', session);
  t.tenant = world_.one_in(3) ? "acme" : "";
  if (world_.one_in(10)) t.deadline = world_.true_time() + milliseconds{world_.pick(20'000)};
  const auto policy = world_.one_in(2) ? busy_policy::enqueue : busy_policies[world_.pick(busy_policies.size())].is;
  const bool is_poison = plan_.may_poison && world_.one_in(40);
  const auto words = std::string{is_other ? "other words for " : is_poison ? "poison " : "hello "} + t.id.text();
  t.what = turn{words, world_.one_in(40) ? "nobody" : std::string{runner_name}, {}, policy};
  const auto as = world_.one_in(2) ? encoding::json : encoding::msgpack;
  t.encoding = as;
  const auto what = "turn " + t.id.text() + " (" + std::string{to_text(policy)} + (is_poison ? ", poison)" : ")");
  return {message_kind::task, session, codec::encode_task(t, as), world_.one_in(2) ? session.text() + "/" + t.id.text() + "/" + words : "", what};
}

std::optional<task_id> people::some_run() {
  if (world_.one_in(4) || tasks_made_ == 0) return std::nullopt;
  // Perhaps of one that is only to come.
  const auto number = tasks_made_ + 1 - world_.pick(std::min<std::uint64_t>(tasks_made_ + 1, 6));
  return task_id::parse("t" + std::to_string(std::max<std::uint64_t>(number, 1)));
}

people::letter people::control_of(const session_id& session) {
  control c;
  c.id = task_id::parse("c" + std::to_string(++controls_made_)).value();
  c.reply_to = reply_place('c', session);
  std::string what;
  const auto kind = world_.pick(12);
  if (kind < 5) {
    c.what = cancel{some_run(), "people", "enough"};
    what = "cancel";
  } else if (kind < 8) {
    c.what = steer{some_run(), "rather " + c.id.text(), "people"};
    what = "steer";
  } else if (kind == 8) {
    c.what = unstick{"people"};
    what = "unstick";
  } else if (kind < 11 || !plan_.may_delete || !world_.one_in(6)) {
    edit change;
    change.title = "title " + c.id.text();
    change.labels["l" + std::to_string(world_.pick(5))] = world_.one_in(3) ? "" : "x";
    if (world_.one_in(3)) change.title_version = world_.pick(3);
    c.what = std::move(change);
    what = "edit";
  } else {
    c.what = baton::remove{"people"};
    what = "delete";
  }
  const auto as = world_.one_in(2) ? encoding::json : encoding::msgpack;
  return {message_kind::control, session, codec::encode_control(c, as), world_.one_in(2) ? session.text() + "/" + c.id.text() : "",
      what + " " + c.id.text()};
}

void people::send(letter l) {
  unconfirmed_ += 1;
  link_.request(
      [this, l]() -> std::function<void()> {
        const auto stored = broker_.publish(l.kind, l.session, l.payload, l.message_id);
        published_ += stored.is_duplicate ? 0 : 1;
        world_.tell("people", l.what + " for " + l.session.text() + " is at " + std::to_string(stored.seq.value)
                                  + (stored.is_duplicate ? " already" : ""));
        return [this] { unconfirmed_ -= 1; };
      },
      publish_patience,
      [this, l]() mutable {
        unconfirmed_ -= 1;
        send(std::move(l));
      });
}

} // namespace baton::simulation
