#include "bridge/nats/owner_store.hpp"

#include <memory>
#include <mutex>
#include <utility>

#include "bridge/nats/pub_ack.hpp"
#include "messages/codec.hpp"
#include "messages/subjects.hpp"

namespace baton::nats {
namespace {

/// Below the time after which a node without a confirmed heartbeat stops.
constexpr milliseconds write_patience{2'000};

/// Answers to several requests, given on together when the last is there; the first failure counts.
template <class Record>
class gathering {
public:
  using callback = std::function<void(expected<std::vector<Record>, store_failure>)>;
  gathering(std::size_t awaited, callback done) : awaited_{awaited}, done_{std::move(done)} {}

  void add(expected<std::optional<Record>, store_failure> answer) {
    std::unique_lock lock{mutex_};
    if (!answer) {
      failure_ = answer.error();
    } else if (*answer) {
      records_.push_back(*std::move(*answer));
    }
    if (--awaited_ > 0) return;
    lock.unlock();
    if (failure_) return done_(unexpected{*failure_});
    done_(std::move(records_));
  }

private:
  std::mutex mutex_;
  std::size_t awaited_;
  callback done_;
  std::vector<Record> records_;
  std::optional<store_failure> failure_;
};

bool flag_at(const value& in, std::string_view name) {
  const auto* held = in.find(name);
  const auto* flag = held == nullptr ? nullptr : held->as<bool>();
  return flag != nullptr && *flag;
}

expected<std::optional<owner_record>, store_failure> owner_of(partition_id partition, const stored_message& m) {
  const auto decoded = codec::decode_value(m.payload, {});
  if (!decoded) return unexpected{store_failure::unreadable};
  const auto node = node_id::parse(text_at(decoded->value, {"node"}));
  if (!node) return unexpected{store_failure::unreadable};
  return std::optional{owner_record{partition, *node, {number_at(decoded->value, {"epoch"})},
      flag_at(decoded->value, "released"), m.seq, flag_at(decoded->value, "unclean")}};
}

expected<std::optional<node_record>, store_failure> node_of(const stored_message& m) {
  const auto decoded = codec::decode_value(m.payload, {});
  const auto node = node_id::parse(subjects::last_token(m.subject));
  if (!decoded || !node) return unexpected{store_failure::unreadable};
  const auto& fields = decoded->value;
  return std::optional{node_record{*node, number_at(fields, {"beat"}), text_at(fields, {"host"}),
      number_at(fields, {"slots"}), flag_at(fields, "draining"), m.seq, m.stored_at}};
}

/// The last message on a subject, as the leader has it; nothing if there is none.
template <class Record, class Read>
void read_last_of(requester& over, std::string_view stream, const std::string& subject,
    std::shared_ptr<gathering<Record>> into, Read read) {
  over.request(api_subject("STREAM.MSG.GET", stream), {}, last_by_subject(subject), api_patience,
      [into = std::move(into), read = std::move(read)](requester::result answer) {
        if (!answer) return into->add(unexpected{store_failure::unreachable});
        const auto message = read_message_answer(answer->payload());
        if (message) return into->add(read(*message));
        if (message.error().code == refusal_code::no_message) return into->add(std::optional<Record>{});
        into->add(unexpected{message.error().code == 0 ? store_failure::unreadable : store_failure::unreachable});
      });
}

void write_record(requester& over, const std::string& subject, header_list with, std::string_view payload,
    std::function<void(write_result)> done) {
  over.request(subject, with, payload, write_patience, [done = std::move(done)](const requester::result& answer) {
    const auto stored = published_of(answer);
    if (stored) return done(written{stored->seq});
    if (stored.error().code == refusal_code::wrong_last_sequence) return done(write_refused{});
    done(store_failure::unreachable);
  });
}

} // namespace

void nats_owner_store::read_owners(std::function<void(expected<std::vector<owner_record>, store_failure>)> done) {
  auto all = std::make_shared<gathering<owner_record>>(partitions_, std::move(done));
  for (std::uint64_t p = 0; p < partitions_; ++p) {
    const partition_id partition{p};
    read_last_of<owner_record>(over_, subjects::owners_stream, subjects::owner(partition), all,
        [partition](const stored_message& m) { return owner_of(partition, m); });
  }
}

void nats_owner_store::write_owner(owner_record record, std::function<void(write_result)> done) {
  const auto payload = to_json({{"node", record.node.text()}, {"epoch", record.epoch.value},
      {"released", record.released}, {"unclean", record.unclean}});
  const header expects[] = {{expected_last_header, std::to_string(record.revision.value)}};
  write_record(over_, subjects::owner(record.partition), expects, payload, std::move(done));
}

void nats_owner_store::read_nodes(std::function<void(expected<std::vector<node_record>, store_failure>)> done) {
  const auto filter = to_json({{"subjects_filter", subjects::node_intake}});
  ask_api(over_, api_subject("STREAM.INFO", subjects::nodes_stream), filter,
      [&over = over_, done = std::move(done)](const api_result& answer) {
        if (!answer) return done(unexpected{store_failure::unreachable});
        const auto* found = field_at(*answer, {"state", "subjects"});
        const auto* names = found == nullptr ? nullptr : found->as<value::object>();
        if (names == nullptr || names->empty()) return done(std::vector<node_record>{});
        auto all = std::make_shared<gathering<node_record>>(names->size(), done);
        for (const auto& [subject, count] : *names) {
          read_last_of<node_record>(over, subjects::nodes_stream, subject, all, node_of);
        }
      });
}

void nats_owner_store::write_node(node_record record, std::function<void(write_result)> done) {
  const auto payload =
      to_json({{"beat", record.beat}, {"host", record.host}, {"slots", record.slots}, {"draining", record.draining}});
  write_record(over_, subjects::node(record.node), {}, payload, std::move(done));
}

void nats_owner_store::remove_node(node_record record) {
  // By its sequence: what the node wrote since then lies elsewhere. Not overwritten, for nothing in it is secret.
  const auto which = to_json({{"seq", record.revision.value}, {"no_erase", true}});
  ask_api(over_, api_subject("STREAM.MSG.DELETE", subjects::nodes_stream), which,
      [](const api_result&) {});
}

} // namespace baton::nats
