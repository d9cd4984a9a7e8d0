// Handles of libuv with one owner: given up, they are closed by their loop, which frees them when it is done with them; their
// callbacks do not come any more. Only on the loop's thread.
#pragma once

#include <uv.h>

#include <memory>

namespace baton {

template <class Handle>
struct close_handle {
  void operator()(Handle* h) const {
    ::uv_close(
        reinterpret_cast<uv_handle_t*>(h), [](uv_handle_t* closed) { delete reinterpret_cast<Handle*>(closed); });
  }
};
/// Must hold only handles that were initialised: see `make_*`.
template <class Handle>
using uv_owned = std::unique_ptr<Handle, close_handle<Handle>>;

template <class Handle>
[[nodiscard]] uv_stream_t* as_stream(const uv_owned<Handle>& h) {
  return reinterpret_cast<uv_stream_t*>(h.get());
}

} // namespace baton
