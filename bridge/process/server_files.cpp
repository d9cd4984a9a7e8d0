#include "bridge/process/server_files.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <sstream>
#include <string_view>
#include <system_error>

#include "bridge/process/processes.hpp"
#include "bridge/process/random.hpp"
#include "bridge/process/unique_fd.hpp"

namespace baton {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t password_bytes = 24;

std::string because(const std::string& what) { return what + ": " + std::generic_category().message(errno); }

/// As the server's configuration reads it: these two are special between quotes, all else is not.
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno != EINTR) return false;
    if (wrote > 0) text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

/// 0: it is taken. `port` 0: any.
std::uint16_t free_port(std::uint16_t port) {
  const unique_fd s{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const int on = 1;
  ::setsockopt(s.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (::bind(s.get(), reinterpret_cast<const sockaddr*>(&at), size) != 0) return 0;
  // With SO_REUSEADDR only this shows whether somebody listens there.
  if (::listen(s.get(), 1) != 0) return 0;
  if (::getsockname(s.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0) return 0;
  return ntohs(at.sin_port);
}

} // namespace

std::string server_config(const server_settings& s) {
  std::ostringstream text;
  text << "# Written by batond at each start of its private server; changes are lost.\n"
       << "listen: \"127.0.0.1:" << s.port << "\"\n"
       << "server_name: \"baton-private\"\n"
       << "max_payload: " << s.max_payload << "\n"
       << "log_file: " << in_quotes((s.folder / "server.log").string()) << "\n"
       << "logfile_size_limit: 16MB\n"
       << "logfile_max_num: 4\n"
       << "authorization { user: " << in_quotes(s.credential.user) << ", password: " << in_quotes(s.credential.password)
       << " }\n"
       << "jetstream {\n"
       << "  store_dir: " << in_quotes((s.folder / "store").string()) << "\n";
  if (s.sync_interval) {
    text << "  sync_interval: ";
    if (s.sync_interval->count() == 0) {
      text << "always\n";
    } else {
      text << "\"" << s.sync_interval->count() << "ms\"\n";
    }
  }
  text << "}\n";
  if (s.monitoring_port != 0) text << "http: \"127.0.0.1:" << s.monitoring_port << "\"\n";
  return text.str();
}

std::optional<std::string> store_private(const fs::path& file, const std::string& text) {
  auto fresh = file;
  fresh += ".new";
  {
    const unique_fd to{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    if (!to || !write_all(to.get(), text) || ::fsync(to.get()) != 0) return because("cannot write " + fresh.string());
  }
  if (std::rename(fresh.c_str(), file.c_str()) != 0) return because("cannot replace " + file.string());
  return std::nullopt;
}

expected<server_credential, std::string> credential_in(const fs::path& folder) {
  const auto file = folder / "credential";
  server_credential held;
  std::istringstream text{read_small_file(file.string()).value_or("")};
  if (text >> held.user >> held.password) return held;
  held = {"baton", random_hex(password_bytes)};
  if (auto failure = store_private(file, held.user + " " + held.password + "\n"))
    return unexpected{std::move(*failure)};
  return held;
}

std::uint16_t stored_port(const fs::path& folder) {
  std::istringstream text{read_small_file((folder / "port").string()).value_or("")};
  std::uint16_t port = 0;
  text >> port;
  return port;
}

expected<std::uint16_t, std::string> port_in(const fs::path& folder, std::uint16_t wanted) {
  std::uint16_t port = 0;
  if (wanted != 0) {
    port = free_port(wanted);
    if (port == 0) return unexpected{"port " + std::to_string(wanted) + " of 127.0.0.1 is taken by another process"};
  } else {
    if (const auto last = stored_port(folder); last != 0) port = free_port(last);
    if (port == 0) port = free_port(0);
    if (port == 0) return unexpected{because("127.0.0.1 has no free port")};
  }
  if (auto failure = store_private(folder / "port", std::to_string(port) + "\n"))
    return unexpected{std::move(*failure)};
  return port;
}

} // namespace baton
