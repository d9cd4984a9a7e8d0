// What a node can be told. Plain values, units in the type; the initialisers are the defaults, and config/table.cpp has a row
// for each field with its bounds and its help. A loaded `options` is within those bounds and never changes afterwards.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/options_values.hpp"

namespace baton {

struct node_options {
  /// Empty: the host's name.
  std::string name;
  /// Absolute. Empty: `load` fills in $XDG_STATE_HOME/baton or ~/.local/state/baton.
  std::string data_dir;
  /// Slices that run at once.
  std::uint64_t slots = 64;
  std::chrono::milliseconds drain_timeout = std::chrono::seconds{60};
  /// 0: as many as the machine has cores.
  std::uint64_t scheduler_threads = 0;
  friend bool operator==(const node_options&, const node_options&) = default;
};

struct broker_options {
  /// One or more, separated by commas. Empty: a private server on loopback, owned by this node.
  std::string url;
  /// The program of the private server: a name on PATH or an absolute path.
  std::string server_program = "nats-server";
  /// Of the private server; 0: any free one.
  std::uint64_t port = 0;
  /// How long the private server may wait before it writes through to the disk; zero: it does so before it acknowledges.
  std::chrono::milliseconds sync_interval = std::chrono::minutes{2};
  /// Paths; empty: none.
  std::string credentials_file;
  std::string nkey_seed_file;
  std::string tls_ca_file;
  std::string tls_cert_file;
  std::string tls_key_file;
  bool tls_required = false;
  /// Fixed when the streams are made; later only checked.
  std::uint64_t partitions = 32;
  std::uint64_t replicas = 1;
  /// For one start: go on over streams that lost what this node has seen in them.
  bool accept_loss = false;
  friend bool operator==(const broker_options&, const broker_options&) = default;
};

/// heartbeat * 3 <= duration and heartbeat < self_stop < duration.
struct lease_options {
  std::chrono::milliseconds heartbeat = std::chrono::seconds{2};
  std::chrono::milliseconds duration = std::chrono::seconds{10};
  /// Without a confirmed heartbeat for this long a node stops its own work.
  std::chrono::milliseconds self_stop = std::chrono::seconds{8};
  friend bool operator==(const lease_options&, const lease_options&) = default;
};

struct session_options {
  /// Tasks of one session held in memory; of further ones only sequence and id.
  std::uint64_t in_memory_max = 64;
  std::uint64_t backlog_max = 1024;
  std::chrono::milliseconds passivate_after = std::chrono::seconds{30};
  std::uint64_t max_attempts = 3;
  std::chrono::milliseconds retry_first = std::chrono::seconds{2};
  std::chrono::milliseconds retry_longest = std::chrono::seconds{60};
  std::chrono::milliseconds slice_time_limit = std::chrono::seconds{300};
  /// When it is asked to yield; at the latest after four fifths of slice_time_limit.
  std::chrono::milliseconds slice_soft_limit = std::chrono::seconds{240};
  /// Likewise, while others wait for a slot.
  std::chrono::milliseconds slice_share = std::chrono::seconds{10};
  std::uint64_t slices_max = 48;
  std::chrono::milliseconds debounce = std::chrono::seconds{2};
  std::chrono::milliseconds debounce_longest = std::chrono::seconds{20};
  std::chrono::milliseconds run_wall_limit = std::chrono::hours{11};
  /// How far ahead a turn's `not_before` may lie.
  std::chrono::milliseconds delay_max = std::chrono::hours{24 * 366};
  /// From the request to stop to the kill.
  std::chrono::milliseconds settle = std::chrono::seconds{5};
  /// A slice older than this commits that it started.
  std::chrono::milliseconds slice_commit_after = std::chrono::seconds{1};
  std::uint64_t labels_max = 32;
  /// Entries of one commit together; with the head and the events it must fit into one message of the broker, or the node does
  /// not start.
  byte_size record_bytes_max = kib(640);
  /// Inputs of one session that wait while its log is read or written.
  std::uint64_t waiting_inputs_max = 16'384;
  friend bool operator==(const session_options&, const session_options&) = default;
};

struct source_options {
  /// Messages of one partition that are held in memory at once.
  std::uint64_t credit = 4096;
  std::uint64_t fetch_batch = 256;
  /// Of one partition: their payloads. What was asked for before it was reached may still come.
  byte_size held_max = mib(32);
  friend bool operator==(const source_options&, const source_options&) = default;
};
struct wake_options {
  std::uint64_t per_second = 200;
  friend bool operator==(const wake_options&, const wake_options&) = default;
};

/// What a producer may send.
struct payload_options {
  byte_size size_max = kib(256);
  std::uint64_t depth_max = 32;
  /// Values of all kinds together, keys included.
  std::uint64_t values_max = 65'536;
  /// Subjects that `reply_to` may begin with, besides `_INBOX.`; each ends in a dot.
  std::vector<std::string> reply_prefixes;
  friend bool operator==(const payload_options&, const payload_options&) = default;
};

/// Size limits of the streams when they are made; 0: only the broker's own limit.
struct stream_options {
  byte_size tasks_max = gib(1);
  byte_size control_max = mib(256);
  byte_size log_max = gib(8);
  byte_size dead_max = mib(512);
  byte_size blobs_max = gib(4);
  byte_size wakes_max = mib(128);
  /// Of log_max: no slice starts once less than this is free.
  byte_size log_reserve = mib(64);
  friend bool operator==(const stream_options&, const stream_options&) = default;
};

struct http_options {
  /// Of /healthz, /readyz and /metrics; empty: none.
  std::optional<listen_address> listen = listen_address{"127.0.0.1", 0};
  friend bool operator==(const http_options&, const http_options&) = default;
};
enum class log_level : std::uint8_t { error, warning, info, debug, trace };
enum class log_format : std::uint8_t { text, json };

/// What the process writes to stderr about itself.
struct logging_options {
  log_level level = log_level::info;
  log_format format = log_format::text;
  friend bool operator==(const logging_options&, const logging_options&) = default;
};
enum class runner_type : std::uint8_t { echo, command };
enum class runner_mode : std::uint8_t { plain, jsonl };

/// One `[runners.NAME]`. All but `type` is for commands.
struct runner_options {
  runner_type type = runner_type::echo;
  /// An absolute path or a name on PATH; with `shell`, a line for /bin/sh -c.
  std::string program;
  std::vector<std::string> args;
  runner_mode mode = runner_mode::plain;
  /// Then `args` are the line's $1, $2, ...
  bool shell = false;
  /// Set besides what the node passes on.
  std::map<std::string, std::string> env;
  /// Holds a folder per session. Empty: `workspaces` under the data directory.
  std::string workspace_root;
  /// 0: the session's slice_time_limit.
  std::chrono::milliseconds time_limit{0};
  byte_size output_max = mib(1);
  /// 0: no limit.
  byte_size memory_max;
  /// Of stderr, the end, for the failure record.
  byte_size stderr_keep{16'000};
  friend bool operator==(const runner_options&, const runner_options&) = default;
};

/// One `[tenants.NAME]`: what the turns that name it may take of this node.
struct tenant_options {
  /// At once; 0: no limit of its own.
  std::uint64_t slots_max = 0;
  /// While others wait, its slots are to theirs as the weights are.
  std::uint64_t weight = 1;
  friend bool operator==(const tenant_options&, const tenant_options&) = default;
};

struct options {
  node_options node;
  broker_options broker;
  lease_options lease;
  session_options session;
  source_options source;
  wake_options wakes;
  payload_options payload;
  stream_options streams;
  http_options http;
  logging_options logging;
  /// By name. `echo` is always among them.
  std::map<std::string, runner_options> runners{{"echo", {}}};
  /// By name; those that are not here have the defaults.
  std::map<std::string, tenant_options> tenants;
  friend bool operator==(const options&, const options&) = default;
};

} // namespace baton
