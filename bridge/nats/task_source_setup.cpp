#include "bridge/nats/task_source_setup.hpp"

#include <utility>
#include <vector>

#include "bridge/nats/js_api.hpp"

namespace baton::nats {
namespace {

/// How often it starts over because somebody else made a consumer in between.
constexpr int rounds_max = 4;

class setup : public std::enable_shared_from_this<setup> {
public:
  setup(requester& over, setup_order order, std::function<void(setup_result)> done)
      : over_{over}, order_{std::move(order)}, done_{std::move(done)} {}

  void look() {
    if (++round_ > rounds_max) return fail("look", "somebody else makes consumers for this partition");
    found_.clear();
    look_from(0);
  }

private:
  /// `then` gets the answer, or the server's refusal. Without an answer this set-up has failed.
  template <class Next>
  void ask(const char* step, const std::string& subject, const std::string& payload, Next&& then) {
    if (order_.abandoned->load()) return fail(step, "abandoned");
    over_.request(subject, {}, payload, order_.timeout,
        [self = shared_from_this(), step, then = std::forward<Next>(then)](const requester::result& answer) {
          if (!answer) return self->fail(step, to_text(answer.error()));
          then(read_api_answer(answer->payload()));
        });
  }

  void fail(const char* step, std::string_view why) { done_(setup_failed{std::string{step}.append(": ").append(why)}); }
  void fail(const char* step, const api_failure& why) { fail(step, why.text + " (" + std::to_string(why.code) + ")"); }

  void look_from(std::size_t offset) {
    ask("look", consumer_names_subject(order_.kind), names_request(offset), [this](const api_result& answer) {
      if (!answer) return fail("look", answer.error());
      const auto page = names_in(*answer);
      found_.insert(found_.end(), page.names.begin(), page.names.end());
      if (!page.names.empty() && found_.size() < page.total) return look_from(found_.size());
      judge();
    });
  }

  void judge() {
    std::vector<std::string> ours;
    for (auto& name : found_) {
      const auto parsed = parse_consumer(name);
      if (!parsed || parsed->partition != order_.who.partition) continue;
      if (parsed->epoch > order_.who.epoch) return done_(newer_owner{});
      ours.push_back(std::move(name));
    }
    found_ = std::move(ours);
    remove_next();
  }

  void remove_next() {
    if (found_.empty()) return read_stream();
    const auto subject = consumer_delete_subject(order_.kind, found_.back());
    found_.pop_back();
    ask("delete", subject, {}, [this](const api_result& answer) {
      if (!answer && answer.error().code != consumer_not_found) return fail("delete", answer.error());
      remove_next();
    });
  }

  void read_stream() {
    ask("stream", stream_info_subject(order_.kind), {}, [this](const api_result& answer) {
      if (!answer) return fail("stream", answer.error());
      made_.last = {number_at(*answer, {"state", "last_seq"})};
      made_.stream_made = text_at(*answer, {"created"});
      make();
    });
  }

  void make() {
    made_.name = to_text(order_.who, random_token());
    const auto request = consumer_create_request(made_.name, {order_.kind, order_.who.partition, order_.ack_wait});
    ask("create", consumer_create_subject(order_.kind, made_.name), request, [this](const api_result& answer) {
      if (!answer && answer.error().code == consumer_not_unique) return look();
      if (!answer) return fail("create", answer.error());
      done_(std::move(made_));
    });
  }

  static std::string random_token() {
    const auto inbox = connection::new_inbox();
    return inbox.substr(inbox.rfind('.') + 1);
  }

  requester& over_;
  setup_order order_;
  std::function<void(setup_result)> done_;
  int round_ = 0;
  std::vector<std::string> found_;
  consumer_made made_;
};

} // namespace

void set_up_consumer(requester& over, setup_order order, std::function<void(setup_result)> done) {
  std::make_shared<setup>(over, std::move(order), std::move(done))->look();
}

} // namespace baton::nats
