#include "ops/batond/system.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <time.h>

#include <nlohmann/json.hpp>

namespace baton::batond {
namespace {

spdlog::level::level_enum level_of(log_level level) {
  switch (level) {
    case log_level::error: return spdlog::level::err;
    case log_level::warning: return spdlog::level::warn;
    case log_level::info: return spdlog::level::info;
    case log_level::debug: return spdlog::level::debug;
    case log_level::trace: return spdlog::level::trace;
  }
  return spdlog::level::info;
}

/// Escapes what JSON needs; spdlog's pattern writes the rest of the object around it.
class json_text final : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& into) override {
    const auto text = nlohmann::json(std::string{message.payload.data(), message.payload.size()})
                          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    into.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return spdlog::details::make_unique<json_text>(); }
};

std::string as_id(std::string text, std::size_t longest) {
  for (auto& c : text) {
    if (!id_rules::is_word(c)) c = '-';
  }
  if (text.size() > longest) text.resize(longest);
  return text;
}

std::mt19937& generator() {
  static thread_local std::mt19937 made{std::random_device{}()};
  return made;
}

std::string in_base_36(std::uint64_t n) {
  static constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string text;
  do {
    text.insert(text.begin(), digits[n % 36]);
    n /= 36;
  } while (n > 0);
  return text;
}

} // namespace

instant system_clock::now() const {
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

monotonic_instant system_clock::monotonic_now() const {
  // Not CLOCK_MONOTONIC: that one stands still while the machine is suspended, and others' leases and the guards' do not.
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return monotonic_instant{milliseconds{std::int64_t{t.tv_sec} * 1'000 + t.tv_nsec / 1'000'000}};
}

node_id fresh_node_id(const std::string& name, const clock& time) {
  const auto started = static_cast<std::uint64_t>(time.now().time_since_epoch().count());
  const auto text = as_id(name.empty() ? "node" : name, 20) + "-" + in_base_36(started) + "-" + in_base_36(generator()());
  return node_id::parse(text).value_or(node_id{});
}

node_ids::node_ids(const node_id& of) : prefix_(of.text() + "-") {}

execution_id node_ids::fresh_execution() {
  return execution_id::parse(prefix_ + in_base_36(++last_)).value_or(execution_id{});
}

std::uint32_t node_ids::chance() { return generator()(); }

stderr_log::stderr_log(const logging_options& how) {
  auto logger = spdlog::stderr_color_mt("batond");
  logger->set_level(level_of(how.level));
  if (how.format == log_format::json) {
    auto pattern = std::make_unique<spdlog::pattern_formatter>();
    pattern->add_flag<json_text>('*').set_pattern(R"({"at":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","text":%*})");
    logger->set_formatter(std::move(pattern));
  } else {
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v");
  }
  spdlog::set_default_logger(std::move(logger));
}

void stderr_log::say(severity how, std::string_view what) {
  switch (how) {
    case severity::info: spdlog::info("{}", what); return;
    case severity::warning: spdlog::warn("{}", what); return;
    case severity::error: spdlog::error("{}", what); return;
  }
}

} // namespace baton::batond
