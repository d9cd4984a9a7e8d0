#include "config/table.hpp"

#include <array>

#include "config/forms.hpp"

namespace baton::config {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

template <auto Group, auto Member>
auto& in(options& o) {
  return o.*Group.*Member;
}
template <auto Member>
auto& own(runner_options& o) {
  return o.*Member;
}

template <auto Member>
auto& of_tenant(tenant_options& o) {
  return o.*Member;
}

template <class Of, auto& At>
constexpr choice_field<Of> choice(std::span<const std::string_view> names) {
  return {[](Of& o) { return static_cast<std::size_t>(At(o)); },
      [](Of& o, std::size_t i) { At(o) = static_cast<std::remove_cvref_t<decltype(At(o))>>(i); }, names};
}

// In the order of their enums.
constexpr auto level_names = std::to_array<std::string_view>({"error", "warning", "info", "debug", "trace"});
constexpr auto format_names = std::to_array<std::string_view>({"text", "json"});
constexpr auto type_names = std::to_array<std::string_view>({"echo", "command"});
constexpr auto mode_names = std::to_array<std::string_view>({"plain", "jsonl"});

using text = text_field<options>;
using flag = flag_field<options>;
using count = count_field<options>;
using duration = duration_field<options>;
using size = size_field<options>;
using list = list_field<options>;
using o = options;

constexpr auto node_at = &o::node;
constexpr auto broker_at = &o::broker;
constexpr auto lease_at = &o::lease;
constexpr auto session_at = &o::session;
constexpr auto source_at = &o::source;
constexpr auto wakes_at = &o::wakes;
constexpr auto payload_at = &o::payload;
constexpr auto streams_at = &o::streams;
constexpr auto http_at = &o::http;
constexpr auto logging_at = &o::logging;

using node_of = node_options;
using broker_of = broker_options;
using lease_of = lease_options;
using session_of = session_options;
using source_of = source_options;
using wakes_of = wake_options;
using payload_of = payload_options;
using stream_of = stream_options;

// clang-format off
constexpr auto option_table = std::to_array<option_row>({
    {"node.name", "", text{&in<node_at, &node_of::name>, forms::plain_name_or_empty},
     "How this node is called in records and logs; empty: the host's name."},
    {"node.data_dir", "data_dir", text{&in<node_at, &node_of::data_dir>, forms::absolute_path_or_empty},
     "Folder for all that the node keeps: the private server's store, workspaces, recorded process groups; "
     "empty: $XDG_STATE_HOME/baton or ~/.local/state/baton."},
    {"node.slots", "slots", count{&in<node_at, &node_of::slots>, 1, 100'000},
     "Slices that run at once on this node; further ones wait their turn."},
    {"node.drain_timeout", "", duration{&in<node_at, &node_of::drain_timeout>, seconds{0}, hours{24}},
     "How long a draining node waits for its slices to yield before it stops them."},
    {"node.scheduler_threads", "", count{&in<node_at, &node_of::scheduler_threads>, 0, 256},
     "Threads that run actors; 0: as many as the machine has cores."},

    {"broker.url", "nats", text{&in<broker_at, &broker_of::url>, forms::urls_or_empty},
     "The NATS servers to use, separated by commas; empty: the node starts and owns a private one on loopback."},
    {"broker.server_program", "", text{&in<broker_at, &broker_of::server_program>, forms::program},
     "The program of the private server."},
    {"broker.port", "", count{&in<broker_at, &broker_of::port>, 0, 65'535},
     "The private server's port; 0: any free one."},
    {"broker.sync_interval", "",
     duration{&in<broker_at, &broker_of::sync_interval>, milliseconds{100}, hours{1}, "always"},
     "What a power cut may take of what the private server acknowledged; always: nothing, since each write goes through to the disk first."},
    {"broker.credentials_file", "", text{&in<broker_at, &broker_of::credentials_file>, forms::absolute_path_or_empty},
     "NATS credentials (a JWT and its seed) to log in with."},
    {"broker.nkey_seed_file", "", text{&in<broker_at, &broker_of::nkey_seed_file>, forms::absolute_path_or_empty},
     "NKey seed to log in with."},
    {"broker.tls_ca_file", "", text{&in<broker_at, &broker_of::tls_ca_file>, forms::absolute_path_or_empty},
     "Certificates (PEM) that the server's is checked against; empty: the system's."},
    {"broker.tls_cert_file", "", text{&in<broker_at, &broker_of::tls_cert_file>, forms::absolute_path_or_empty},
     "Certificate (PEM) to log in with."},
    {"broker.tls_key_file", "", text{&in<broker_at, &broker_of::tls_key_file>, forms::absolute_path_or_empty},
     "Private key (PEM) of tls_cert_file."},
    {"broker.tls_required", "", flag{&in<broker_at, &broker_of::tls_required>},
     "Refuses a server that does not speak TLS."},
    {"broker.partitions", "", count{&in<broker_at, &broker_of::partitions>, 1, 1024},
     "Into how many parts the sessions are split; fixed when the streams are made, later only checked."},
    {"broker.replicas", "", count{&in<broker_at, &broker_of::replicas>, 1, 5},
     "Copies of each stream; more than one needs a NATS cluster, where 3 survives the loss of a server."},
    {"broker.accept_loss", "", flag{&in<broker_at, &broker_of::accept_loss>},
     "For one start: goes on over streams that this node finds gone, made anew or set back, and knows them as they are from then on; "
     "what they held stays lost."},

    {"lease.heartbeat", "", duration{&in<lease_at, &lease_of::heartbeat>, milliseconds{50}, minutes{1}},
     "How often a node writes that it lives."},
    {"lease.duration", "", duration{&in<lease_at, &lease_of::duration>, milliseconds{200}, minutes{10}},
     "How long a node's heartbeat must stand still before another one may take its partitions."},
    {"lease.self_stop", "", duration{&in<lease_at, &lease_of::self_stop>, milliseconds{100}, minutes{10}},
     "How long a node goes on without a confirmed heartbeat of its own before it stops its work."},

    {"session.in_memory_max", "", count{&in<session_at, &session_of::in_memory_max>, 1, 65'536},
     "Waiting tasks of one session that are held in memory; of further ones only sequence and id."},
    {"session.backlog_max", "", count{&in<session_at, &session_of::backlog_max>, 1, 10'000'000},
     "Waiting tasks of one session; the next one is refused with backlog_full."},
    {"session.passivate_after", "", duration{&in<session_at, &session_of::passivate_after>, milliseconds{10}, hours{24}},
     "How long an idle session stays in memory."},
    {"session.max_attempts", "", count{&in<session_at, &session_of::max_attempts>, 1, 100},
     "How often a run is tried since its last checkpoint before it is given up."},
    {"session.retry_first", "", duration{&in<session_at, &session_of::retry_first>, milliseconds{1}, hours{1}},
     "The wait before the first retry; each further one is twice as long."},
    {"session.retry_longest", "", duration{&in<session_at, &session_of::retry_longest>, milliseconds{1}, hours{24}},
     "The longest wait before a retry."},
    {"session.slice_time_limit", "", duration{&in<session_at, &session_of::slice_time_limit>, milliseconds{10}, hours{24}},
     "How long one slice may take before it is stopped."},
    {"session.slice_soft_limit", "", duration{&in<session_at, &session_of::slice_soft_limit>, milliseconds{10}, hours{24}},
     "How long a slice runs before it is asked to yield; at most four fifths of slice_time_limit."},
    {"session.slice_share", "", duration{&in<session_at, &session_of::slice_share>, milliseconds{0}, hours{24}},
     "How long a slice runs before it is asked to yield while other sessions wait for a slot."},
    {"session.slices_max", "", count{&in<session_at, &session_of::slices_max>, 1, 1'000'000},
     "Slices of one run; one that needs more ends with too_many_slices."},
    {"session.debounce", "", duration{&in<session_at, &session_of::debounce>, milliseconds{0}, hours{1}},
     "How long it must be quiet before a turn with when_busy debounce starts."},
    {"session.debounce_longest", "", duration{&in<session_at, &session_of::debounce_longest>, milliseconds{0}, hours{24}},
     "How long such a turn waits at most while further ones come."},
    {"session.run_wall_limit", "", duration{&in<session_at, &session_of::run_wall_limit>, milliseconds{10}, hours{24 * 30}},
     "How long a run may take from its first start to its end, whatever it waits for."},
    {"session.delay_max", "", duration{&in<session_at, &session_of::delay_max>, milliseconds{0}, hours{24 * 3'660}},
     "How far ahead a turn's not_before may lie; one further ahead is refused."},
    {"session.settle", "", duration{&in<session_at, &session_of::settle>, milliseconds{0}, minutes{10}},
     "What a slice that is told to stop has left before it is killed."},
    {"session.slice_commit_after", "", duration{&in<session_at, &session_of::slice_commit_after>, milliseconds{0}, minutes{10}},
     "A slice older than this records in the log that it has started."},
    {"session.labels_max", "", count{&in<session_at, &session_of::labels_max>, 0, 32},
     "Labels of one session; together they take at most 2 KiB."},
    {"session.record_bytes_max", "", size{&in<session_at, &session_of::record_bytes_max>, kib(128), mib(32), false},
     "What one commit may hold of transcript, values over 64 KiB not counted; a slice that wants more stored ends with record_too_large."},
    {"session.waiting_inputs_max", "", count{&in<session_at, &session_of::waiting_inputs_max>, 2, 10'000'000},
     "Inputs of one session that wait while its log is read or written; beyond them it is started again from its log."},

    {"source.credit", "", count{&in<source_at, &source_of::credit>, 1, 1'000'000},
     "Messages of one partition that are held in memory at once."},
    {"source.fetch_batch", "", count{&in<source_at, &source_of::fetch_batch>, 1, 100'000},
     "Messages that are asked for at once."},
    {"source.held_max", "", size{&in<source_at, &source_of::held_max>, kib(64), gib(64), false},
     "What the messages of one partition that are held in memory may take together before no more are asked for."},

    {"wakes.per_second", "", count{&in<wakes_at, &wakes_of::per_second>, 1, 100'000},
     "Wakes of one partition that fire in one second when they are late, as after downtime; those that are due in the present do not wait behind them."},

    {"payload.size_max", "", size{&in<payload_at, &payload_of::size_max>, kib(1), mib(32), false},
     "The largest payload of a task or control message; a larger one is refused with too_large."},
    {"payload.depth_max", "", count{&in<payload_at, &payload_of::depth_max>, 2, 128},
     "How deep a payload may be nested; a deeper one is refused with too_deep."},
    {"payload.values_max", "", count{&in<payload_at, &payload_of::values_max>, 16, 10'000'000},
     "Values in one payload, keys included; one with more is refused with too_many_values."},
    {"payload.reply_prefixes", "", list{&in<payload_at, &payload_of::reply_prefixes>, forms::subject_prefix, 64},
     "Subjects that reply_to may begin with, besides _INBOX.; any other is refused with reply_not_allowed."},

    {"streams.tasks_max", "", size{&in<streams_at, &stream_of::tasks_max>, mib(1), {1ULL << 50U}, true},
     "Size limit of the queue of turns; 0: only the broker's own."},
    {"streams.control_max", "", size{&in<streams_at, &stream_of::control_max>, mib(1), {1ULL << 50U}, true},
     "Size limit of the queue of control messages; 0: only the broker's own."},
    {"streams.log_max", "", size{&in<streams_at, &stream_of::log_max>, mib(1), {1ULL << 50U}, true},
     "Size limit of all session logs together; 0: only the broker's own."},
    {"streams.dead_max", "", size{&in<streams_at, &stream_of::dead_max>, mib(1), {1ULL << 50U}, true},
     "Size limit of the dead letters; the oldest make room; 0: only the broker's own."},
    {"streams.blobs_max", "", size{&in<streams_at, &stream_of::blobs_max>, mib(1), {1ULL << 50U}, true},
     "Size limit of large values; 0: only the broker's own."},
    {"streams.wakes_max", "", size{&in<streams_at, &stream_of::wakes_max>, mib(1), {1ULL << 50U}, true},
     "Size limit of the wakes (durable timers); while it is reached, further ones wait; 0: only the broker's own."},
    {"streams.log_reserve", "", size{&in<streams_at, &stream_of::log_reserve>, kib(64), {1ULL << 50U}, true},
     "Part of log_max that is kept for take-overs and tombstones: no slice starts once less is free."},

    {"http.listen", "http", address_field<options>{&in<http_at, &http_options::listen>},
     "Where /healthz, /readyz and /metrics are served; port 0: any free one; off: nowhere."},

    {"logging.level", "log_level", choice<o, in<logging_at, &logging_options::level>>(level_names),
     "How much the process writes to stderr."},
    {"logging.format", "log_format", choice<o, in<logging_at, &logging_options::format>>(format_names),
     "Lines for people, or one JSON object per line."},
});

using r = runner_options;

constexpr auto runner_table = std::to_array<runner_row>({
    {"type", "", choice<r, own<&r::type>>(type_names),
     "What the runner is: echo answers with its input, command runs a program; must be given."},
    {"program", "", text_field<r>{&own<&r::program>, forms::any},
     "The program: an absolute path or a name on PATH; with shell = true, a line for /bin/sh -c."},
    {"args", "", list_field<r>{&own<&r::args>, forms::any, 256},
     "Its arguments, passed on as they are; with shell = true, $1, $2 and so on of the line."},
    {"mode", "", choice<r, own<&r::mode>>(mode_names),
     "plain: input on stdin, stdout is the output, the exit code decides; jsonl: the two-way protocol, a JSON object per line."},
    {"shell", "", flag_field<r>{&own<&r::shell>},
     "Lets /bin/sh interpret the program as a line; a shell is never involved otherwise."},
    {"env", "", map_field<r>{&own<&r::env>, forms::variable_name, 256},
     "Environment variables to set for the program."},
    {"workspace_root", "", text_field<r>{&own<&r::workspace_root>, forms::absolute_path_or_empty},
     "Folder that holds a workspace per session; empty: workspaces in the data directory."},
    {"time_limit", "", duration_field<r>{&own<&r::time_limit>, milliseconds{0}, hours{24}},
     "How long the program may take for one slice; 0s: session.slice_time_limit."},
    {"output_max", "", size_field<r>{&own<&r::output_max>, kib(1), gib(1), false},
     "What the program may write to stdout in one slice; more ends it with output_limit."},
    {"memory_max", "", size_field<r>{&own<&r::memory_max>, mib(1), {1ULL << 50U}, true},
     "What the program may take of memory before it ends with memory_limit; 0: no limit."},
    {"stderr_keep", "", size_field<r>{&own<&r::stderr_keep>, {1}, mib(1), true},
     "How much of the end of its stderr is kept for the failure record."},
});

constexpr auto tenant_table = std::to_array<tenant_row>({
    {"slots_max", "", count_field<tenant_options>{&of_tenant<&tenant_options::slots_max>, 0, 100'000},
     "Slots of this node that its turns may take at once, while those of others go on; 0: no limit of its own."},
    {"weight", "", count_field<tenant_options>{&of_tenant<&tenant_options::weight>, 1, 1'000},
     "While turns wait, slots are shared out among the tenants by their weights; one that is not named here has 1."},
});

constexpr auto relation_table = std::to_array<relation>({
    {"lease.heartbeat", "lease.duration", [](const o& a) { return a.lease.heartbeat * 3 <= a.lease.duration; },
     "three times lease.heartbeat must fit into lease.duration"},
    {"lease.heartbeat", "lease.self_stop", [](const o& a) { return a.lease.heartbeat < a.lease.self_stop; },
     "lease.heartbeat must be below lease.self_stop"},
    {"lease.self_stop", "lease.duration", [](const o& a) { return a.lease.self_stop < a.lease.duration; },
     "lease.self_stop must be below lease.duration"},
    {"session.in_memory_max", "session.backlog_max", [](const o& a) { return a.session.in_memory_max <= a.session.backlog_max; },
     "session.in_memory_max must not be above session.backlog_max"},
    {"session.retry_first", "session.retry_longest", [](const o& a) { return a.session.retry_first <= a.session.retry_longest; },
     "session.retry_first must not be above session.retry_longest"},
    {"session.debounce", "session.debounce_longest",
     [](const o& a) { return a.session.debounce <= a.session.debounce_longest; },
     "session.debounce must not be above session.debounce_longest"},
    {"session.slice_time_limit", "session.run_wall_limit",
     [](const o& a) { return a.session.slice_time_limit <= a.session.run_wall_limit; },
     "session.slice_time_limit must not be above session.run_wall_limit"},
    {"source.fetch_batch", "source.credit", [](const o& a) { return a.source.fetch_batch <= a.source.credit; },
     "source.fetch_batch must not be above source.credit"},
    // Of either kind that many may come for one session while it waits; the session must not be started again for that.
    {"source.credit", "session.waiting_inputs_max",
     [](const o& a) { return a.source.credit * 2 <= a.session.waiting_inputs_max; },
     "two times source.credit must fit into session.waiting_inputs_max"},
    {"streams.log_reserve", "streams.log_max",
     [](const o& a) { return a.streams.log_max.bytes == 0 || a.streams.log_reserve < a.streams.log_max; },
     "streams.log_reserve must be below streams.log_max"},
    {"broker.tls_cert_file", "broker.tls_key_file",
     [](const o& a) { return a.broker.tls_cert_file.empty() == a.broker.tls_key_file.empty(); },
     "broker.tls_cert_file and broker.tls_key_file go together"},
    {"broker.credentials_file", "broker.nkey_seed_file",
     [](const o& a) { return a.broker.credentials_file.empty() || a.broker.nkey_seed_file.empty(); },
     "only one of broker.credentials_file and broker.nkey_seed_file can be used"},
    {"broker.credentials_file", "broker.url", [](const o& a) { return a.broker.credentials_file.empty() || !a.broker.url.empty(); },
     "broker.credentials_file is for the server of broker.url; the private one needs none"},
    {"broker.nkey_seed_file", "broker.url", [](const o& a) { return a.broker.nkey_seed_file.empty() || !a.broker.url.empty(); },
     "broker.nkey_seed_file is for the server of broker.url; the private one needs none"},
    {"broker.tls_ca_file", "broker.url", [](const o& a) { return a.broker.tls_ca_file.empty() || !a.broker.url.empty(); },
     "broker.tls_ca_file is for the server of broker.url; the private one speaks no TLS"},
    {"broker.tls_cert_file", "broker.url", [](const o& a) { return a.broker.tls_cert_file.empty() || !a.broker.url.empty(); },
     "broker.tls_cert_file is for the server of broker.url; the private one speaks no TLS"},
    {"broker.tls_required", "broker.url", [](const o& a) { return !a.broker.tls_required || !a.broker.url.empty(); },
     "broker.tls_required is for the server of broker.url; the private one speaks no TLS"},
    {"broker.port", "broker.url", [](const o& a) { return a.broker.port == 0 || a.broker.url.empty(); },
     "broker.port is the private server's; with broker.url there is none"},
    {"broker.sync_interval", "broker.url",
     [](const o& a) { return a.broker.sync_interval == broker_of{}.sync_interval || a.broker.url.empty(); },
     "broker.sync_interval is the private server's; another one has it in its own configuration"},
    {"broker.replicas", "broker.url", [](const o& a) { return a.broker.replicas == 1 || !a.broker.url.empty(); },
     "broker.replicas above 1 needs the cluster of broker.url; the private server is alone"},
});
// clang-format on

std::string with(std::string_view name, char separator, bool is_upper) {
  std::string written{name};
  for (auto& c : written) {
    if (c == '_' || (c == '.' && is_upper)) c = separator;
    if (is_upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return written;
}

} // namespace

std::span<const option_row> option_rows() { return option_table; }
std::span<const runner_row> runner_rows() { return runner_table; }
std::span<const tenant_row> tenant_rows() { return tenant_table; }
std::span<const relation> relations() { return relation_table; }

std::string variable_of(std::string_view name) { return "BATON_" + with(name, '_', true); }
std::string flag_of(std::string_view name) { return "--" + with(name, '-', false); }

} // namespace baton::config
