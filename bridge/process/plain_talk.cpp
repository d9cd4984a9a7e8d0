#include "bridge/process/plain_talk.hpp"

#include <algorithm>

#include "messages/codec.hpp"
#include "messages/codec_text.hpp"

namespace baton {

namespace {

constexpr int exit_temporary_failure = 75;

std::string in_utf8(std::string_view text) {
  std::string repaired;
  return std::string{codec::as_utf8(text, repaired)};
}

} // namespace

std::string describe(const program_end& end) {
  switch (end.how) {
  case program_end::manner::exited: return "exited with code " + std::to_string(end.number);
  case program_end::manner::signalled: return "was killed by signal " + std::to_string(end.number);
  case program_end::manner::not_started: return "could not be started";
  case program_end::manner::guard_lost: return "lost its guard";
  case program_end::manner::unknown: break;
  }
  return "ended";
}

std::string plain_talk::opening(const slice_request& request) const {
  // What was said to the run before this slice belongs to what it is asked.
  const auto input = said_together(request.input.input, request.input.steers);
  if (const auto* text = input.as<std::string>()) return *text;
  return input.is_null() ? std::string{} : codec::encode_value(input, encoding::json);
}

void plain_talk::hear(std::string_view bytes) { heard_ += bytes; }

std::optional<spoken> plain_talk::next() {
  auto piece = take_piece();
  if (piece.empty()) return std::nullopt;
  return live_note{"delta", in_utf8(piece)};
}

std::string plain_talk::take_piece() {
  const auto rest = std::string_view{heard_}.substr(told_);
  const auto newline = rest.find('\n');
  auto size = newline == std::string_view::npos ? 0 : newline + 1;
  if (size == 0 && over_) size = rest.size();
  if (size == 0 && rest.size() >= piece_max) size = piece_max;
  size = std::min(size, piece_max);
  // Not in the middle of a character, if these are characters at all.
  if (size < rest.size()) {
    for (int back = 0; back < 3 && (static_cast<unsigned char>(rest[size]) & 0xC0U) == 0x80U; ++back)
      --size;
  }
  told_ += size;
  return std::string{rest.substr(0, size)};
}

slice_end plain_talk::conclude(const program_end& end) {
  const bool exited = end.how == program_end::manner::exited;
  if (exited && end.number == 0) return {completed{in_utf8(heard_)}, {}, std::nullopt};
  const bool retryable = exited && end.number == exit_temporary_failure;
  return {failed{reason::program_exit, "the program " + describe(end), retryable}, {}, std::nullopt};
}

} // namespace baton
