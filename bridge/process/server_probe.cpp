#include "bridge/process/server_probe.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "bridge/process/deadline.hpp"
#include "bridge/process/unique_fd.hpp"

namespace baton {

namespace {

/// An INFO line that is longer comes from no nats-server.
constexpr std::size_t line_max = 64UL * 1024;

bool wait_for(int fd, short what, const deadline& until) {
  pollfd on{.fd = fd, .events = what, .revents = 0};
  return ::poll(&on, 1, static_cast<int>(until.left().count())) == 1;
}

bool connects(int fd, std::uint16_t port, const deadline& until) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return true;
  if (errno != EINPROGRESS || !wait_for(fd, POLLOUT, until)) return false;
  int failure = 0;
  socklen_t size = sizeof failure;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0;
}

/// The next line, without its end.
std::optional<std::string> read_line(int fd, std::string& held, const deadline& until) {
  for (;;) {
    const auto end = held.find("\r\n");
    if (end != std::string::npos) {
      auto line = held.substr(0, end);
      held.erase(0, end + 2);
      return line;
    }
    if (held.size() > line_max || until.passed() || !wait_for(fd, POLLIN, until)) return std::nullopt;
    std::array<char, 4096> bytes{};
    const auto got = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (got <= 0) return std::nullopt;
    held.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

server_state ask(std::uint16_t port, const server_credential& as, const deadline& until) {
  const unique_fd s{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!s) return server_state::unknown;
  if (!connects(s.get(), port, until)) return server_state::absent;
  std::string held;
  const auto info = read_line(s.get(), held, until);
  if (!info || !info->starts_with("INFO ")) return server_state::silent;
  // The credential is our own: nothing in it has to be escaped.
  const auto hello =
      R"(CONNECT {"verbose":false,"pedantic":false,"lang":"probe","version":"1","name":"baton-probe","user":")"
      + as.user + R"(","pass":")" + as.password + "\"}\r\nPING\r\n";
  if (::send(s.get(), hello.data(), hello.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(hello.size())) {
    return server_state::silent;
  }
  const auto answer = read_line(s.get(), held, until);
  if (!answer) return server_state::silent;
  return *answer == "PONG" ? server_state::ready : server_state::stranger;
}

} // namespace

server_state probe_server(std::uint16_t port, const server_credential& as, std::chrono::milliseconds patience) {
  try {
    return ask(port, as, deadline{patience});
  } catch (const std::system_error&) {
    return server_state::unknown;
  }
}

} // namespace baton
