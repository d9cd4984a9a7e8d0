#include "bridge/process/private_server.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

#include "bridge/process/deadline.hpp"
#include "bridge/process/server_files.hpp"
#include "bridge/process/server_life.hpp"
#include "bridge/process/server_probe.hpp"
#include "bridge/process/server_program.hpp"

namespace baton {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds probe_patience{2'000};
constexpr milliseconds probe_every{20};
constexpr milliseconds progress_every{5'000};
constexpr auto gave_up_text = "asked to stop while the private nats-server started";
/// A server that stayed up for this long is worth a quick restart.
constexpr milliseconds stable_after{30'000};

} // namespace

class private_server::keeper {
public:
  keeper(private_server_options options, operator_log& log)
      : options_(std::move(options)), log_(log), stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!stop_) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~keeper() { stop(); }
  keeper(const keeper&) = delete;
  keeper& operator=(const keeper&) = delete;

  /// Nothing: it answers, and is watched from now on.
  [[nodiscard]] std::optional<std::string> open(std::function<bool()> gives_up);
  void stop();

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] std::uint16_t port() const { return settings_.port; }

private:
  [[nodiscard]] std::optional<std::string> prepare();
  [[nodiscard]] bool take_over();
  /// Nothing: it answers, or stop was asked for.
  [[nodiscard]] std::optional<std::string> begin();
  [[nodiscard]] std::optional<std::string> wait_until_ready();
  void watch();
  /// Returns when it has ended, or hangs: why. Nothing: stop was asked for.
  [[nodiscard]] std::optional<std::string> watch_this_life();
  /// `patience`: what is left of the life before has until it is killed.
  [[nodiscard]] bool begin_again(milliseconds patience);
  [[nodiscard]] bool has_given_up();
  /// What it said last, as the rest of a sentence; it may have said nothing.
  [[nodiscard]] std::string last_words() const {
    const auto words = life_->last_words();
    return words.empty() ? words : ": " + words;
  }
  /// True: stop was asked for, or `fd` is readable, within `longest`.
  [[nodiscard]] bool pause(milliseconds longest, int fd = -1) const;
  [[nodiscard]] bool is_stopping() const { return stops_within(milliseconds{0}); }
  [[nodiscard]] bool stops_within(milliseconds longest) const;

  const private_server_options options_;
  operator_log& log_;
  server_settings settings_;
  std::filesystem::path program_;
  std::string url_;
  std::optional<server_life> life_;
  unique_fd stop_;
  /// Only while the node waits for the first answer.
  std::function<bool()> gives_up_;
  bool gave_up_ = false;
  deadline silence_{milliseconds{0}};
  deadline stable_{milliseconds{0}};
  std::thread watcher_;
};

std::optional<std::string> private_server::keeper::open(std::function<bool()> gives_up) {
  gives_up_ = std::move(gives_up);
  if (auto failure = prepare()) return failure;
  if (!take_over()) {
    if (gave_up_) return gave_up_text;
    if (!server_life::clear(options_.folder, options_.stop_patience)) {
      return "the nats-server that an earlier node left in " + options_.folder.string() + " cannot be killed";
    }
    auto port = port_in(options_.folder, options_.port);
    if (!port) return std::move(port).error();
    settings_.port = *port;
    if (auto failure = begin()) {
      if (life_) life_->end(options_.stop_patience);
      return failure;
    }
  }
  url_ = "nats://" + settings_.credential.user + ":" + settings_.credential.password
      + "@127.0.0.1:" + std::to_string(settings_.port);
  gives_up_ = nullptr;
  watcher_ = std::thread{[this] { watch(); }};
  return std::nullopt;
}

std::optional<std::string> private_server::keeper::prepare() {
  const auto& folder = options_.folder;
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) return "cannot make " + folder.string() + ": " + failure.message();
  if (::chmod(folder.c_str(), 0700) != 0) return "cannot make " + folder.string() + " private";
  auto program = find_server_program(options_.program);
  if (!program) return std::move(program).error();
  program_ = std::move(*program);
  auto credential = credential_in(folder);
  if (!credential) return std::move(credential).error();
  settings_ = {
      folder, 0, std::move(*credential), options_.max_payload, options_.sync_interval, options_.monitoring_port};
  return std::nullopt;
}

/// Only one that is as this node would start it.
bool private_server::keeper::take_over() {
  settings_.port = stored_port(options_.folder);
  if (settings_.port == 0 || (options_.port != 0 && options_.port != settings_.port)) return false;
  const auto config = read_small_file((options_.folder / "server.conf").string());
  if (config != server_config(settings_)) return false;
  life_ = server_life::take_over(options_.folder);
  if (!life_) return false;
  if (const auto failure = wait_until_ready()) {
    if (gave_up_) return false;
    log_.say(severity::warning, "the nats-server that an earlier node left is replaced: " + *failure);
    life_.reset();
    return false;
  }
  log_.say(severity::info, "took over the private nats-server that an earlier node left");
  return true;
}

std::optional<std::string> private_server::keeper::begin() {
  if (auto failure = store_private(options_.folder / "server.conf", server_config(settings_))) return failure;
  life_.reset();
  auto life = server_life::begin({options_.guard, program_, options_.folder, options_.outlive, options_.stop_patience});
  if (!life) return std::move(life).error();
  life_ = std::move(*life);
  return wait_until_ready();
}

std::optional<std::string> private_server::keeper::wait_until_ready() {
  const deadline latest{options_.start_patience};
  deadline next_word{progress_every};
  deadline silence{options_.silence_max};
  for (;;) {
    const auto state =
        probe_server(settings_.port, settings_.credential, std::min(probe_patience, options_.silence_max));
    if (life_->has_ended()) return "the private nats-server ended" + last_words();
    switch (state) {
    case server_state::ready: return std::nullopt;
    case server_state::stranger:
      return "port " + std::to_string(settings_.port) + " of 127.0.0.1 belongs to another nats-server";
    case server_state::silent:
      if (silence.passed()) return "the private nats-server does not answer";
      break;
    case server_state::absent: silence.restart(options_.silence_max); break;
    case server_state::unknown: break;
    }
    if (has_given_up()) return gave_up_text;
    if (latest.passed()) return "the private nats-server did not start in time" + last_words();
    if (next_word.passed()) {
      log_.say(severity::info, "the private nats-server still reads its store" + last_words());
      next_word.restart(progress_every);
    }
    if (pause(probe_every, life_->watch()) && is_stopping()) return std::nullopt;
  }
}

bool private_server::keeper::has_given_up() {
  gave_up_ = gave_up_ || (gives_up_ && gives_up_());
  return gave_up_;
}

void private_server::keeper::watch() {
  auto delay = options_.restart_first;
  for (;;) {
    stable_.restart(stable_after);
    const auto why = watch_this_life();
    if (!why) return;
    if (stable_.passed()) delay = options_.restart_first;
    log_.say(severity::error, "the private nats-server " + *why);
    // It has ended, or would hear nothing else.
    milliseconds patience{0};
    do {
      if (stops_within(delay)) return;
      delay = std::min(2 * delay, options_.restart_longest);
    } while (!begin_again(std::exchange(patience, options_.stop_patience)));
  }
}

std::optional<std::string> private_server::keeper::watch_this_life() {
  bool is_silent = false;
  for (;;) {
    if (pause(options_.ask_every, life_->watch()) && is_stopping()) return std::nullopt;
    if (life_->has_ended()) return "ended and is started again" + last_words();
    const auto state = probe_server(settings_.port, settings_.credential, std::min(probe_patience, options_.silence_max));
    if (state == server_state::unknown) continue;
    const bool was_silent = std::exchange(is_silent, state != server_state::ready);
    if (is_silent && !was_silent) silence_.restart(options_.silence_max);
    if (is_silent && silence_.passed()) return "does not answer any more; it is killed and started again";
  }
}

/// False: to be tried again.
bool private_server::keeper::begin_again(milliseconds patience) {
  std::optional<std::string> failure;
  try {
    // Whatever is left of the last try has to go first.
    if (life_) life_->end(patience);
    failure = begin();
  } catch (const std::system_error& why) {
    failure = std::string{"the private nats-server cannot be started: "} + why.what();
  }
  if (failure) {
    log_.say(severity::error, *failure);
  } else if (!is_stopping()) {
    log_.say(severity::info, "the private nats-server answers again");
  }
  return !failure;
}

bool private_server::keeper::pause(milliseconds longest, int fd) const {
  std::array<pollfd, 2> on{{{stop_.get(), POLLIN, 0}, {fd, POLLIN, 0}}};
  return ::poll(on.data(), on.size(), static_cast<int>(longest.count())) > 0;
}

bool private_server::keeper::stops_within(milliseconds longest) const {
  pollfd on{.fd = stop_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&on, 1, static_cast<int>(longest.count())) > 0;
}

void private_server::keeper::stop() {
  if (!watcher_.joinable()) return;
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
  watcher_.join();
  if (life_) life_->end(options_.stop_patience);
}

private_server::private_server(std::unique_ptr<keeper> k) : keeper_(std::move(k)) {}
private_server::~private_server() = default;

expected<std::unique_ptr<private_server>, std::string> private_server::start(
    private_server_options options, operator_log& log, std::function<bool()> gives_up) {
  auto k = std::make_unique<keeper>(std::move(options), log);
  if (auto failure = k->open(std::move(gives_up))) return unexpected{std::move(*failure)};
  return std::unique_ptr<private_server>{new private_server{std::move(k)}};
}

const std::string& private_server::url() const { return keeper_->url(); }
std::uint16_t private_server::port() const { return keeper_->port(); }
void private_server::stop() { keeper_->stop(); }

} // namespace baton
