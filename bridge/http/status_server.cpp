#include "bridge/http/status_server.hpp"

#include <httplib.h>

#include <cerrno>
#include <csignal>
#include <future>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace baton {

namespace {

constexpr auto plain_text = "text/plain; charset=utf-8";
constexpr auto prometheus_text = "text/plain; version=0.0.4; charset=utf-8";

void answer(httplib::Response& to, int status, std::string_view body, const char* type = plain_text) {
  to.status = status;
  to.set_content(body.data(), body.size(), type);
}

void answer_readiness(const status_server::sources& ask, httplib::Response& to) {
  const auto why_not = ask.why_not_ready();
  if (why_not) return answer(to, 503, *why_not + "\n");
  answer(to, 200, "ready\n");
}

void route(const status_server::sources& ask, const httplib::Request& request, httplib::Response& to) {
  if (request.method != "GET" && request.method != "HEAD") {
    to.set_header("Allow", "GET, HEAD");
    return answer(to, 405, "only GET and HEAD\n");
  }
  if (request.path == "/healthz") return answer(to, 200, "ok\n");
  if (request.path == "/readyz") return answer_readiness(ask, to);
  if (request.path == "/metrics") return answer(to, 200, ask.metrics(), prometheus_text);
  answer(to, 404, "there are /healthz, /readyz and /metrics\n");
}

/// The library's own default also shares the port with whoever else asks: two nodes would split the answers.
void refuse_to_share(int socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

/// Threads that are started while one of these lives get no signals: those are the main thread's.
class signals_blocked {
public:
  signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

private:
  sigset_t before_{};
};

} // namespace

struct status_server::inside {
  explicit inside(sources from) : ask(std::move(from)) {
    // Before any route is looked for, so that no body is read and no pattern is matched.
    server.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& to) {
      route(ask, request, to);
      return httplib::Server::HandlerResponse::Handled;
    });
    server.set_socket_options(refuse_to_share);
    server.set_keep_alive_max_count(1);
    server.set_keep_alive_timeout(patience.count());
    server.set_read_timeout(patience);
    server.set_write_timeout(patience);
    server.new_task_queue = [this] {
      // Called once it counts as running: from here on `stop` is heard.
      is_running.set_value();
      return new httplib::ThreadPool(status_server::workers);
    };
  }

  bool bind(const listen_address& to) {
    at = to;
    if (to.port != 0) return server.bind_to_port(to.host, to.port);
    const int port = server.bind_to_any_port(to.host);
    at.port = static_cast<std::uint16_t>(port);
    return port > 0;
  }

  sources ask;
  listen_address at;
  httplib::Server server;
  std::promise<void> is_running;
  std::thread thread;
};

status_server::status_server(std::unique_ptr<inside> made) : inside_(std::move(made)) {}

expected<std::unique_ptr<status_server>, std::string> status_server::start(const listen_address& at, sources ask) {
  auto made = std::make_unique<inside>(std::move(ask));
  errno = 0;
  if (!made->bind(at)) {
    const auto why = errno == 0 ? std::string{"no such address"} : std::generic_category().message(errno);
    return unexpected{"cannot listen on " + at.host + ":" + std::to_string(at.port) + ": " + why};
  }
  {
    const signals_blocked none;
    made->thread = std::thread{[server = &made->server] { server->listen_after_bind(); }};
  }
  made->is_running.get_future().wait();
  return std::unique_ptr<status_server>{new status_server{std::move(made)}};
}

status_server::~status_server() {
  inside_->server.stop();
  inside_->thread.join();
}

const listen_address& status_server::address() const noexcept { return inside_->at; }

} // namespace baton
