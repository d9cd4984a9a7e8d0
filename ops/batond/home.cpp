#include "ops/batond/home.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

namespace baton::batond {
namespace {

namespace fs = std::filesystem;

std::string because(const std::string& what) { return what + ": " + std::strerror(errno); }

std::optional<std::string> make_private(const fs::path& dir) {
  std::error_code failed;
  fs::create_directories(dir, failed);
  if (failed) return "cannot make the directory " + dir.string() + ": " + failed.message();
  if (chmod(dir.c_str(), 0700) != 0) return because("cannot make " + dir.string() + " private");
  return std::nullopt;
}

std::string read_all(const fs::path& file) {
  std::ifstream in{file};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

bool write_whole(int to, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const auto n = write(to, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return false;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return true;
}

/// Of this process alone: unlike flock's, it is not shared with a child that has not become another program yet, which would hold
/// the directory for a moment after its node was killed. Ends when this process closes any descriptor of the file.
bool lock_for_this_process(int fd) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return fcntl(fd, F_SETLK, &whole) == 0;
}

} // namespace

std::optional<std::string> write_private_file(const fs::path& file, const std::string& text) {
  const auto beside = file.string() + ".new";
  const unique_fd out{open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (out.get() < 0) return because("cannot write " + beside);
  if (!write_whole(out.get(), text) || fsync(out.get()) != 0) return because("cannot write " + beside);
  if (rename(beside.c_str(), file.c_str()) != 0) return because("cannot replace " + file.string());
  return std::nullopt;
}

expected<home, std::string> home::open(const options& o) {
  const fs::path dir{o.node.data_dir};
  if (auto failed = make_private(dir)) return unexpected{*failed};
  const auto file = dir / "lock";
  unique_fd lock{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (lock.get() < 0) return unexpected{because("cannot open " + file.string())};
  if (!lock_for_this_process(lock.get())) {
    if (errno != EACCES && errno != EAGAIN) return unexpected{because("cannot lock " + file.string())};
    auto holder = read_all(file);
    if (!holder.empty() && holder.back() == '\n') holder.pop_back();
    return unexpected{"another batond" + (holder.empty() ? std::string{} : " (process " + holder + ")") + " uses " + dir.string() +
                      ": stop it first, or give this one its own --data-dir"};
  }
  const auto pid = std::to_string(getpid()) + "\n";
  if (ftruncate(lock.get(), 0) != 0 || !write_whole(lock.get(), pid)) return unexpected{because("cannot write " + file.string())};
  home made{dir, std::move(lock)};
  for (const auto& inner : {made.groups(), made.workspaces(), made.broker_store()}) {
    if (auto failed = make_private(inner)) return unexpected{*failed};
  }
  made.read_lives();
  return made;
}

void home::read_lives() {
  std::stringstream lines{read_all(dir_ / "lives")};
  std::vector<std::string> kept;
  for (std::string line; std::getline(lines, line);) {
    if (node_id::parse(line)) kept.push_back(line);
  }
  if (kept.size() > lives_kept) kept.erase(kept.begin(), kept.end() - lives_kept);
  for (const auto& line : kept) {
    known_dead_.insert(*node_id::parse(line));
    lives_ += line + "\n";
  }
}

std::optional<std::string> home::remember_life(const node_id& id) {
  return write_private_file(dir_ / "lives", lives_ + id.text() + "\n");
}

std::optional<std::string> home::tell_clients(const std::string& url) const {
  return write_private_file(dir_ / "client.json", nlohmann::json{{"url", url}}.dump() + "\n");
}

void home::forget_client() const {
  std::error_code ignored;
  fs::remove(dir_ / "client.json", ignored);
}

fs::path home::guard_program() const {
  std::error_code failed;
  const auto self = fs::read_symlink("/proc/self/exe", failed);
  return self.parent_path() / "baton-guard";
}

} // namespace baton::batond
