#include "bridge/nats/server_greeting.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "bridge/nats/js_api.hpp"
#include "messages/codec.hpp"

namespace baton::nats {
namespace {

constexpr std::string_view default_port = "4222";
/// A cluster's list of addresses makes it long; nothing sane is longer.
constexpr std::size_t greeting_max = 64 * 1024;
constexpr codec::decode_limits greeting_limits{.bytes_max = greeting_max, .depth_max = 8, .values_max = 4'096};

class descriptor {
public:
  explicit descriptor(int fd) : fd_{fd} {}
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }

private:
  int fd_;
};

struct release_addresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

struct endpoint {
  std::string host;
  std::string port;
};

endpoint endpoint_of(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  if (const auto at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
  if (url.ends_with('/')) url.remove_suffix(1);
  auto colon = url.find_last_of(":]");
  if (colon != std::string_view::npos && url[colon] == ']') colon = std::string_view::npos;
  auto host = url.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {std::string{host}, std::string{colon == std::string_view::npos ? default_port : url.substr(colon + 1)}};
}

bool wait_for(int fd, short event, milliseconds patience) {
  pollfd watched{fd, event, 0};
  return ::poll(&watched, 1, static_cast<int>(patience.count())) == 1;
}

/// A patience for each step bounds the whole: there are few.
bool connect_within(int fd, const addrinfo& to, milliseconds patience) {
  if (::connect(fd, to.ai_addr, to.ai_addrlen) == 0) return true;
  if (errno != EINPROGRESS || !wait_for(fd, POLLOUT, patience)) return false;
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

std::optional<std::string> read_line(int fd, milliseconds patience) {
  std::string line;
  std::array<char, 4'096> chunk{};
  while (line.size() < greeting_max) {
    if (!wait_for(fd, POLLIN, patience)) return std::nullopt;
    const auto got = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (got <= 0) return std::nullopt;
    line.append(chunk.data(), static_cast<std::size_t>(got));
    if (const auto end = line.find("\r\n"); end != std::string::npos) return line.substr(0, end);
  }
  return std::nullopt;
}

bool flag(const value& in, std::string_view name) {
  const auto* held = in.find(name);
  const auto* set = held == nullptr ? nullptr : held->as<bool>();
  return set != nullptr && *set;
}

/// Major, minor, patch; what follows them does not count.
std::optional<std::array<unsigned, 3>> numbers_of(std::string_view version) {
  std::array<unsigned, 3> numbers{};
  for (auto& number : numbers) {
    const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), number);
    if (error != std::errc{}) return std::nullopt;
    version.remove_prefix(static_cast<std::size_t>(end - version.data()));
    if (&number != &numbers.back()) {
      if (!version.starts_with('.')) return std::nullopt;
      version.remove_prefix(1);
    }
  }
  return numbers;
}

} // namespace

expected<server_greeting, std::string> read_greeting(std::string_view url, milliseconds patience) {
  const auto [host, port] = endpoint_of(url);
  const auto failed = [&](std::string_view why) {
    return unexpected{"no greeting from " + host + ":" + port + ": " + std::string{why}};
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0)
    return failed(::gai_strerror(error));
  const std::unique_ptr<addrinfo, release_addresses> addresses{found};
  for (const auto* one = found; one != nullptr; one = one->ai_next) {
    const descriptor socket{
        ::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, one->ai_protocol)};
    if (socket.get() < 0 || !connect_within(socket.get(), *one, patience)) continue;
    const auto line = read_line(socket.get(), patience);
    if (!line) return failed("it says nothing");
    auto greeting = parse_greeting(*line);
    if (!greeting) return failed("not a NATS server");
    return *std::move(greeting);
  }
  return failed("cannot connect");
}

std::optional<server_greeting> parse_greeting(std::string_view line) {
  if (!line.starts_with("INFO ")) return std::nullopt;
  const auto decoded = codec::decode_value(line.substr(5), greeting_limits);
  if (!decoded) return std::nullopt;
  const auto& said = decoded->value;
  server_greeting greeting;
  greeting.version = text_at(said, {"version"});
  greeting.server_name = text_at(said, {"server_name"});
  greeting.cluster = text_at(said, {"cluster"});
  greeting.max_payload = number_at(said, {"max_payload"});
  greeting.jetstream = flag(said, "jetstream");
  greeting.headers = flag(said, "headers");
  greeting.tls_required = flag(said, "tls_required");
  greeting.auth_required = flag(said, "auth_required");
  return greeting;
}

bool is_new_enough(std::string_view version) {
  const auto numbers = numbers_of(version);
  return numbers && *numbers >= *numbers_of(server_version_min);
}

} // namespace baton::nats
