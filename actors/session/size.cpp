// What a commit has room for.
#include <algorithm>

#include "actors/session/draft.hpp"

namespace baton::session {
namespace {

std::size_t rough_size(const value& v) {
  return std::visit(overloaded{[](const std::string& s) { return s.size() + 5; },
                               [](const value::bytes& b) { return b.data.size() + 5; },
                               [](const value::array& items) {
                                 std::size_t n = 5;
                                 for (const auto& item : items) n += rough_size(item);
                                 return n;
                               },
                               [](const value::object& fields) {
                                 std::size_t n = 5;
                                 for (const auto& [name, held] : fields) n += name.size() + 5 + rough_size(held);
                                 return n;
                               },
                               [](const auto&) { return std::size_t{9}; }},
                    v.of());
}

std::size_t size_of(const std::vector<entry>& entries) {
  std::size_t together = 0;
  for (const auto& e : entries) together += stored_size(e.content);
  return together;
}

} // namespace

std::size_t stored_size(const value& content) { return 128 + std::min(rough_size(content), inline_max); }

bool fits(const std::vector<entry>& entries, const limits& l) { return size_of(entries) <= l.record_bytes_max; }

/// For more entries in the same commit.
std::size_t room_left(const std::vector<entry>& entries, const limits& l) {
  return l.record_bytes_max - std::min(size_of(entries), l.record_bytes_max);
}

} // namespace baton::session
