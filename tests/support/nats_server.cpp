#include "tests/support/nats_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace baton::support {
namespace {

constexpr auto ready_patience = std::chrono::seconds{20};
constexpr std::string_view ready_line = "Server is ready";

/// Free at this moment; the next process to bind may still be somebody else's.
std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0
      && ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (fd >= 0) ::close(fd);
  if (!bound) throw std::runtime_error("no free loopback port");
  return ntohs(address.sin_port);
}

} // namespace

temp_dir::temp_dir() {
  auto pattern = (std::filesystem::temp_directory_path() / "baton-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a temporary directory");
  path_ = pattern;
}

temp_dir::~temp_dir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

/// Drains the server's log pipe, so that the server never blocks on it.
struct nats_server::log_reader {
  explicit log_reader(int pipe) : fd{pipe}, reader{[this] { run(); }} {}
  ~log_reader() {
    reader.join(); // the pipe ends with the server
    ::close(fd);
  }

  void run() {
    std::array<char, 4096> chunk{};
    while (true) {
      const auto got = ::read(fd, chunk.data(), chunk.size());
      const std::lock_guard lock{mutex};
      if (got <= 0) {
        ended = true;
        changed.notify_all();
        return;
      }
      text.append(chunk.data(), static_cast<std::size_t>(got));
      changed.notify_all();
    }
  }

  bool wait_ready() {
    std::unique_lock lock{mutex};
    changed.wait_for(lock, ready_patience, [this] { return ended || text.find(ready_line) != std::string::npos; });
    return !ended && text.find(ready_line) != std::string::npos;
  }

  int fd;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::string text;
  bool ended = false;
  std::thread reader;
};

nats_server::nats_server(nats_server_options options) : options_{std::move(options)}, port_{free_port()} { start(); }

nats_server::~nats_server() { kill(); }

std::string nats_server::url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

std::string nats_server::log() const {
  if (!log_) return {};
  const std::lock_guard lock{log_->mutex};
  return log_->text;
}

void nats_server::write_config() const {
  std::ofstream file{dir() / "server.conf"};
  file << "listen: \"127.0.0.1:" << port_ << "\"\n" << options_.more_config << "\n";
  if (options_.jetstream) file << "jetstream { store_dir: " << (dir() / "store") << " }\n";
}

void nats_server::start() {
  if (process_ > 0) return;
  write_config();
  const auto config = (dir() / "server.conf").string();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  process_ = ::fork();
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(ends[1], STDERR_FILENO);
    ::execlp("nats-server", "nats-server", "-c", config.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(ends[1]);
  log_ = std::make_unique<log_reader>(ends[0]);
  if (process_ < 0 || !log_->wait_ready()) {
    const auto said = log();
    kill();
    throw std::runtime_error("nats-server did not get ready:\n" + said);
  }
}

void nats_server::start_empty() {
  kill();
  std::filesystem::remove_all(dir() / "store");
  start();
}

void nats_server::configure(nats_server_options options) { options_ = std::move(options); }

void nats_server::kill() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

void nats_server::pause() {
  ::kill(process_, SIGSTOP);
  ::waitpid(process_, nullptr, WUNTRACED); // the signal alone may take effect only later
}
void nats_server::resume() { ::kill(process_, SIGCONT); }

} // namespace baton::support
