// A producer with nothing but a NATS client and msgpack: sends one turn, waits until it is accepted, then for its answer.
//
//   example_producer <nats url> <session> <text> [<runner> [<id>]]
//
// Exit code: 0 the run completed, 1 it ended in another way or no answer came, 2 the call was wrong, 3 the task was not accepted,
// 4 it had been accepted before, and its answer goes to whoever sent it first.
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include <msgpack.hpp>
#include <nats/nats.h>

namespace {

constexpr int64_t accept_within_ms = 10'000;
constexpr int64_t answer_within_ms = 120'000;

struct order {
  std::string url, session, text, runner, id;
};

struct failure {
  int exit_code;
  std::string what;
};

template <auto destroy>
struct by {
  template <class T>
  void operator()(T* it) const {
    destroy(it);
  }
};
using connection = std::unique_ptr<natsConnection, by<natsConnection_Destroy>>;
using jet_stream = std::unique_ptr<jsCtx, by<jsCtx_Destroy>>;
using subscription = std::unique_ptr<natsSubscription, by<natsSubscription_Destroy>>;
using message = std::unique_ptr<natsMsg, by<natsMsg_Destroy>>;
using publish_ack = std::unique_ptr<jsPubAck, by<jsPubAck_Destroy>>;

void check(natsStatus status, const char* doing, int exit_code = 3) {
  if (status != NATS_OK) throw failure{exit_code, std::string{doing} + ": " + natsStatus_GetText(status)};
}

/// A turn. Fields that it leaves out (labels, deadline, tenant, ...) have defaults.
std::string packed_turn(const order& o, const std::string& reply_to) {
  msgpack::sbuffer out;
  msgpack::pack(out,
      std::map<std::string, std::string>{
          {"kind", "turn"}, {"id", o.id}, {"runner", o.runner}, {"input", o.text}, {"reply_to", reply_to}});
  return {out.data(), out.size()};
}

/// Returns once the task is stored: from then on it ends in an outcome, whatever happens to us or to a node.
void publish(natsConnection* over, const order& o, const std::string& reply_to) {
  jsCtx* made = nullptr;
  check(natsConnection_JetStream(&made, over, nullptr), "cannot use JetStream");
  const jet_stream js{made};
  // The same task published twice is stored once. The server's window is stream-wide, so the session is part of the id.
  const auto message_id = o.session + "/" + o.id;
  jsPubOptions options;
  jsPubOptions_Init(&options);
  options.MsgId = message_id.c_str();
  options.MaxWait = accept_within_ms;
  const auto body = packed_turn(o, reply_to);
  jsPubAck* got = nullptr;
  check(js_Publish(&got, js.get(), ("baton.task." + o.session).c_str(), body.data(), static_cast<int>(body.size()),
            &options, nullptr),
      "the task was not accepted");
  const publish_ack ack{got};
  std::cerr << "accepted " << o.id << " as " << ack->Stream << " " << ack->Sequence << "\n";
  if (ack->Duplicate) throw failure{4, "it had been accepted before; its answer goes to whoever sent it first"};
}

/// The answer is in the encoding of the task: {to, verdict, body: {status, result}}, or {..., reason, detail} if it was refused.
int show(const natsMsg* answered) {
  const auto unpacked =
      msgpack::unpack(natsMsg_GetData(answered), static_cast<size_t>(natsMsg_GetDataLength(answered)));
  std::cout << unpacked.get() << std::endl; // msgpack-c writes it as JSON
  const auto fields = unpacked.get().as<std::map<std::string, msgpack::object>>();
  const auto body = fields.find("body");
  if (body == fields.end() || body->second.type != msgpack::type::MAP) return 1;
  const auto status = body->second.as<std::map<std::string, msgpack::object>>();
  const auto how = status.find("status");
  return how != status.end() && how->second.as<std::string>() == "completed" ? 0 : 1;
}

int run(const order& o) {
  natsConnection* connected = nullptr;
  check(natsConnection_ConnectTo(&connected, o.url.c_str()), "cannot connect");
  const connection over{connected};
  // Listen before asking: the answer may come before the acceptance.
  natsInbox* inbox = nullptr;
  check(natsInbox_Create(&inbox), "cannot name an inbox");
  const std::unique_ptr<char, by<natsInbox_Destroy>> reply_to{inbox};
  natsSubscription* subscribed = nullptr;
  check(natsConnection_SubscribeSync(&subscribed, over.get(), reply_to.get()), "cannot subscribe");
  const subscription answers{subscribed};
  publish(over.get(), o, reply_to.get());
  natsMsg* got = nullptr;
  check(natsSubscription_NextMsg(&got, answers.get(), answer_within_ms), "no answer came; the run goes on", 1);
  return show(message{got}.get());
}

/// Unique in its session. Send a task again under the same id if its acceptance is in doubt.
std::string new_id() { return "cpp-" + std::to_string(std::chrono::system_clock::now().time_since_epoch().count()); }

} // namespace

int main(int argc, char** argv) {
  if (argc < 4 || argc > 6) {
    std::cerr << "usage: example_producer <nats url> <session> <text> [<runner> [<id>]]\n";
    return 2;
  }
  const order o{argv[1], argv[2], argv[3], argc > 4 ? argv[4] : "echo", argc > 5 ? argv[5] : new_id()};
  try {
    return run(o);
  } catch (const failure& f) {
    std::cerr << "example_producer: " << f.what << "\n";
    return f.exit_code;
  } catch (const std::exception& e) {
    std::cerr << "example_producer: the answer cannot be read: " << e.what() << "\n";
    return 1;
  }
}
