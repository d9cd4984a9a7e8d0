#include "bridge/process/random.hpp"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace baton {

std::string random_hex(std::size_t bytes) {
  constexpr const char* digits = "0123456789abcdef";
  std::string raw(bytes, '\0');
  for (std::size_t done = 0; done < bytes;) {
    const auto got = ::getrandom(raw.data() + done, bytes - done, 0);
    if (got < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "getrandom");
    if (got > 0) done += static_cast<std::size_t>(got);
  }
  std::string text;
  text.reserve(2 * bytes);
  for (const char c : raw) {
    text += digits[static_cast<unsigned char>(c) >> 4U];
    text += digits[static_cast<unsigned char>(c) & 0xFU];
  }
  return text;
}

} // namespace baton
