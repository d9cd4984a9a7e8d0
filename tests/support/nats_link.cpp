#include "tests/support/nats_link.hpp"

#include <stdexcept>

#include "bridge/nats/js_api.hpp"

namespace baton::support {
namespace {

std::unique_ptr<nats::connection> connect(const nats::connect_options& options) {
  auto opened = nats::connection::open(options);
  if (!opened) throw std::runtime_error(opened.error().text);
  return *std::move(opened);
}

std::unique_ptr<nats::requester> ask_over(nats::connection& link, const clock& time, nats::requester_limits limits) {
  auto opened = nats::requester::open(link, time, limits);
  if (!opened) throw std::runtime_error(std::string{nats::to_text(opened.error())});
  return *std::move(opened);
}

} // namespace

nats_link::nats_link(const std::string& url, nats::requester_limits limits)
    : nats_link{nats::connect_options{.url = url, .backoff_min = milliseconds{10}, .backoff_max = milliseconds{50}},
          limits} {}

nats_link::nats_link(nats::connect_options options, nats::requester_limits limits)
    : link{connect(options)}, asks{ask_over(*link, time, limits)} {
  link->listen(log);
}

nats::requester::result nats_link::ask(
    const std::string& subject, std::string_view payload, nats::header_list with, milliseconds timeout) {
  return nats::call(*asks, subject, with, payload, timeout);
}

bool nats_link::wait_connected() {
  const auto deadline = time.monotonic_now() + patience;
  while (time.monotonic_now() < deadline) {
    if (ask("$JS.API.INFO", "", {}, milliseconds{500})) return true;
  }
  return false;
}

} // namespace baton::support
