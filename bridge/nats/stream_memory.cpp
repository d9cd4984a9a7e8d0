#include "bridge/nats/stream_memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "bridge/nats/js_api.hpp"
#include "messages/codec.hpp"

namespace baton::nats {
namespace {

constexpr codec::decode_limits file_limits{.bytes_max = 64 * 1024, .depth_max = 8, .values_max = 1'024};

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

/// The file's content, or the directory's knowledge of it, is on the disk.
bool sync(const std::filesystem::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = ::fsync(fd) == 0;
  ::close(fd);
  return done;
}

std::string story(const seen_stream& was) {
  return "stream " + was.name + ", last seen here at message " + std::to_string(was.last_seq) + " (made " + was.made
      + ")";
}

} // namespace

expected<std::vector<seen_stream>, std::string> load_seen(const std::filesystem::path& file) {
  std::ifstream in{file};
  std::vector<seen_stream> streams;
  if (!in) {
    if (std::error_code ignored; !std::filesystem::exists(file, ignored)) return streams;
    return unexpected{"cannot read " + file.string()};
  }
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  const auto decoded = codec::decode_value(text, file_limits);
  const auto* list = decoded ? field_at(decoded->value, {"streams"}) : nullptr;
  const auto* rows = list == nullptr ? nullptr : list->as<value::array>();
  if (rows == nullptr) return unexpected{file.string() + " does not hold what this node has seen of the streams"};
  for (const auto& row : *rows) {
    streams.push_back(
        {text_at(row, {"name"}), text_at(row, {"made"}), number_at(row, {"last_seq"})});
  }
  return streams;
}

std::optional<std::string> save_seen(const std::filesystem::path& file, const std::vector<seen_stream>& streams) {
  value::array rows;
  for (const auto& one : streams) {
    rows.emplace_back(value::object{
        {"name", one.name}, {"made", one.made}, {"last_seq", one.last_seq}});
  }
  const auto text = to_json({{"streams", std::move(rows)}}) + "\n";
  auto fresh = file;
  fresh += ".new";
  const auto failed = [&] { return "cannot write " + file.string() + ": " + std::strerror(errno); };
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return failed();
  const bool wrote = write_all(fd, text) && ::fsync(fd) == 0;
  ::close(fd);
  if (!wrote || ::rename(fresh.c_str(), file.c_str()) != 0) return failed();
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path{"."};
  if (!sync(folder, O_RDONLY | O_DIRECTORY)) return failed();
  return std::nullopt;
}

std::string loss(const std::vector<seen_stream>& before, const std::vector<seen_stream>& now) {
  for (const auto& was : before) {
    const auto is = std::ranges::find(now, was.name, &seen_stream::name);
    if (is == now.end()) return story(was) + ", is gone";
    if (is->made != was.made) return story(was) + ", was made anew on " + is->made + ": what it held is gone";
    if (is->last_seq < was.last_seq) {
      return story(was) + ", now ends at message " + std::to_string(is->last_seq)
          + ": the server has lost messages that it had confirmed";
    }
  }
  return {};
}

} // namespace baton::nats
