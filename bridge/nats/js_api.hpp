// JetStream's API over a requester: subjects, JSON in and out, what the server refuses, messages read back one at a time.
// Any thread, but `call` blocks and is for start-up and clients only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/nats/failure.hpp"
#include "bridge/nats/requester.hpp"
#include "bridge/nats/server_text.hpp"
#include "messages/expected.hpp"
#include "messages/ids.hpp"
#include "messages/instant.hpp"
#include "messages/value.hpp"

namespace baton::nats {

/// How long the API may take before it counts as unreachable.
inline constexpr milliseconds api_patience{5'000};

// Numbers that JetStream gives its refusals, as far as they are told apart.
namespace refusal_code {
inline constexpr std::int64_t insufficient_resources = 10'023;
inline constexpr std::int64_t no_message = 10'037;
inline constexpr std::int64_t jetstream_not_enabled = 10'039;
inline constexpr std::int64_t sequence_not_found = 10'043;
inline constexpr std::int64_t insufficient_storage = 10'047;
inline constexpr std::int64_t message_too_large = 10'054;
inline constexpr std::int64_t delete_failed = 10'057;
inline constexpr std::int64_t stream_differs = 10'058;
inline constexpr std::int64_t stream_not_found = 10'059;
inline constexpr std::int64_t wrong_last_sequence = 10'071;
inline constexpr std::int64_t store_failed = 10'077;
inline constexpr std::int64_t header_too_large = 10'097;
} // namespace refusal_code

struct api_failure {
  /// Set if the server's answer never came; then the rest is empty but the text.
  std::optional<failure> link;
  /// JetStream's own number; 0 if the answer could not be read.
  std::int64_t code = 0;
  std::string text;
};
[[nodiscard]] api_failure api_failure_of(failure link);

/// `$JS.API.<verb>.<stream>`
[[nodiscard]] std::string api_subject(std::string_view verb, std::string_view stream);
/// The answer to an API request, unless it is an error.
[[nodiscard]] expected<value, api_failure> read_api_answer(std::string_view json);

using api_result = expected<value, api_failure>;
void ask_api(
    requester& over, const std::string& subject, std::string_view payload, std::function<void(api_result)> done);
/// Blocks until the answer is there or `api_patience` has passed.
[[nodiscard]] api_result call_api(requester& over, const std::string& subject, std::string_view payload = {});
/// A request of any kind, waited for.
[[nodiscard]] requester::result call(
    requester& over, const std::string& subject, header_list with, std::string_view payload, milliseconds timeout);

/// JSON text of an object.
[[nodiscard]] std::string to_json(value::object fields);
// Fields of an answer; nullptr, 0 or empty if they are not there or of another type.
[[nodiscard]] const value* field_at(const value& in, std::initializer_list<std::string_view> path);
[[nodiscard]] std::uint64_t number_at(const value& in, std::initializer_list<std::string_view> path);
[[nodiscard]] std::string text_at(const value& in, std::initializer_list<std::string_view> path);

/// A message as a stream holds it.
struct stored_message {
  std::string subject;
  stream_seq seq;
  instant stored_at;
  /// In the order in which they were sent, per name.
  std::vector<header_line> headers;
  std::string payload;

  /// The first of that name; empty if there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

/// Of `$JS.API.STREAM.MSG.GET.<stream>`, which the stream's leader answers.
[[nodiscard]] expected<stored_message, api_failure> read_message_answer(std::string_view json);
/// Of `$JS.API.DIRECT.GET.<stream>`, which any replica answers. A status other than 0 is an error, 404 as `no_message`.
[[nodiscard]] expected<stored_message, api_failure> read_direct_answer(const reply& answer);

[[nodiscard]] std::string last_by_subject(std::string_view subject);
[[nodiscard]] std::string next_by_subject(std::string_view subject, stream_seq from);
[[nodiscard]] std::string by_sequence(stream_seq seq);

} // namespace baton::nats
