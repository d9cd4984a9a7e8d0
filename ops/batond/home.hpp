// A node's data directory: one `batond` at a time lives there. It holds the private broker's store, the programs' workspaces,
// what must be killed after a crash, the lives that are over, and how clients on this machine find the broker.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "bridge/process/unique_fd.hpp"
#include "config/options.hpp"
#include "messages/expected.hpp"
#include "messages/ids.hpp"

namespace baton::batond {

class home {
public:
  /// Makes the directory (mode 0700) if it is not there, and locks it until this object, or the process, ends. A second node on
  /// the same directory is told who has it. Errors are lines for a person.
  [[nodiscard]] static expected<home, std::string> open(const options& o);

  [[nodiscard]] const std::filesystem::path& dir() const noexcept { return dir_; }
  [[nodiscard]] std::filesystem::path groups() const { return dir_ / "groups"; }
  [[nodiscard]] std::filesystem::path workspaces() const { return dir_ / "workspaces"; }
  [[nodiscard]] std::filesystem::path broker_store() const { return dir_ / "nats"; }
  [[nodiscard]] std::filesystem::path stream_memory() const { return dir_ / "streams.json"; }
  /// `baton-guard`, beside this program.
  [[nodiscard]] std::filesystem::path guard_program() const;

  /// Lives of `batond` that had this directory before. The lock proves that they are over.
  [[nodiscard]] const std::set<node_id>& known_dead() const noexcept { return known_dead_; }
  /// Before this life owns anything. Nothing: it is written down.
  [[nodiscard]] std::optional<std::string> remember_life(const node_id& id);
  /// Readable by this user only: the URL may hold a password.
  [[nodiscard]] std::optional<std::string> tell_clients(const std::string& url) const;
  void forget_client() const;

private:
  /// A node that was killed this often without owning anything in between has forgotten the eldest; their leases ran out.
  static constexpr std::size_t lives_kept = 256;

  home(std::filesystem::path dir, unique_fd lock) : dir_(std::move(dir)), lock_(std::move(lock)) {}
  void read_lives();

  std::filesystem::path dir_;
  unique_fd lock_;
  std::set<node_id> known_dead_;
  std::string lives_;
};

/// Replaces the file as a whole, for this user only (mode 0600). Nothing: it is written.
[[nodiscard]] std::optional<std::string> write_private_file(const std::filesystem::path& file, const std::string& text);

} // namespace baton::batond
