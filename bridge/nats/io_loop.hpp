// The thread that reads and writes one connection's socket, in place of nats.c's own. Whoever publishes only appends to a buffer:
// nobody ever waits for a slow or silent server, and under load what came meanwhile leaves in one write, without a delay when
// little is in flight.
#pragma once

#include <nats/nats.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace baton::nats {

class io_loop {
public:
  /// Throws std::system_error if the machine has no descriptor or thread left.
  io_loop();
  /// The connection is closed, or about to be by another thread: waits until it has let go.
  ~io_loop();
  io_loop(const io_loop&) = delete;
  io_loop& operator=(const io_loop&) = delete;

  /// For one connection, made from these options afterwards. The loop outlives it.
  [[nodiscard]] natsStatus serve(natsOptions* options);
  /// Returns once what the thread is doing now is over; at once on the thread itself.
  void finish_round();

private:
  static natsStatus on_attach(void** user, void* loop, natsConnection* connection, natsSock socket);
  static natsStatus on_read(void* user, bool add);
  static natsStatus on_write(void* user, bool add);
  static natsStatus on_detach(void* user);

  void run();
  /// What the thread is to do next, as nats.c asked for it.
  struct order {
    natsConnection* connection = nullptr;
    int socket = -1;
    bool read = false;
    bool write = false;
    bool stop = false;
  };
  /// From here to `end` the thread may be inside nats.c.
  [[nodiscard]] order begin();
  [[nodiscard]] order end();
  /// False, and not begun: the connection was lost, and its socket's number may be another's by now.
  [[nodiscard]] bool begin_read(const order& seen);
  void wait_for_work(const order& left, bool tried_to_write);
  void wake() const;

  int wakeup_;
  std::mutex mutex_;
  std::condition_variable rested_;
  order now_;
  /// The connection's `detach` is still to come.
  bool attached_ = false;
  bool busy_ = false;
  std::uint64_t rounds_ = 0;
  std::thread thread_;
};

} // namespace baton::nats
